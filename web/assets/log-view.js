// @ts-check
/**
 * The list of messages. Events change a small model at once; the page is drawn
 * from it at most once a frame, and keeps a bounded number of rows.
 */
import { el, finder } from "./dom.js";
import { RowActions } from "./row-actions.js";
import { makeAnnouncement, makeMessage, makeNotice } from "./row.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").User} User */

/**
 * @typedef {object} Entry
 * @property {number} seq 0 for what is not in the log
 * @property {LogEvent|null} event
 * @property {string} notice
 * @property {HTMLElement|null} row null until it is drawn
 */

const MOST_ROWS = 500;
const MOST_ROWS_READING = 1000; // rows are not pulled away from under a reader so soon
const NEAR_END = 48; // px
const SAME_BREATH = 180_000; // ms in which one author's messages stand together

export class LogView {
  #t;
  #root;
  #scroller;
  #list;
  #unsent;
  #jump;
  #actions;
  #onReply;
  #onLeave;

  /** @type {Entry[]} */ #entries = [];
  /** @type {Map<number, Entry>} messages by seq */ #messages = new Map();
  /** @type {Set<string>} ids under which we have spoken */ #own = new Set();
  /** @type {Map<string, HTMLElement>} by command id */ #pending = new Map();
  /** @type {Set<number>} own messages whose ack is to come */ #unconfirmed = new Set();
  #ownName = "";
  #atEnd = true;
  #top = 0; // where the reader has scrolled to
  #unseen = 0;
  #frame = 0;

  /**
   * @param {object} parts
   * @param {ShadowRoot} parts.root
   * @param {import("./strings.js").Strings} parts.t
   * @param {import("./actions.js").Actions<LogEvent>} parts.actions what can be done with a message
   * @param {(event: LogEvent) => void} parts.onReply
   * @param {() => void} parts.onLeave the keyboard wants to go back to the box
   */
  constructor({ root, t, actions, onReply, onLeave }) {
    const $ = finder(root);
    this.#root = root;
    this.#t = t;
    this.#scroller = $("scroller");
    this.#list = $("log"); // role=log
    this.#unsent = $("unsent"); // what is being sent
    this.#jump = $("jump");
    this.#onReply = onReply;
    this.#onLeave = onLeave;
    this.#actions = new RowActions({ list: this.#list, frame: $("container"), actions, t, eventOf: (row) => this.#eventOf(row) });
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#atEnd && this.#toEnd()).observe(this.#scroller);
    this.#jump.addEventListener("click", () => this.#toEnd());
    this.#list.addEventListener("click", (e) => this.#clicked(e));
    this.#list.addEventListener("keydown", (e) => this.#keyed(e));
  }

  // What happened.

  /** @param {User} you */
  iAm(you) {
    this.#own.add(you.id);
    this.#ownName = (you.name ?? "").toLowerCase();
  }

  /** @param {LogEvent} event a message or an announcement */
  add(event) {
    const entry = this.#push({ seq: event.seq, event, notice: "", row: null });
    if (event.type === "message") this.#messages.set(event.seq, entry);
  }

  /** The message with that seq, if it is here. @param {number} seq */
  message(seq) {
    return this.#messages.get(seq)?.event ?? null;
  }

  /** @param {string} text */
  notice(text) {
    this.#push({ seq: 0, event: null, notice: text, row: null });
  }

  /** @param {number} seq */
  redact(seq) {
    const entry = this.#messages.get(seq);
    if (!entry?.event || entry.event.redacted) return;
    entry.event = { ...entry.event, redacted: true, text: undefined };
    this.#redraw(entry);
    for (const other of this.#entries) if (other.event?.reply_to === seq) this.#redraw(other);
  }

  /** Takes away all messages before `seq`. @param {number} [seq] */
  clear(seq = Infinity) {
    const gone = (/** @type {Entry} */ e) => e.seq < seq && e.event?.type !== "announcement";
    for (const entry of this.#entries.filter(gone)) this.#forget(entry);
    this.#entries = this.#entries.filter((e) => !gone(e));
    for (const entry of this.#entries) if (entry.event?.reply_to) this.#redraw(entry);
  }

  reset() {
    for (const entry of this.#entries) this.#forget(entry);
    this.#entries = [];
    this.#unseen = 0;
    this.#draw();
  }

  // Our own messages on their way.

  /** @param {string} id @param {string} text */
  sending(id, text) {
    const row = el("div", { className: "pending" },
      el("p", { className: "text", dir: "auto", textContent: text }),
      el("p", { className: "state", textContent: this.#t.sending }));
    this.#pending.set(id, row);
    this.#unsent.append(row);
    this.#toEnd();
  }

  /** It is in the log, though not yet acknowledged. @param {string} id @param {number} seq */
  seen(id, seq) {
    this.#unconfirmed.add(seq);
    this.#pending.get(id)?.remove();
  }

  /** @param {string} id @param {number} [seq] */
  sent(id, seq) {
    this.#pending.get(id)?.remove();
    this.#pending.delete(id);
    if (seq === undefined || !this.#unconfirmed.delete(seq)) return;
    this.#messages.get(seq)?.row?.classList.remove("unconfirmed");
  }

  /** The connection is away, or back. @param {boolean} away */
  waiting(away) {
    for (const row of this.#pending.values()) {
      const state = row.querySelector(".state");
      if (state) state.textContent = away ? this.#t.sendingLater : this.#t.sending;
    }
  }

  /**
   * It failed, and its text could not go back into the box.
   * @param {string} text
   * @param {string} reason
   * @param {() => boolean} again sends it again; false when it cannot now
   */
  failed(text, reason, again) {
    const row = el("div", { className: "pending failed" },
      el("p", { className: "text", dir: "auto", textContent: text }),
      el("p", { className: "state", textContent: reason }),
      el("button", { type: "button", className: "link", textContent: this.#t.sendAgain, onclick: () => again() && row.remove() }),
      el("button", { type: "button", className: "link", textContent: this.#t.discard, onclick: () => row.remove() }));
    this.#unsent.append(row);
    this.#toEnd();
  }

  /** Puts the keyboard onto the newest message. */
  focusNewest() {
    /** @type {HTMLElement|null} */ (this.#list.lastElementChild)?.focus();
  }

  // The model.

  /** @param {Entry} entry */
  #push(entry) {
    this.#entries.push(entry);
    // A page in the background is not drawn, but must not grow either.
    if (this.#entries.length > 2 * MOST_ROWS_READING) this.#trim();
    this.#later();
    return entry;
  }

  #trim() {
    const most = this.#atEnd ? MOST_ROWS : MOST_ROWS_READING;
    const gone = this.#entries.splice(0, Math.max(0, this.#entries.length - most));
    for (const entry of gone) this.#forget(entry);
    if (gone.length) this.#entries[0]?.row?.classList.remove("joined");
  }

  /** @param {Entry} entry */
  #forget(entry) {
    if (entry.row) this.#actions.left(entry.row);
    entry.row?.remove();
    this.#messages.delete(entry.seq);
    this.#unconfirmed.delete(entry.seq);
  }

  // Drawing.

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    this.#trim();
    const fresh = document.createDocumentFragment();
    let count = 0;
    this.#entries.forEach((entry, i) => {
      if (entry.row) return;
      entry.row = this.#makeRow(entry, this.#entries[i - 1]);
      fresh.append(entry.row);
      if (entry.event) count++;
    });
    this.#list.append(fresh);
    if (this.#atEnd) this.#toEnd();
    else this.#showUnseen(this.#unseen + count);
  }

  /** @param {Entry} entry */
  #redraw(entry) {
    if (!entry.row) return;
    const row = this.#makeRow(entry, this.#entries[this.#entries.indexOf(entry) - 1]);
    this.#actions.left(entry.row);
    entry.row.replaceWith(row);
    entry.row = row;
  }

  /** @param {Entry} entry @param {Entry} [before] */
  #makeRow({ event, notice }, before) {
    if (!event) return makeNotice(notice);
    if (event.type === "announcement") return makeAnnouncement(event, this.#t);
    const user = /** @type {User} */ (event.user);
    const parent = (event.reply_to && this.#messages.get(event.reply_to)?.event) || undefined;
    const row = makeMessage(event, parent, this.#t);
    row.classList.toggle("joined", continues(event, before?.event));
    row.classList.toggle("own", this.#own.has(user.id));
    row.classList.toggle("for-me", this.#isForMe(event, parent));
    row.classList.toggle("unconfirmed", this.#unconfirmed.has(event.seq));
    return row;
  }

  /** @param {LogEvent} event @param {LogEvent|null} [parent] */
  #isForMe(event, parent) {
    if (event.redacted || this.#own.has(event.user?.id ?? "")) return false;
    if (parent?.user && this.#own.has(parent.user.id)) return true;
    return this.#ownName !== "" && (event.text ?? "").toLowerCase().includes(`@${this.#ownName}`);
  }

  // Moving about.

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
    this.#atEnd = true;
    this.#showUnseen(0);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    // Who scrolls up leaves the end; a page that is laid out anew does not.
    const near = scrollHeight - scrollTop - clientHeight < NEAR_END;
    this.#atEnd = near || (this.#atEnd && scrollTop >= this.#top);
    this.#top = scrollTop;
    this.#showUnseen(this.#atEnd ? 0 : this.#unseen);
  }

  /** @param {number} n */
  #showUnseen(n) {
    this.#unseen = n;
    this.#jump.hidden = this.#atEnd;
    this.#jump.textContent = n ? this.#t.newMessages(n) : this.#t.toNewest;
  }

  /** @param {MouseEvent} e */
  #clicked(e) {
    const quote = /** @type {HTMLElement|null} */ (/** @type {HTMLElement} */ (e.target).closest(".quote[data-to]"));
    if (quote) this.#goTo(Number(quote.dataset.to));
  }

  /** @param {number} seq */
  #goTo(seq) {
    const row = this.#messages.get(seq)?.row;
    row?.scrollIntoView({ block: "center" });
    row?.focus();
  }

  /** The message in a row, if anything can be done with it. @param {Element} row */
  #eventOf(row) {
    const event = this.#messages.get(Number(/** @type {HTMLElement} */ (row).dataset.seq))?.event;
    return event && !event.redacted ? event : null;
  }

  /** @param {KeyboardEvent} e */
  #keyed(e) {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const rows = /** @type {NodeListOf<HTMLElement>} */ (this.#list.querySelectorAll(":scope > [tabindex]"));
    const focused = this.#root.activeElement;
    const at = [...rows].findIndex((row) => row.contains(focused));
    const go = new Map([["ArrowUp", at < 0 ? rows.length - 1 : Math.max(0, at - 1)], ["ArrowDown", at + 1], ["Home", 0], ["End", rows.length - 1]]).get(e.key);
    if (go !== undefined) (rows[go] ?? { focus: this.#onLeave }).focus();
    else if (e.key === "Escape") this.#onLeave();
    else if (e.key === "Enter" && rows[at] === focused) this.#reply(rows[at]);
    else return;
    e.preventDefault();
  }

  /** @param {Element|undefined} row */
  #reply(row) {
    const event = row && this.#eventOf(row);
    if (event) this.#onReply(event);
  }
}

/** Whether `event` goes on where its author has just stopped. @param {LogEvent} event @param {LogEvent|null} [before] */
function continues(event, before) {
  return before?.type === "message" && before.user?.id === event.user?.id && !event.reply_to && event.time - before.time < SAME_BREATH;
}
