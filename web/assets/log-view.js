// @ts-check
/**
 * The list of messages. Events change a small model at once; the page is drawn
 * from it at most once a frame, and keeps a bounded number of rows.
 */
import { colour, el, initial, linkify, preview } from "./dom.js";
import { strings as t } from "./strings.js";

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
  #scroller;
  #list;
  #unsent;
  #jump;
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
   * @param {HTMLElement} parts.scroller
   * @param {HTMLElement} parts.list role=log
   * @param {HTMLElement} parts.unsent what is being sent
   * @param {HTMLButtonElement} parts.jump
   * @param {(event: LogEvent) => void} parts.onReply
   * @param {() => void} parts.onLeave the keyboard wants to go back to the box
   */
  constructor({ scroller, list, unsent, jump, onReply, onLeave }) {
    this.#scroller = scroller;
    this.#list = list;
    this.#unsent = unsent;
    this.#jump = jump;
    this.#onReply = onReply;
    this.#onLeave = onLeave;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#atEnd && this.#toEnd()).observe(scroller);
    jump.addEventListener("click", () => this.#toEnd());
    list.addEventListener("click", (e) => this.#clicked(e));
    list.addEventListener("keydown", (e) => this.#keyed(e));
  }

  // What happened.

  /** @param {User} you */
  iAm(you) {
    this.#own.add(you.id);
    this.#ownName = (you.name ?? "").toLowerCase();
  }

  /** While the past is replayed nothing is read out. @param {boolean} yes */
  replaying(yes) {
    this.#list.setAttribute("aria-live", yes ? "off" : "polite");
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
      el("p", { className: "state", textContent: t.sending }));
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
      if (state) state.textContent = away ? t.sendingLater : t.sending;
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
      el("button", { type: "button", className: "link", textContent: t.sendAgain, onclick: () => again() && row.remove() }),
      el("button", { type: "button", className: "link", textContent: t.discard, onclick: () => row.remove() }));
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
    entry.row.replaceWith(row);
    entry.row = row;
  }

  /** @param {Entry} entry @param {Entry} [before] */
  #makeRow({ event, notice }, before) {
    if (!event) return el("p", { className: "notice", textContent: notice });
    if (event.type === "announcement") return this.#makeAnnouncement(event);
    const user = /** @type {User} */ (event.user);
    const parent = event.reply_to ? this.#messages.get(event.reply_to)?.event : undefined;
    const row = el("div", { className: "row", tabIndex: -1, dataset: { seq: String(event.seq) } },
      colour(el("span", { className: "avatar", aria: { hidden: "true" }, textContent: initial(nameOf(user)) }), user.id),
      makeHead(event, user),
      event.reply_to && !event.redacted ? makeQuote(event.reply_to, parent) : null,
      event.redacted
        ? el("p", { className: "text removed", textContent: t.removed })
        : el("p", { className: "text", dir: "auto" }, linkify(event.text ?? "")),
      event.redacted ? null : makeReplyButton(user));
    row.classList.toggle("joined", continues(event, before?.event));
    row.classList.toggle("own", this.#own.has(user.id));
    row.classList.toggle("for-me", this.#isForMe(event, parent));
    row.classList.toggle("unconfirmed", this.#unconfirmed.has(event.seq));
    return row;
  }

  /** @param {LogEvent} event */
  #makeAnnouncement(event) {
    return el("div", { className: "announcement", tabIndex: -1 },
      el("p", { className: "head" },
        el("strong", { textContent: event.scope === "global" ? t.announcementAll : t.announcement }),
        event.by?.name ? el("span", { className: "name", dir: "auto", textContent: event.by.name }) : null,
        makeTime(event.time)),
      el("p", { className: "text", dir: "auto" }, linkify(event.text ?? "")));
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
    this.#jump.textContent = n ? t.newMessages(n) : t.toNewest;
  }

  /** @param {MouseEvent} e */
  #clicked(e) {
    const target = /** @type {HTMLElement} */ (e.target);
    const button = target.closest("button");
    if (button?.classList.contains("quote")) this.#goTo(Number(button.dataset.to));
    else if (button?.classList.contains("reply")) this.#replyTo(button.closest(".row"));
  }

  /** @param {number} seq */
  #goTo(seq) {
    const row = this.#messages.get(seq)?.row;
    row?.scrollIntoView({ block: "center" });
    row?.focus();
  }

  /** @param {Element|null} row */
  #replyTo(row) {
    const event = this.#messages.get(Number(/** @type {HTMLElement|null} */ (row)?.dataset.seq))?.event;
    if (event && !event.redacted) this.#onReply(event);
  }

  /** @param {KeyboardEvent} e */
  #keyed(e) {
    const rows = /** @type {NodeListOf<HTMLElement>} */ (this.#list.querySelectorAll(":scope > [tabindex]"));
    const at = [...rows].indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const go = new Map([["ArrowUp", at < 0 ? rows.length - 1 : Math.max(0, at - 1)], ["ArrowDown", at + 1], ["Home", 0], ["End", rows.length - 1]]).get(e.key);
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    if (go !== undefined) (rows[go] ?? { focus: this.#onLeave }).focus();
    else if (e.key === "Escape") this.#onLeave();
    else if (e.key === "Enter" && at >= 0) this.#replyTo(rows[at]);
    else return;
    e.preventDefault();
  }
}

/** @param {User} user */
function nameOf(user) {
  return user.name || (user.role === "platform" ? t.platformName : user.id);
}

/** Whether `event` goes on where its author has just stopped. @param {LogEvent} event @param {LogEvent|null} [before] */
function continues(event, before) {
  return before?.type === "message" && before.user?.id === event.user?.id && !event.reply_to && event.time - before.time < SAME_BREATH;
}

/** @param {LogEvent} event @param {User} user */
function makeHead(event, user) {
  const badges = [user.role, user.member ? "member" : ""].filter((b) => b && t.roles[b]);
  return el("p", { className: "head" },
    colour(el("span", { className: "name", dir: "auto", textContent: nameOf(user) }), user.id),
    ...badges.map((b) => el("span", { className: `badge ${b}`, textContent: t.roles[/** @type {string} */ (b)] })),
    makeTime(event.time));
}

/** @param {number} ms */
function makeTime(ms) {
  const date = new Date(ms);
  const valid = !Number.isNaN(date.getTime());
  return el("time", valid ? { dateTime: date.toISOString(), title: t.fullTime(ms), textContent: t.time(ms) } : {});
}

/** @param {number} seq @param {LogEvent|null} [parent] */
function makeQuote(seq, parent) {
  if (!parent) return el("p", { className: "quote", textContent: t.earlierMessage });
  return el("button", { type: "button", className: "quote", tabIndex: -1, title: t.showOriginal, dataset: { to: String(seq) } },
    parent.user ? colour(el("span", { className: "name", dir: "auto", textContent: nameOf(parent.user) }), parent.user.id) : null,
    " ",
    el("span", { dir: "auto", textContent: parent.redacted ? t.removed : preview(parent.text ?? "") }));
}

/** @param {User} user */
function makeReplyButton(user) {
  return el("button", { type: "button", className: "reply", tabIndex: -1, textContent: t.reply, aria: { label: t.replyTo(nameOf(user)) } });
}
