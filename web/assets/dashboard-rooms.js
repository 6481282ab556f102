// @ts-check
/** The table of the open rooms. */
import { el, finder } from "./dom.js";
import { Sparkline } from "./dashboard-graph.js";
import { strings as t } from "./dashboard-strings.js";
import { set, Table } from "./dashboard-table.js";

const $ = finder(document);

/** @typedef {import("./dashboard-history.js").History} History */
/** @typedef {import("./dashboard-history.js").Room} Room */

const NARROW = 0.5; // of its inbox a room has filled: it has trouble
const RECENT = 60_000; // ms; so long does trouble count

/** @param {Room} room */
const refused = (room) => room.refused_busy + room.refused_rate_limited;

export class Rooms {
  #history;
  #table;

  /** @param {History} history @param {(name: string) => void} open shows one room */
  constructor(history, open) {
    this.#history = history;
    this.#table = new Table({
      label: t.rooms,
      sorted: 1,
      key: (room) => room.name,
      matches: (room) => `${room.name}\n${room.producer?.name ?? ""}\n${room.port}`,
      only: { label: t.onlyTrouble, is: (room) => this.#hasTrouble(room) },
      none: t.noRooms,
      columns: [
        { label: t.room, by: (room) => room.name, fill: (cell) => this.#name(cell, open) },
        { label: t.viewers, by: (room) => room.viewers, down: true, className: "n", fill: this.#line("viewers", (room) => t.number(room.viewers)) },
        { label: t.messages, by: (room) => room.message_rate, down: true, className: "n", fill: this.#line("messages", (room) => t.rate(room.message_rate)) },
        { label: t.inbox, by: (room) => room.inbox_depth, down: true, className: "n", text: (room) => t.number(room.inbox_depth) },
        { label: t.inboxHigh, by: (room) => room.inbox_high, down: true, className: "n", text: (room) => t.number(room.inbox_high) },
        { label: t.refused, by: refused, down: true, className: "n", fill: this.#counter("refused", refused) },
        { label: t.skipped, by: (room) => room.skipped, down: true, className: "n", fill: this.#counter("skipped", (room) => room.skipped) },
        { label: t.out, by: (room) => room.bytes_out, down: true, className: "n", text: (room) => t.bytes(room.bytes_out) },
        { label: t.age, by: (room) => room.age, down: true, className: "n", text: (room) => t.duration(room.age) },
        { label: t.producer, by: (room) => room.producer?.name ?? "", text: (room) => room.producer?.name ?? "–" },
      ],
    });
    $("rooms").append(this.#table.node);
  }

  /** @param {Room[]} rooms */
  show(rooms) {
    this.#table.show(rooms);
  }

  /** @param {HTMLElement} cell @param {(name: string) => void} open */
  #name(cell, open) {
    const button = el("button", { type: "button", className: "link" });
    const mark = el("span", { className: "badge bad" });
    button.addEventListener("click", () => open(button.textContent ?? ""));
    cell.append(button, mark);
    return (/** @type {Room} */ room) => {
      set(button, room.name);
      set(mark, room.panics ? t.panics(room.panics) : this.#hasTrouble(room) ? t.trouble : "");
    };
  }

  /** A number with its line. @param {string} name of the series @param {(room: Room) => string} say */
  #line(name, say) {
    return (/** @type {HTMLElement} */ cell) => {
      const line = new Sparkline();
      const number = el("span");
      cell.append(line.node, number);
      return (/** @type {Room} */ room) => {
        line.draw(this.#history, this.#history.room(room.name), name);
        set(number, say(room));
      };
    };
  }

  /** A counter that says how fast it grows. @param {string} name of the series @param {(room: Room) => number} count */
  #counter(name, count) {
    return (/** @type {HTMLElement} */ cell) => {
      const number = el("span");
      const growth = el("span", { className: "growth" });
      cell.append(growth, number);
      return (/** @type {Room} */ room) => {
        const rate = this.#rate(room, name);
        set(number, t.number(count(room)));
        set(growth, rate > 0 ? t.growing(rate) : "");
      };
    };
  }

  /** @param {Room} room @param {string} name */
  #rate(room, name) {
    const ring = this.#history.room(room.name);
    return ring ? this.#history.last(ring, name) : NaN;
  }

  /** That somebody is too fast is none: the room is well. @param {Room} room */
  #hasTrouble(room) {
    const ring = this.#history.room(room.name);
    const had = (/** @type {string} */ name) => ring && this.#history.runs(ring, name, RECENT).flat().some((s) => s.value > 0);
    return room.panics > 0 || room.inbox_depth > NARROW * room.inbox_size || had("busy") || had("skipped") || false;
  }
}
