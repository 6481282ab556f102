// @ts-check
/**
 * What can be done with a message, or with a person: whoever has something to offer adds
 * it here, and whoever shows a message or a person asks what there is.
 */

/**
 * @template T what it is done with
 * @typedef {object} Action
 * @property {string} id names it within its registry, and its button for the style sheet
 * @property {(about: T) => string} label in words, for the button
 * @property {string} [sign] shown in place of the words where there is little room
 * @property {boolean} [first] it has a button of its own; the others are in a menu
 * @property {boolean} [grave] it takes something away from somebody
 * @property {(about: T) => boolean} [when] whether it applies; absent: always
 * @property {(about: T, button: HTMLElement) => void} run
 */

/** @template T */
export class Actions {
  /** @type {Action<T>[]} */ #all = [];

  /**
   * Adds an action behind the others; one with the same id is replaced.
   * @param {Action<T>} action
   * @returns {() => void} takes it away again
   */
  add(action) {
    const at = this.#all.findIndex((known) => known.id === action.id);
    if (at < 0) this.#all.push(action);
    else this.#all[at] = action;
    return () => (this.#all = this.#all.filter((known) => known !== action));
  }

  /** What can be done now; what is grave comes last. @param {T} about @returns {Action<T>[]} */
  for(about) {
    const all = this.#all.filter(({ when }) => !when || when(about));
    return [...all.filter(({ grave }) => !grave), ...all.filter(({ grave }) => grave)];
  }
}
