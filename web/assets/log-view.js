// @ts-check
/**
 * The list of messages. What happens changes a small model at once; the page is drawn from
 * it at the next frame, and in a flood some times a second.
 *
 * The number of rows is bounded both ways. Who follows the newest loses the oldest; for who
 * reads further up, new ones are kept apart once there are many, and {@link History} loads
 * what was there earlier, or later.
 */
import { finder } from "./dom.js";
import { LogModel } from "./log-model.js";
import { makeAnnouncement, makeMessage, makeNotice } from "./row.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./log-model.js").Entry} Entry */
/** @typedef {"older"|"newer"} Direction */

/** Rows that a reader may have around, who is not at the end. */
export const MOST_ROWS_READING = 600;
const MOST_ROWS = 200;
const PAUSE = 80; // ms between two drawings: most of what one costs is the same for many messages
const NEAR_END = 48; // px
const NEAR_EDGE = 600; // px from where more is to be loaded
const SAME_BREATH = 180_000; // ms in which one author's messages stand together

export class LogView {
  #t;
  #root;
  #scroller;
  #list;
  #jump;
  #lexicon;
  #onReply;
  #onLeave;

  // What is drawn.
  /** @type {((row: HTMLElement, event: LogEvent) => void)[]} */ #dressers = [];
  /** @type {Set<number>} own messages whose ack is to come */ #unconfirmed = new Set();
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;
  #frame = 0;
  #drawn = -PAUSE; // when it was

  // The reader.
  #atEnd = true;
  #held = false; // the keyboard is on a message, which is not to move
  #top = 0; // where the reader has scrolled to
  #height = 0; // of what can be seen
  #unseen = 0;

  /** @type {LogModel} what is shown; who changes it calls `changed` */ model;
  /** Hears that the reader comes near an edge beyond which there may be more. */
  onNear = (/** @type {Direction} */ _) => {};
  /** Hears of a message that is to be shown, and may not be here. */
  onShow = (/** @type {number} */ _) => {};

  /**
   * @param {object} parts
   * @param {ShadowRoot} parts.root
   * @param {import("./strings.js").Strings} parts.t
   * @param {import("./rich-text.js").Lexicon} parts.lexicon
   * @param {(event: LogEvent) => void} parts.onReply
   * @param {() => void} parts.onLeave the keyboard wants to go back to the box
   */
  constructor({ root, t, lexicon, onReply, onLeave }) {
    const $ = finder(root);
    this.#root = root;
    this.#t = t;
    this.model = new LogModel(t);
    this.#scroller = $("scroller");
    this.#list = $("log"); // role=log
    this.#jump = $("jump");
    this.#lexicon = lexicon;
    this.#onReply = onReply;
    this.#onLeave = onLeave;
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.follows && this.toEnd()).observe(this.#scroller);
    this.#jump.addEventListener("click", () => this.toEnd());
    this.#list.addEventListener("click", (e) => this.#clicked(e));
    this.#list.addEventListener("keydown", (e) => this.#keyed(e));
    this.#list.addEventListener("focusin", (e) => this.#focused(e, true));
    this.#list.addEventListener("focusout", (e) => this.#focused(e, false));
  }

  // What happened.

  /** @param {LogEvent} event */
  add(event) {
    const { model } = this;
    model.newest = event.seq;
    if (!model.first) for (const notice of model.entries) notice.seq = event.seq; // nothing was before it
    model.first ||= event.seq;
    this.#push(model.make([event]));
    if (!model.tail) model.last = event.seq;
  }

  /** @param {string} notice */
  notice(notice) {
    this.#push([{ seq: this.model.newest, event: null, notice, row: null }]);
  }

  /** @param {Record<string, any>} whisper */
  whisper(whisper) {
    const event = /** @type {LogEvent} */ ({ ...whisper, seq: this.model.newest, user: whisper.from });
    this.#push([{ seq: event.seq, event, notice: "", row: null }]);
  }

  /** The message with that seq, if it is here. @param {number} seq */
  message(seq) {
    return this.model.messages.get(seq)?.event ?? null;
  }

  /** @param {number} seq */
  redact(seq) {
    this.model.redact(seq);
    this.changed();
  }

  /** Takes away all messages before `seq`. @param {number} seq */
  clear(seq) {
    this.model.clear(seq);
    this.changed();
  }

  reset() {
    this.model.reset();
    this.#unconfirmed.clear();
    this.#unseen = 0;
    this.changed();
  }

  /** An own message is in the log, though not yet acknowledged. @param {number} seq */
  seen(seq) {
    this.#unconfirmed.add(seq);
  }

  /** It is acknowledged. @param {number} seq */
  sent(seq) {
    if (this.#unconfirmed.delete(seq)) this.model.messages.get(seq)?.row?.classList.remove("unconfirmed");
  }

  // For parts that add to the rows.

  /**
   * Has every message's row passed to `dress`, now and whenever it is drawn.
   * @param {(row: HTMLElement, event: LogEvent) => void} dress
   */
  dress(dress) {
    this.#dressers.push(dress);
    this.refresh();
  }

  /** What is added to a message's row, or to all, has changed. @param {number} [seq] */
  refresh(seq) {
    for (const entry of seq === undefined ? this.model.entries : [this.model.messages.get(seq)]) if (entry) entry.dressed = false;
    this.changed();
  }

  /** Draws all anew: what texts mean has changed. */
  redraw() {
    this.model.outdate(() => true);
    this.changed();
  }

  /** The message in a row; null: nothing can be done with it. @param {Element} row */
  eventOf(row) {
    const entry = this.model.entries.find((e) => e.row === row);
    return entry?.event && !entry.event.redacted && entry.event.type !== "announcement" ? entry.event : null;
  }

  get list() {
    return this.#list;
  }

  /** Brings a message into view; false when it is not here. @param {number} seq */
  show(seq) {
    const row = this.model.messages.get(seq)?.row;
    row?.scrollIntoView({ block: "center" });
    row?.focus();
    return !!row;
  }

  /** @param {Entry[]} entries */
  #push(entries) {
    const { model } = this;
    if (!this.follows) {
      this.#unseen += entries.filter((e) => e.event).length;
      if (model.entries.length >= MOST_ROWS_READING) model.detach();
    }
    model.push(entries);
    // A page in the background is not drawn, but must not grow either.
    if (model.entries.length > 2 * MOST_ROWS_READING) model.dropFirst(MOST_ROWS_READING);
    this.changed();
  }

  // Drawing.

  /** The model has: it is drawn soon. */
  changed() {
    if (this.#frame || this.#timer) return;
    const soon = () => (this.#frame = requestAnimationFrame(() => this.draw()));
    const pause = this.#drawn + PAUSE - performance.now();
    if (pause > 0) this.#timer = setTimeout(soon, pause);
    else soon();
  }

  /** Draws it now. */
  draw() {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#timer = undefined;
    this.#drawn = performance.now();
    if (this.follows) this.model.dropFirst(MOST_ROWS);
    const anchor = this.follows ? null : this.#anchor();
    for (const row of this.model.gone.splice(0)) row.remove();
    const focused = this.#root.activeElement;
    if (!this.#list.contains(focused) && !focused?.closest(".popup")) this.#held = false;
    this.#drawRows();
    if (this.follows) this.toEnd();
    else if (anchor?.row.isConnected) this.#scroller.scrollTop += anchor.row.getBoundingClientRect().bottom - anchor.bottom;
    this.#showUnseen(this.follows ? 0 : this.#unseen);
    if (!this.#atEnd) this.#lookForEdges();
  }

  /** The first message that can be seen, and where it ends. */
  #anchor() {
    const { top } = this.#scroller.getBoundingClientRect();
    const drawn = this.model.entries.filter((e) => e.row);
    let [low, high] = [0, drawn.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {HTMLElement} */ (drawn[middle].row).getBoundingClientRect().bottom <= top) low = middle + 1;
      else high = middle;
    }
    const row = drawn[low]?.row;
    return row ? { row, bottom: row.getBoundingClientRect().bottom } : null;
  }

  #drawRows() {
    const before = document.createDocumentFragment();
    const after = document.createDocumentFragment();
    let drawn = this.model.entries.every((e) => !e.row); // what comes now is at the end
    this.model.entries.forEach((entry, i) => {
      const { row } = entry;
      if (!row || entry.stale) this.#drawRow(entry);
      const now = /** @type {HTMLElement} */ (entry.row);
      if (!row) (drawn ? after : before).append(now);
      else if (row !== now) this.#swap(row, now);
      drawn ||= !!row;
      if (!entry.event) return;
      now.classList.toggle("joined", continues(entry.event, this.model.entries[i - 1]?.event));
      if (!entry.dressed && entry.event.type === "message") for (const dress of this.#dressers) dress(now, entry.event);
      entry.dressed = true;
    });
    this.#list.prepend(before);
    this.#list.append(after);
  }

  /** @param {Entry} entry */
  #drawRow(entry) {
    const { event, notice } = entry;
    entry.stale = entry.dressed = false;
    if (!event) entry.row = makeNotice(notice);
    else if (event.type === "announcement") entry.row = makeAnnouncement(event, this.#lexicon, this.#t);
    else {
      const parent = event.reply_to ? this.model.messages.get(event.reply_to)?.event : null;
      entry.row = makeMessage(event, parent ?? undefined, this.#lexicon, this.#t);
      entry.row.classList.toggle("unconfirmed", this.#unconfirmed.has(event.seq));
      entry.row.classList.toggle("whisper", event.type === "whisper");
    }
  }

  /** @param {HTMLElement} old @param {HTMLElement} row */
  #swap(old, row) {
    const focused = old.contains(this.#root.activeElement);
    old.replaceWith(row);
    if (focused) row.focus();
  }

  // Moving about.

  /** Whether the view goes with what comes. */
  get follows() {
    return this.#atEnd && !this.#held && !this.model.tail;
  }

  /** Shows the newest, and what comes from now on. */
  toEnd() {
    if (this.model.tail) {
      this.model.skipToTail();
      this.changed();
    }
    this.#atEnd = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
    this.#height = this.#scroller.clientHeight;
    this.#showUnseen(0);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    // Who scrolls up leaves the end; a page that is laid out anew does not.
    const near = scrollHeight - scrollTop - clientHeight < NEAR_END;
    const laidOut = clientHeight !== this.#height;
    this.#atEnd = !this.model.tail && (near || (this.#atEnd && (laidOut || scrollTop >= this.#top)));
    this.#top = scrollTop;
    this.#height = clientHeight;
    this.#showUnseen(this.#atEnd ? 0 : this.#unseen);
    if (!this.#atEnd) this.#lookForEdges();
  }

  #lookForEdges() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    if (scrollTop < NEAR_EDGE) this.onNear("older");
    const { tail, last } = this.model;
    if (!tail || scrollHeight - scrollTop - clientHeight >= NEAR_EDGE) return;
    if (tail[0] && tail[0].seq > last + 1) return this.onNear("newer");
    this.model.attach();
    this.changed();
  }

  /** @param {number} n */
  #showUnseen(n) {
    this.#unseen = n;
    this.#jump.hidden = this.#atEnd && !n;
    const words = n ? this.#t.newMessages(n) : this.#t.toNewest;
    if (this.#jump.textContent !== words) this.#jump.textContent = words;
  }

  /** What stands in a message can be reached while the keyboard is on it. @param {FocusEvent} e @param {boolean} on */
  #focused(e, on) {
    const rowOf = (/** @type {EventTarget|null} */ node) => /** @type {Element|null} */ (node)?.closest("#log > [tabindex]") ?? null;
    const row = rowOf(e.target);
    const to = /** @type {Element|null} */ (e.relatedTarget);
    const other = rowOf(to) ?? to?.closest(".popup") ?? null; // what opened on it is part of it
    if (!row || row === other) return;
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll("a, button"))) node.tabIndex = on ? 0 : -1;
    // A click into a message chooses it too; one on a button does not.
    const target = /** @type {Element} */ (e.target);
    this.#held = on ? target === row || target.matches(":focus-visible") : other !== null;
    if (this.follows) this.toEnd();
  }

  /** @param {MouseEvent} e */
  #clicked(e) {
    const quote = /** @type {HTMLElement|null} */ (/** @type {HTMLElement} */ (e.target).closest(".quote"));
    if (quote) this.onShow(Number(quote.dataset.to));
  }

  /** Puts the keyboard onto the newest message. */
  focusNewest() {
    if (this.model.tail) this.toEnd();
    this.draw();
    [...this.#rows].at(-1)?.focus();
  }

  get #rows() {
    return /** @type {NodeListOf<HTMLElement>} */ (this.#list.querySelectorAll(":scope > [tabindex]"));
  }

  /** @param {KeyboardEvent} e */
  #keyed(e) {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const rows = this.#rows;
    const focused = this.#root.activeElement;
    const at = [...rows].findIndex((row) => row.contains(focused));
    const go = new Map([["ArrowUp", at < 0 ? rows.length - 1 : Math.max(0, at - 1)], ["ArrowDown", at + 1], ["Home", 0]]).get(e.key);
    if (e.key === "End" || (go === rows.length && this.model.tail)) this.focusNewest();
    else if (go !== undefined) (rows[go] ?? { focus: this.#onLeave }).focus();
    else if (e.key === "Escape") this.#onLeave();
    else if (e.key === "Enter" && rows[at] && rows[at] === focused) this.#reply(rows[at]);
    else return;
    e.preventDefault();
  }

  /** @param {Element} row */
  #reply(row) {
    const event = this.eventOf(row);
    if (event) this.#onReply(event);
  }
}

/** Whether `event` goes on where its author has just stopped. @param {LogEvent} event @param {LogEvent|null} [before] */
function continues(event, before) {
  return event.type === "message" && before?.type === "message" && before.user?.id === event.user?.id &&
    !event.reply_to && event.time - before.time < SAME_BREATH;
}
