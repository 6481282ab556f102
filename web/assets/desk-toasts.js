// @ts-check
/** Tells for some seconds what was done, and offers to take it back. */
import { el } from "./dom.js";

const STAYS = 10_000; // ms
const MOST = 3;

export class Toasts {
  #words;
  #list = el("div", { id: "toasts", role: "status" });

  /**
   * @param {HTMLElement} frame
   * @param {import("./desk.js").Words} words
   */
  constructor(frame, words) {
    this.#words = words;
    frame.append(this.#list);
  }

  /**
   * @param {string} text
   * @param {{undo?: () => void, bad?: boolean}} [options]
   */
  show(text, { undo, bad = false } = {}) {
    const toast = el("div", { className: bad ? "toast bad" : "toast", part: "toast" },
      el("p", { textContent: text }),
      undo ? el("button", {
        type: "button", className: "link undo", textContent: this.#words.undo, title: "U",
        onclick: () => {
          toast.remove();
          undo();
        },
      }) : null,
      el("button", { type: "button", className: "link", textContent: "×", aria: { label: this.#words.dismiss }, onclick: () => toast.remove() }));
    this.#list.append(toast);
    while (this.#list.children.length > MOST) this.#list.firstElementChild?.remove();
    this.#goAfterAWhile(toast);
  }

  /** Takes back what was done last, if that is still offered. @returns {boolean} */
  undo() {
    const buttons = /** @type {NodeListOf<HTMLElement>} */ (this.#list.querySelectorAll(".undo"));
    buttons[buttons.length - 1]?.click();
    return buttons.length > 0;
  }

  /** Not while somebody is at it. @param {HTMLElement} toast */
  #goAfterAWhile(toast) {
    setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) this.#goAfterAWhile(toast);
      else toast.remove();
    }, STAYS);
  }
}
