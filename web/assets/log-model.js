// @ts-check
/**
 * What a list of messages shows: a stretch of the log, of bounded length. It mostly reaches
 * the newest event; while it does not, it is *detached*, and `tail` keeps the newest apart.
 * It knows nothing of the page but the rows that are to be taken away.
 */
import { noticeOf } from "./notices.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */

/**
 * @typedef {object} Entry
 * @property {number} seq of what is not in the log: the newest before it
 * @property {LogEvent|null} event a message, an announcement, a whisper
 * @property {string} notice
 * @property {string} [redacted] the notice, once what somebody wrote in it is removed
 * @property {HTMLElement|null} row null until it is drawn
 * @property {boolean} [stale] to be drawn anew
 * @property {boolean} [dressed] what is added to its row is as it should be
 */

const TAIL = 150; // entries

export class LogModel {
  /** @type {Entry[]} in the order of the log */ entries = [];
  /** @type {Entry[]|null} the newest; null: they are among the entries */ tail = null;
  /** @type {Map<number, Entry>} messages by seq */ messages = new Map();
  /** @type {HTMLElement[]} rows that are to be taken away */ gone = [];
  first = 0; // the oldest seq that is shown, and the newest; 0: none
  last = 0;
  newest = 0; // that there is
  #clearedAt = 0; // the seq up to which all was removed
  #t;

  /** @param {import("./strings.js").Strings} t */
  constructor(t) {
    this.#t = t;
  }

  /** The entries of some events. @param {LogEvent[]} events @returns {Entry[]} */
  make(events) {
    for (const { type, seq } of events) if (type === "cleared") this.#clearedAt = Math.max(this.#clearedAt, seq);
    return events.flatMap((event) => this.#entriesOf(event));
  }

  /** @param {LogEvent} event @returns {Entry[]} */
  #entriesOf(event) {
    if (event.redacted && event.seq < this.#clearedAt) return [];
    if (event.type !== "message" && event.type !== "announcement") {
      const redacted = event.type === "tip" ? noticeOf({ ...event, text: "" }, this.#t)[0] : undefined;
      return noticeOf(event, this.#t).map((notice) => ({ seq: event.seq, event: null, notice, redacted, row: null }));
    }
    const entry = { seq: event.seq, event, notice: "", row: null };
    if (event.type === "message") this.messages.set(event.seq, entry);
    return [entry];
  }

  /** Takes what is new. @param {Entry[]} entries */
  push(entries) {
    (this.tail ?? this.entries).push(...entries);
    if (!this.tail || this.tail.length <= TAIL) return;
    for (const entry of this.tail.splice(0, this.tail.length - TAIL)) if (entry.seq > this.last) this.#unlist(entry);
  }

  /** What comes from now on is kept apart. */
  detach() {
    this.tail ??= this.entries.slice(-TAIL);
  }

  /** Goes on with the tail, whose beginning the entries have reached. */
  attach() {
    const shown = new Set(this.entries);
    this.entries.push(...(this.tail ?? []).filter((entry) => !shown.has(entry)));
    this.tail = null;
    this.last = this.newest;
  }

  /** Leaves everything but the tail. */
  skipToTail() {
    const { tail } = this;
    if (!tail) return;
    for (const entry of this.entries) if (!tail.includes(entry)) this.forget(entry);
    this.entries = this.entries.filter((entry) => tail.includes(entry));
    this.first = tail[0]?.seq ?? this.newest;
    this.attach();
  }

  /** @param {number} most entries that stay */
  dropFirst(most) {
    const gone = this.entries.splice(0, Math.max(0, this.entries.length - most));
    for (const entry of gone) this.forget(entry);
    if (gone.length) this.first = this.entries[0].seq;
  }

  /** It is not shown any more. @param {Entry} entry */
  forget(entry) {
    if (entry.row) this.gone.push(entry.row);
    entry.row = null;
    if (!this.tail?.includes(entry)) this.#unlist(entry);
  }

  /** A whisper, or a notice, has the seq of a message that stays. @param {Entry} entry */
  #unlist(entry) {
    if (this.messages.get(entry.seq) === entry) this.messages.delete(entry.seq);
  }

  /** @param {number} seq */
  redact(seq) {
    const told = [...this.entries, ...(this.tail ?? [])].find((e) => e.seq === seq && e.redacted);
    if (told) Object.assign(told, { notice: told.redacted, stale: true });
    const entry = this.messages.get(seq);
    if (!entry?.event || entry.event.redacted) return;
    entry.event = { ...entry.event, redacted: true, text: undefined };
    this.outdate((other) => other === entry || other.event?.reply_to === seq);
  }

  /** Takes away all messages before `seq`. @param {number} seq */
  clear(seq) {
    const stays = (/** @type {Entry} */ e) => e.seq >= seq || e.event?.type === "announcement";
    for (const entry of this.entries) if (!stays(entry)) this.forget(entry);
    this.entries = this.entries.filter(stays);
    this.tail = this.tail?.filter(stays) ?? null;
    for (const at of [...this.messages.keys()]) if (at < seq) this.messages.delete(at);
    this.outdate(({ event }) => event?.reply_to !== undefined);
  }

  reset() {
    this.clear(Infinity);
    for (const entry of this.entries) this.forget(entry);
    this.entries = [];
    this.tail = null;
    this.first = this.last = this.newest = this.#clearedAt = 0;
  }

  /** @param {(entry: Entry) => boolean} which are to be drawn anew */
  outdate(which) {
    for (const entry of this.entries) if (which(entry)) entry.stale = true;
  }
}
