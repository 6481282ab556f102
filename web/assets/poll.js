// @ts-check
/** The poll that is open, above the messages: voting, how it stands, how it ended. */
import { el, finder } from "./dom.js";

/** @typedef {{poll: number, question: string, options: string[], ends?: number, votes?: number[]}} PollEvent */

const TICK = 1000; // ms

export class Poll {
  #room;
  #node;
  /** @type {PollEvent|null} */ #poll = null;
  /** @type {HTMLButtonElement[]} */ #options = [];
  #state = el("p", { className: "muted", id: "poll-state" });
  #closed = false;
  #own = -1;
  /** @type {number[]} */ #votes = [];
  #frame = 0;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #ticker;

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    this.#room = room;
    this.#node = el("section", { id: "poll", part: "poll", hidden: true, aria: { labelledby: "poll-question" } });
    finder(room.root)("pinned").after(this.#node);
    room.client.addEventListener("reset", (e) => {
      if (/** @type {CustomEvent} */ (e).detail.sameLog) return; // the welcome tells whether it is still open
      this.#poll = null; // another may have its number
      this.#hide();
    }, { signal: room.signal });
    room.signal.addEventListener("abort", () => clearInterval(this.#ticker));
  }

  /** A poll is open. @param {PollEvent} poll */
  open(poll) {
    if (this.#poll?.poll === poll.poll) return;
    this.#poll = poll;
    this.#closed = false;
    this.#own = -1;
    this.#votes = [];
    this.#options = poll.options.map((option, i) => el("button", {
      type: "button", className: "option", part: "poll-option", aria: { pressed: "false" }, onclick: () => this.#vote(i),
    }, el("span", { dir: "auto", textContent: option }), el("span", { className: "share" })));
    this.#node.replaceChildren(
      el("div", { className: "panel-head" },
        el("h3", { id: "poll-question", dir: "auto", textContent: poll.question }),
        el("button", { type: "button", className: "quiet", part: "button", textContent: "×", aria: { label: this.#room.t.hidePoll }, onclick: () => this.#hide() })),
      el("div", { className: "options", role: "group", aria: { labelledby: "poll-question" } }, ...this.#options),
      this.#state);
    this.#node.hidden = false;
    clearInterval(this.#ticker);
    this.#ticker = setInterval(() => this.#tell(), TICK);
    this.#draw();
  }

  /** No poll is open. */
  none() {
    if (!this.#closed) this.#hide();
  }

  #hide() {
    clearInterval(this.#ticker);
    this.#node.hidden = true;
  }

  /** @param {number} option */
  async #vote(option) {
    if (!this.#poll || this.#closed) return;
    const { poll } = this.#poll;
    try {
      await this.#room.client.vote(poll, option);
      if (poll === this.#poll.poll) this.#own = option;
      this.#draw();
    } catch (err) {
      this.#room.complain(err);
    }
  }

  /** How it stands. @param {{poll: number, votes: number[]}} votes */
  count({ poll, votes }) {
    if (this.#poll?.poll !== poll || this.#closed) return;
    this.#votes = votes;
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** It is over. @param {PollEvent} event */
  close({ poll, votes }) {
    if (this.#poll?.poll !== poll) return;
    this.#closed = true;
    this.#votes = votes ?? this.#votes;
    clearInterval(this.#ticker);
    this.#draw();
  }

  #draw() {
    this.#frame = 0;
    const total = this.#votes.reduce((sum, n) => sum + n, 0);
    const best = Math.max(0, ...this.#votes);
    this.#options.forEach((button, i) => {
      const count = this.#votes[i] ?? 0;
      const share = total ? count / total : 0;
      button.style.setProperty("--share", String(share));
      button.setAttribute("aria-pressed", String(i === this.#own));
      button.setAttribute("aria-disabled", String(this.#closed));
      button.classList.toggle("best", this.#closed && count > 0 && count === best);
      /** @type {Element} */ (button.lastElementChild).textContent = this.#room.t.pollShare(share, count);
    });
    this.#tell();
  }

  #tell() {
    const total = this.#votes.reduce((sum, n) => sum + n, 0);
    const left = Math.max(0, Math.ceil(((this.#poll?.ends ?? 0) - Date.now()) / 1000));
    this.#state.textContent = this.#closed ? this.#room.t.pollOver(total) : this.#room.t.pollOpen(total, left);
  }
}
