// @ts-check
/** The section of polls: opening one, how it stands, closing it, how it ended. */
import { durationField, el, field } from "./desk-dom.js";

/** @typedef {import("./desk.js").Desk} Desk */

const MOST_OPTIONS = 8;
const LEAST_OPTIONS = 2;
const LONGEST_QUESTION = 200; // characters
const LONGEST_OPTION = 100; // characters
const TIMES = [60, 120, 300, 600]; // s
const USUAL_TIME = 120; // s
const LONGEST_TIME = 86_400; // s
const TICK = 1000; // ms

export class PollPart {
  #desk;
  #form;
  #standing = el("div", { id: "desk-poll", className: "block" });
  #none;
  #drafting = false; // the form is shown in the place of a poll that is over
  #shownPoll = 0; // seq of the poll that is drawn
  /** @type {{bar: HTMLElement, count: HTMLElement, row: HTMLElement}[]} */ #options = [];
  #left = el("p", { className: "muted", id: "desk-poll-left" });
  #actions = el("div", { className: "buttons" });
  /** @type {ReturnType<typeof setInterval>|undefined} */ #clock;

  /** @param {Desk} desk */
  constructor(desk) {
    const { words, room, client } = desk;
    this.#desk = desk;
    this.#form = new PollForm(desk, () => (this.#drafting = false));
    this.#none = el("p", { className: "muted", textContent: words.noPoll });
    this.node = el("div", { className: "section" }, this.#standing, this.#form.node, this.#none);
    for (const type of ["welcome", "poll", "poll_closed", "votes"]) {
      client.addEventListener(type, () => this.#show(), { signal: room.signal });
    }
    room.signal.addEventListener("abort", () => this.hidden());
  }

  shown() {
    this.#show();
    clearInterval(this.#clock);
    this.#clock = setInterval(() => this.#tellLeft(), TICK);
  }

  hidden() {
    clearInterval(this.#clock);
  }

  get #isOpen() {
    return this.#desk.room.poll?.type === "poll";
  }

  #show() {
    const { room: { poll }, produces } = this.#desk;
    if (this.#isOpen) this.#drafting = false;
    const standing = poll !== null && !this.#drafting;
    this.#standing.hidden = !standing;
    this.#form.node.hidden = standing || !produces;
    this.#none.hidden = standing || produces;
    if (standing) this.#draw(poll);
  }

  /** @param {Record<string, any>} poll */
  #draw(poll) {
    const { words, room } = this.#desk;
    if (this.#shownPoll !== poll.poll) this.#build(poll);
    const votes = poll.votes ?? (room.votes?.poll === poll.poll ? room.votes?.votes : null) ?? [];
    const total = votes.reduce((/** @type {number} */ sum, /** @type {number} */ n) => sum + n, 0);
    const best = Math.max(1, ...votes);
    this.#options.forEach(({ bar, count, row }, i) => {
      const share = total ? (votes[i] ?? 0) / total : 0;
      bar.style.setProperty("--share", String(share));
      count.textContent = words.pollShare(share, votes[i] ?? 0);
      row.classList.toggle("best", !this.#isOpen && votes[i] === best);
    });
    this.#actions.hidden = !this.#desk.produces;
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (this.#actions.querySelectorAll("button"))) {
      button.hidden = button.classList.contains("close") !== this.#isOpen;
    }
    this.#tellLeft();
  }

  /** @param {Record<string, any>} poll */
  #build(poll) {
    const { words } = this.#desk;
    this.#shownPoll = poll.poll;
    this.#options = poll.options.map((/** @type {string} */ option) => {
      const count = el("span", { className: "count" });
      const bar = el("span", { className: "bar" });
      return { bar, count, row: el("li", {}, el("span", { className: "option-text", dir: "auto", textContent: option }), count, bar) };
    });
    this.#actions.replaceChildren(
      el("button", { type: "button", className: "close", part: "button", textContent: words.closePoll, onclick: () => this.#close() }),
      el("button", { type: "button", part: "button", textContent: words.newPoll, onclick: () => this.#draft() }));
    this.#standing.replaceChildren(
      el("h4", { dir: "auto", textContent: poll.question }),
      el("ul", { className: "results" }, ...this.#options.map(({ row }) => row)),
      this.#left,
      this.#actions);
  }

  #tellLeft() {
    const { words, room: { poll, votes } } = this.#desk;
    if (!poll) return;
    /** @type {number[]} */
    const counts = poll.votes ?? (votes?.poll === poll.poll ? votes?.votes : null) ?? [];
    const total = counts.reduce((sum, n) => sum + n, 0);
    const left = Math.max(0, Math.ceil((poll.ends - Date.now()) / 1000));
    const text = this.#isOpen ? words.pollOpen(total, left) : words.pollOver(total);
    if (this.#left.textContent !== text) this.#left.textContent = text;
  }

  async #close() {
    await this.#desk.act(() => this.#desk.client.closePoll(), this.#desk.words.pollClosed);
    if (!this.#isOpen) /** @type {HTMLElement|null} */ (this.#actions.querySelector("button:not([hidden])"))?.focus();
  }

  #draft() {
    this.#drafting = true;
    this.#show();
    this.#form.focus();
  }
}

/** The form that opens a poll. */
class PollForm {
  #desk;
  #question;
  #list = el("ul", { className: "options" });
  /** @type {ReturnType<typeof field<HTMLInputElement>>[]} */ #options = [];
  #add;
  #time;
  #button;
  #problem = el("p", { className: "problem", role: "alert" });

  /** @param {Desk} desk @param {() => void} onOpened */
  constructor(desk, onOpened) {
    const { words } = desk;
    this.#desk = desk;
    this.#question = field(el("input", { type: "text", id: "desk-question", dir: "auto" }), words.question);
    this.#add = el("button", { type: "button", className: "quiet", part: "button", textContent: words.addOption, onclick: () => this.#addOption().input.focus() });
    this.#time = durationField(words, { label: words.howLongPoll, choices: TIMES, chosen: USUAL_TIME, most: LONGEST_TIME });
    this.#button = el("button", { part: "button", textContent: words.openPoll });
    this.node = el("form", { id: "desk-poll-form", className: "block", noValidate: true, autocomplete: "off", onsubmit: (/** @type {Event} */ e) => this.#submit(e, onOpened) },
      el("h4", { textContent: words.pollHeading }),
      this.#question.node, this.#list, this.#add, this.#time.node, this.#problem,
      el("div", { className: "buttons" }, this.#button));
    for (let i = 0; i < LEAST_OPTIONS; i++) this.#addOption();
  }

  focus() {
    this.#question.input.focus();
  }

  #addOption() {
    const { words } = this.#desk;
    const option = field(el("input", { type: "text", dir: "auto" }), words.option(this.#options.length + 1));
    this.#options.push(option);
    this.#list.append(el("li", {}, option.node, el("button", {
      type: "button", className: "quiet", part: "button", textContent: "×", aria: { label: words.removeOption(this.#options.length) },
      onclick: () => this.#removeOption(option),
    })));
    this.#numbers();
    return option;
  }

  /** @param {ReturnType<typeof field<HTMLInputElement>>} option */
  #removeOption(option) {
    const at = this.#options.indexOf(option);
    this.#options.splice(at, 1);
    this.#list.children[at].remove();
    this.#numbers();
    this.#options[Math.min(at, this.#options.length - 1)].input.focus();
  }

  #numbers() {
    const { words } = this.#desk;
    this.#options.forEach(({ node }, i) => {
      const button = /** @type {HTMLElement} */ (node.nextElementSibling);
      /** @type {HTMLElement} */ (node.firstElementChild).textContent = words.option(i + 1);
      button.setAttribute("aria-label", words.removeOption(i + 1));
      button.hidden = this.#options.length <= LEAST_OPTIONS;
    });
    this.#add.hidden = this.#options.length >= MOST_OPTIONS;
  }

  /** @param {Event} e @param {() => void} onOpened */
  async #submit(e, onOpened) {
    e.preventDefault();
    const { client, words, toasts } = this.#desk;
    this.#problem.textContent = "";
    const well = [[this.#question, LONGEST_QUESTION], ...this.#options.map((option) => [option, LONGEST_OPTION])].reverse()
      .map(([part, most]) => this.#check(/** @type {any} */ (part), Number(most))).every(Boolean);
    const seconds = well ? this.#time.read() : 0;
    if (!seconds || this.#button.disabled) return;
    this.#button.disabled = true;
    try {
      await this.#desk.persist(() => client.poll(this.#question.input.value.trim(), this.#options.map(({ input }) => input.value.trim()), seconds));
      onOpened();
      this.#empty();
      toasts.show(words.pollOpened);
    } catch (err) {
      this.#problem.textContent = this.#desk.reason(err);
    } finally {
      this.#button.disabled = false;
    }
  }

  /** @param {ReturnType<typeof field<HTMLInputElement>>} part @param {number} most */
  #check({ input, complain }, most) {
    const text = input.value.trim();
    const problem = text === "" ? this.#desk.words.needed : [...text].length > most ? this.#desk.words.tooLong(most) : "";
    complain(problem);
    if (problem) input.focus();
    return problem === "";
  }

  #empty() {
    this.#question.input.value = "";
    this.#options = [];
    this.#list.replaceChildren();
    for (let i = 0; i < LEAST_OPTIONS; i++) this.#addOption();
  }
}
