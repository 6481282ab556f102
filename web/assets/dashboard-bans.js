// @ts-check
/** Who may not come in: the bans and timeouts that hold, with those of the database. */
import { el, finder } from "./dom.js";
import { onAct, Outcome } from "./dashboard-actions.js";
import { strings as t } from "./dashboard-strings.js";
import { set, Table } from "./dashboard-table.js";

const $ = finder(document);

/** @typedef {import("./dashboard-api.js").Api} Api */
/** @typedef {{id: string, kind?: string, user?: string, ip?: string, room?: string, reason: string, by: string, expires?: string}} Ban */

const HOUR = 3_600_000; // ms
const SHARE = 20; // so many times as long as it took to read the bans, they are not read again

/** @type {HTMLInputElement} */ const value = $("ban-value");
/** @type {HTMLInputElement} */ const room = $("ban-room");
/** @type {HTMLInputElement} */ const reason = $("ban-reason");
/** @type {HTMLInputElement} */ const at = $("ban-at");
/** @type {HTMLSelectElement} */ const kind = $("ban-kind");
/** @type {HTMLSelectElement} */ const expires = $("ban-expires");

/** @param {Ban} ban */
const who = (ban) => [ban.user, ban.ip].filter(Boolean).join(" · ");

export class Bans {
  #api;
  #table;
  #lifted;
  #next = 0; // when they may be read again

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
    this.#table = new Table({
      label: t.bans,
      sorted: 0,
      key: (/** @type {Ban} */ ban) => ban.id,
      matches: (ban) => `${who(ban)}\n${ban.room ?? ""}\n${ban.reason}\n${ban.by}`,
      none: t.noBans,
      columns: [
        { label: t.banWho, by: who, text: who },
        { label: t.banKind, by: (ban) => ban.kind ?? "", text: (ban) => (ban.kind === "timeout" ? t.kindTimeout : t.kindBan) },
        { label: t.banRoom, by: (ban) => ban.room ?? "", text: (ban) => ban.room ?? t.allRooms },
        { label: t.banReason, by: (ban) => ban.reason, text: (ban) => ban.reason || "–" },
        { label: t.banBy, by: (ban) => ban.by, text: (ban) => ban.by || "–" },
        { label: t.banExpires, by: (ban) => Date.parse(ban.expires ?? "") || Infinity, text: (ban) => this.#end(ban) },
        { label: t.act, className: "do", fill: (cell) => this.#lift(cell) },
      ],
    });
    $("bans").append(this.#table.node);
    this.#lifted = new Outcome($("bans"));
    expires.addEventListener("change", () => ($("ban-at-field").hidden = expires.value !== "at"));
    onAct(/** @type {HTMLFormElement} */ ($("ban")), () => this.#add());
  }

  /** Leads to a new ban in a room. @param {string} name */
  begin(name) {
    room.value = name;
    $("bans").scrollIntoView();
    value.focus();
  }

  /** Reads the bans again, unless that took long the last time: there can be many. */
  refresh() {
    if (performance.now() >= this.#next) this.load();
  }

  /** Reads the bans again. */
  async load() {
    const begun = performance.now();
    this.#next = Infinity;
    try {
      this.#table.show(await this.#api.call("GET", "bans"));
      set($("bans-problem"), "");
    } catch (err) {
      set($("bans-problem"), err instanceof Error ? err.message : "");
    }
    this.#next = performance.now() + SHARE * (performance.now() - begun);
  }

  async #add() {
    const ban = await this.#api.call("POST", "bans", {
      [kind.value]: value.value.trim(),
      room: room.value.trim(),
      reason: reason.value.trim(),
      expires: this.#until(),
    });
    value.value = reason.value = "";
    await this.load();
    return t.banned(who(ban), ban.room ?? "");
  }

  /** The end of the ban in the form, in RFC 3339; empty for none. */
  #until() {
    if (expires.value === "at") {
      if (!at.value) throw new Error(t.needTime);
      return new Date(at.value).toISOString();
    }
    return expires.value && new Date(this.#api.now() + Number(expires.value) * HOUR).toISOString();
  }

  /** @param {Ban} ban */
  #end(ban) {
    if (!ban.expires) return t.never;
    const end = Date.parse(ban.expires);
    return t.until(end, (end - this.#api.now()) / 1000);
  }

  /** @param {HTMLElement} cell */
  #lift(cell) {
    /** @type {Ban} */ let ban;
    const name = el("span", { className: "spoken" });
    const button = el("button", { type: "button", className: "quiet" }, t.lift, name);
    cell.append(button);
    onAct(button, async () => {
      await this.#api.call("DELETE", `bans/${encodeURIComponent(ban.id)}`);
      const done = t.lifted(who(ban), ban.room ?? "");
      await this.load();
      return done;
    }, this.#lifted);
    return (/** @type {Ban} */ next) => {
      ban = next;
      set(name, ` ${who(ban)}`);
    };
  }
}
