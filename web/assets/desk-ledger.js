// @ts-check
/**
 * What was done in the room, from the newest act back to as far as somebody wanted to look:
 * an unbroken stretch of the log, of which acts are kept and messages are counted.
 *
 * It fires `change` when acts or how far back it goes have changed, and `count` when messages
 * were counted, each at most once a frame.
 */

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").User} User */

/**
 * A sanction, settings, a poll …: an event that is no message.
 * @typedef {LogEvent & Record<string, any>} Act
 */

const ACTS = new Set(["deleted", "cleared", "sanction", "settings", "announcement", "poll", "poll_closed"]);
const MOST_ACTS = 1000;
const MOST_AUTHORS = 5000;
const PORTION = 100; // events
const MINUTE = 60_000; // ms
const MOST_MINUTES = 200;

export class Ledger extends EventTarget {
  #desk;
  #first = 0; // seq of the oldest event that is known; 0: none is
  #begin = 0; // seq at which the log begins; 0: not known yet
  #life = 0; // of the stretch: it begins anew when there is a hole
  #queue = Promise.resolve();
  /** @type {Set<string>} */ #due = new Set();
  /** @type {Map<number, User>} by seq of their messages */ #authors = new Map();
  /** @type {Map<string, Act>} the newest sanction of each user */ #sanctions = new Map();

  /** @type {Act[]} in the order of the log */ acts = [];
  /** @type {Map<number, number>} messages by minute, since 1970 */ minutes = new Map();
  since = 0; // Unix milliseconds of the oldest event

  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    super();
    this.#desk = desk;
    const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ handle) =>
      desk.client.addEventListener(type, (e) => handle(/** @type {CustomEvent} */ (e).detail), { signal: desk.room.signal });
    on("event", (event) => {
      this.#first ||= event.seq;
      this.since ||= event.time;
      this.#take(event, false);
    });
    on("skipped", () => this.#forget());
    on("reset", ({ sameLog }) => {
      if (!sameLog) this.#sanctions.clear();
      this.#forget();
    });
  }

  /** There may be acts before those that are known, and they may be looked for. */
  get goesOn() {
    if (this.isFull) return false;
    return this.#first ? this.#first > Math.max(1, this.#begin) : !this.#begin;
  }

  /** It has all the acts that it keeps. */
  get isFull() {
    return this.acts.length >= MOST_ACTS;
  }

  /** Who wrote a message. @param {number} seq @returns {User|undefined} */
  authorOf(seq) {
    return this.#authors.get(seq) ?? this.#desk.room.log.message(seq)?.user;
  }

  /** What keeps somebody from chatting, or out. @param {string} id of a user @returns {Act|null} */
  sanctionOf(id) {
    const sanction = this.#sanctions.get(id);
    return sanction && inForce(sanction) ? sanction : null;
  }

  /** All that keeps somebody from chatting, or out; the newest first. */
  get sanctions() {
    return [...this.#sanctions.values()].filter(inForce).sort((a, b) => b.seq - a.seq);
  }

  /** What a setting was before an act changed it; undefined: that is not known. @param {Act} act @param {string} key */
  before(act, key) {
    return this.acts.findLast(({ type, seq, ...settings }) => type === "settings" && seq < act.seq && key in settings)?.[key];
  }

  /**
   * Looks further back, a portion of the log at a time.
   * @param {number} portions at most
   * @param {() => boolean} [enough]
   * @returns {Promise<void>} rejects with a ChatError
   */
  lookBack(portions, enough = () => false) {
    const looked = this.#queue.then(() => this.#lookBack(portions, enough));
    this.#queue = looked.catch(() => {});
    return looked;
  }

  /** @param {number} portions @param {() => boolean} enough */
  async #lookBack(portions, enough) {
    for (; portions > 0 && this.goesOn && !enough(); portions--) {
      const life = this.#life;
      const { events, first } = await this.#desk.persist(() => this.#desk.client.history({ before: this.#first || undefined, limit: PORTION }));
      if (life !== this.#life) continue;
      this.#begin = first;
      const earlier = events.filter(({ seq }) => !this.#first || seq < this.#first);
      for (const event of earlier.reverse()) this.#take(event, true);
      const oldest = events[0];
      if (oldest) {
        this.#first = oldest.seq;
        this.since = oldest.time;
      }
      this.#changed();
    }
  }

  /** @param {Act} event @param {boolean} isOlder than all that is known */
  #take(event, isOlder) {
    if (event.type === "message") return this.#count(event);
    if (!ACTS.has(event.type)) return;
    if (event.type === "sanction") {
      const { id } = event.user ?? { id: "" };
      if ((this.#sanctions.get(id)?.seq ?? 0) < event.seq) this.#sanctions.set(id, event);
    }
    if (isOlder) this.acts.unshift(event);
    else this.acts.push(event);
    if (this.acts.length > MOST_ACTS) this.acts.shift();
    this.#changed();
  }

  /** @param {LogEvent} message */
  #count({ seq, time, user }) {
    if (user) this.#authors.set(seq, user);
    if (this.#authors.size > MOST_AUTHORS) this.#authors.delete(/** @type {number} */ (this.#authors.keys().next().value));
    const minute = Math.floor(time / MINUTE);
    if (minute < Date.now() / MINUTE - MOST_MINUTES) return;
    this.minutes.set(minute, (this.minutes.get(minute) ?? 0) + 1);
    if (this.minutes.size > MOST_MINUTES) this.minutes.delete(Math.min(...this.minutes.keys()));
    this.#fire("count");
  }

  /** There is a hole: what is known begins anew behind it. Sanctions are not over by that. */
  #forget() {
    this.#life++;
    this.#first = this.#begin = this.since = 0;
    this.acts = [];
    this.minutes.clear();
    this.#authors.clear();
    this.#changed();
  }

  #changed() {
    this.#fire("change");
  }

  /** @param {string} type */
  #fire(type) {
    if (this.#due.has(type)) return;
    this.#due.add(type);
    requestAnimationFrame(() => {
      this.#due.delete(type);
      this.dispatchEvent(new Event(type));
    });
  }
}

/** @param {Act} sanction */
function inForce({ kind, until }) {
  return kind !== "unban" && (!until || until > Date.now());
}
