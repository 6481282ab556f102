// @ts-check
/** Reactions to messages: what there is below each, and how to add one. */
import { el, finder } from "./dom.js";
import { openPicker } from "./picker.js";
import { makeEmote } from "./rich-text.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {Record<string, number>} Totals by emoji */

const MOST = 3000; // messages whose totals are kept

export class Reactions {
  #room;
  #frame;
  /** @type {Map<number, Totals>} by seq */ #totals = new Map();
  /** @type {Set<string>} our own, as seq and emoji */ #own = new Set();

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    this.#room = room;
    this.#frame = finder(room.root)("container");
    room.client.addEventListener("reset", () => this.#totals.clear());
    room.log.dress((row, event) => this.#show(row, event));
  }

  /** Totals have changed. @param {Record<string, Totals>} totals by seq */
  came(totals) {
    for (const [seq, ofOne] of Object.entries(totals)) {
      this.#totals.set(Number(seq), ofOne);
      this.#room.log.refresh(Number(seq));
    }
    for (const seq of this.#totals.keys()) {
      if (this.#totals.size <= MOST) break;
      this.#totals.delete(seq);
    }
  }

  /** Lets one choose. @param {LogEvent} event @param {HTMLElement} button */
  choose(event, button) {
    const { t, lexicon } = this.#room;
    openPicker({ frame: this.#frame, button, label: t.react, emotes: lexicon.emotes, onPick: (emoji) => this.#react(event.seq, emoji) });
  }

  /** @param {number} seq @param {string} emoji */
  async #react(seq, emoji) {
    try {
      await this.#room.client.react(seq, emoji);
      this.#own.add(`${seq} ${emoji}`);
      this.#room.log.refresh(seq);
    } catch (err) {
      this.#room.complain(err);
    }
  }

  /** @param {HTMLElement} row @param {LogEvent} event */
  #show(row, event) {
    const totals = event.redacted ? {} : this.#totals.get(event.seq) ?? {};
    const old = row.querySelector(".reactions");
    const focused = /** @type {HTMLElement|null} */ (this.#room.root.activeElement)?.dataset.emoji;
    const held = focused !== undefined && old?.contains(this.#room.root.activeElement);
    const chips = Object.entries(totals).filter(([, count]) => count > 0).map(([emoji, count]) => this.#makeChip(event.seq, emoji, count));
    old?.remove();
    if (!chips.length) return;
    const node = el("div", { className: "reactions", part: "reactions" }, ...chips);
    const text = /** @type {Element} */ (row.querySelector(".text"));
    text.after(node);
    if (held) chips.find((chip) => chip.dataset.emoji === focused)?.focus();
  }

  /** @param {number} seq @param {string} emoji @param {number} count */
  #makeChip(seq, emoji, count) {
    const { t, lexicon } = this.#room;
    const picture = lexicon.emotes.get(emoji);
    const own = this.#own.has(`${seq} ${emoji}`);
    return el("button", {
      type: "button", className: "chip", part: own ? "reaction reaction-own" : "reaction", tabIndex: -1,
      aria: { label: t.reaction(emoji, count), pressed: String(own) }, dataset: { emoji },
      onclick: () => this.#react(seq, emoji),
    }, picture ? makeEmote(emoji, picture) : emoji, " ", el("span", { textContent: t.number(count) }));
  }
}
