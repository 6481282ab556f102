// @ts-check
/** The section of the log of acts: who has done what, and when; the newest first. */
import { lift } from "./desk-acts.js";
import { el } from "./desk-dom.js";
import { makeLookBack } from "./desk-lookback.js";
import { preview } from "./dom.js";
import { nameOf } from "./notices.js";

/** @typedef {import("./desk-ledger.js").Act} Act */

const AT_ONCE = 10; // portions of the log that are looked through at a time, at most
const ENOUGH = 20; // acts, after which such a look ends
const MOST_ROWS = 300;

export class LogPart {
  #desk;
  #filter;
  #list = el("ul", { id: "desk-acts", className: "entries" });
  #none;
  #lookBack;
  #isShown = false;

  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    const { words, ledger } = desk;
    this.#desk = desk;
    this.#filter = el("input", {
      id: "desk-filter", type: "search", autocomplete: "off", spellcheck: false, part: "input", dir: "auto",
      placeholder: words.filterActs, aria: { label: words.filterLabel }, oninput: () => this.#draw(),
    });
    this.#none = el("p", { className: "muted", textContent: words.noActs });
    this.#lookBack = makeLookBack(desk, AT_ONCE, () => this.#found.length, ENOUGH);
    this.node = el("div", { className: "section" },
      el("form", { role: "search", onsubmit: (/** @type {Event} */ e) => e.preventDefault() }, this.#filter),
      this.#list, this.#none, this.#lookBack.node);
    ledger.addEventListener("change", () => this.#isShown && this.#draw());
  }

  shown() {
    this.#isShown = true;
    this.#draw();
    if (this.#found.length < ENOUGH) this.#lookBack.look();
  }

  hidden() {
    this.#isShown = false;
  }

  /** Shows the acts of and on somebody. @param {string} name */
  filter(name) {
    this.#filter.value = name;
    this.#filter.focus();
    this.#draw();
  }

  /** The acts of whom was asked for. */
  get #found() {
    const asked = this.#filter.value.trim().toLowerCase();
    if (!asked) return this.#desk.ledger.acts;
    return this.#desk.ledger.acts.filter((act) => [act.by, this.#about(act)]
      .some((user) => user && [nameOf(user, this.#desk.room.t), user.id].some((text) => text.toLowerCase().includes(asked))));
  }

  /** Whom an act is about. @param {Act} act */
  #about(act) {
    return act.type === "deleted" ? this.#desk.ledger.authorOf(act.target ?? 0) : act.user;
  }

  #draw() {
    const { root } = this.#desk.room;
    const focused = /** @type {HTMLElement|null} */ (root.activeElement)?.dataset.act;
    const found = this.#found.slice(-MOST_ROWS).reverse();
    this.#list.replaceChildren(...found.map((act) => this.#makeEntry(act)));
    if (focused) /** @type {HTMLElement|null} */ (this.#list.querySelector(`[data-act="${focused}"]`) ?? this.#filter)?.focus();
    this.#none.hidden = found.length > 0;
    this.#lookBack.draw();
  }

  /** @param {Act} act */
  #makeEntry(act) {
    const { words, room: { t } } = this.#desk;
    const date = new Date(act.time);
    const undo = this.#undoOf(act);
    return el("li", { dataset: { type: act.type } },
      el("div", { className: "what" },
        el("p", { className: "head" },
          el("strong", { dir: "auto", textContent: nameOf(act.by, t) }),
          el("time", { dateTime: date.toISOString(), title: t.fullTime(act.time), textContent: words.clock(act.time) })),
        ...this.#tell(act).map((text) => el("p", { dir: "auto", textContent: text })),
        act.reason ? el("p", { className: "reason", dir: "auto", textContent: act.reason }) : null),
      undo ? el("button", {
        type: "button", className: "quiet", part: "button", textContent: undo.label, dataset: { act: String(act.seq) },
        aria: { label: t.actionOn(undo.label, this.#tell(act).join(" ")) }, onclick: undo.run,
      }) : null);
  }

  /** What was done, in words. @param {Act} act @returns {string[]} */
  #tell(act) {
    const { words, room: { t } } = this.#desk;
    const user = this.#about(act);
    switch (act.type) {
      case "deleted":
        return [user?.id === act.by?.id ? words.acts.deletedOwn : words.acts.deleted(user ? nameOf(user, t) : "")];
      case "cleared":
        return [words.acts.cleared];
      case "sanction":
        return [words.acts[/** @type {"timeout"|"ban"|"unban"} */ (act.kind)]?.(nameOf(user, t), act.until ? words.clock(act.until) : "") ?? act.kind];
      case "settings":
        return this.#keysOf(act).map((key) => (key === "pinned" ? (act.pinned ? words.acts.pinned : words.acts.unpinned)
          : words.settings[key] ? words.acts.set(words.settings[key], words.settingValue(key, act[key])) : `${key}: ${act[key]}`));
      case "announcement":
        return [words.acts.announcement(preview(act.text ?? ""))];
      case "poll":
        return [words.acts.poll(act.question)];
      default:
        return [words.acts.pollClosed(act.question)];
    }
  }

  /** @param {Act} act */
  #keysOf({ type, seq, time, by, ...settings }) {
    return Object.keys(settings);
  }

  /** How an act is undone that still holds; null: it cannot be. @param {Act} act */
  #undoOf(act) {
    const { words, ledger, room, client } = this.#desk;
    if (act.type === "sanction") {
      const { user } = act;
      if (!user || ledger.sanctionOf(user.id)?.seq !== act.seq || !this.#desk.maySanction(user)) return null;
      return { label: words.lift, run: () => void lift(this.#desk, user) };
    }
    if (act.type !== "settings") return null;
    const keys = this.#keysOf(act);
    const before = Object.fromEntries(keys.map((key) => [key, ledger.before(act, key)]));
    const holds = keys.every((key) => (room.settings[key] ?? null) === act[key] && before[key] !== undefined && mayBeSet(key));
    return holds ? { label: words.undo, run: () => void this.#desk.act(() => client.set(before), words.undone) } : null;
  }
}

/** Whether moderators may change a setting. @param {string} key */
function mayBeSet(key) {
  return key !== "paid" && key !== "max_connections";
}
