// @ts-check
/**
 * Reads out what is new, to whom a screen reader reads: politely, and in a flood no more
 * than one can listen to.
 */

const EVERY = 2000; // ms
const MOST = 3; // texts at a time; of more only the number and the newest

export class Speaker {
  #node;
  #t;
  /** @type {string[]} */ #waiting = [];
  #dropped = 0;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /**
   * @param {HTMLElement} node role=status
   * @param {import("./strings.js").Strings} t
   */
  constructor(node, t) {
    this.#node = node;
    this.#t = t;
  }

  /** @param {string} text */
  say(text) {
    this.#waiting.push(text);
    if (this.#waiting.length > MOST) {
      this.#waiting.shift();
      this.#dropped++;
    }
    if (this.#timer === undefined) this.#speak();
  }

  #speak() {
    const newest = this.#waiting.slice(this.#dropped ? -1 : 0);
    const count = this.#dropped + this.#waiting.length;
    const texts = this.#dropped ? [this.#t.newMessages(count), ...newest] : newest;
    this.#node.replaceChildren(...texts.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
    this.#waiting = [];
    this.#dropped = 0;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting.length) this.#speak();
    }, EVERY);
  }
}
