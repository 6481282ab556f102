// @ts-check
/** What we have said and nobody has confirmed: rows of their own below the messages. */
import { el } from "./dom.js";

export class Outbox {
  #node;
  #t;
  #onAdded;
  /** @type {Map<string, HTMLElement>} by command id */ #rows = new Map();

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.node
   * @param {import("./strings.js").Strings} parts.t
   * @param {() => void} parts.onAdded
   */
  constructor({ node, t, onAdded }) {
    this.#node = node;
    this.#t = t;
    this.#onAdded = onAdded;
  }

  /** @param {string} id @param {string} text */
  sending(id, text) {
    const row = this.#add("pending", text, this.#t.sending);
    this.#rows.set(id, row);
  }

  /** It is among the messages, or failed. @param {string} id */
  settled(id) {
    this.#rows.get(id)?.remove();
    this.#rows.delete(id);
  }

  /** The connection is away, or back. @param {boolean} away */
  waiting(away) {
    for (const row of this.#rows.values()) {
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
    const button = (/** @type {string} */ label, /** @type {() => unknown} */ onclick) =>
      el("button", { type: "button", className: "link", textContent: label, onclick });
    const row = this.#add("pending failed", text, reason);
    row.append(button(this.#t.sendAgain, () => again() && row.remove()), button(this.#t.discard, () => row.remove()));
  }

  /** @param {string} className @param {string} text @param {string} state */
  #add(className, text, state) {
    const row = el("div", { className }, el("p", { className: "text", dir: "auto", textContent: text }), el("p", { className: "state", textContent: state }));
    this.#node.append(row);
    this.#onAdded();
    return row;
  }
}
