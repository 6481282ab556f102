// @ts-check
/**
 * The buttons on the message that the mouse or the keyboard is at. There is one set of
 * them for all messages, which goes where it is wanted.
 */
import { el } from "./dom.js";
import { nameOf } from "./notices.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */

export class RowActions {
  #list;
  #frame;
  #actions;
  #t;
  #eventOf;
  #bar = el("div", { className: "actions", part: "actions" });
  /** @type {HTMLElement|null} */ #row = null;

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.list of the messages' rows
   * @param {HTMLElement} parts.frame in which a menu may lie
   * @param {import("./actions.js").Actions<LogEvent>} parts.actions
   * @param {import("./strings.js").Strings} parts.t
   * @param {(row: Element) => LogEvent|null} parts.eventOf the message in a row; null: nothing can be done
   */
  constructor({ list, frame, actions, t, eventOf }) {
    this.#list = list;
    this.#frame = frame;
    this.#actions = actions;
    this.#t = t;
    this.#eventOf = eventOf;
    list.addEventListener("mouseover", (e) => this.#moveTo(e));
    list.addEventListener("mouseleave", () => !this.#bar.contains(this.#focused) && this.#moveTo(null));
    list.addEventListener("focusin", (e) => this.#moveTo(e));
    list.addEventListener("keydown", (e) => {
      if (e.key.toLowerCase() !== "m" || e.ctrlKey || e.metaKey || e.altKey) return;
      const all = this.#bar.lastElementChild;
      if (!this.#row || !all) return;
      e.preventDefault();
      /** @type {HTMLElement} */ (all).click();
    });
  }

  /** The row is gone, or is another one now. @param {Element|null} row */
  left(row) {
    if (row === this.#row) this.#moveTo(null);
  }

  get #focused() {
    return /** @type {ShadowRoot} */ (this.#list.getRootNode()).activeElement;
  }

  /** @param {Event|null} e */
  #moveTo(e) {
    const row = /** @type {HTMLElement|null} */ (/** @type {Element|null} */ (e?.target ?? null)?.closest(".row") ?? null);
    if (row === this.#row || (e?.type === "mouseover" && this.#bar.contains(this.#focused))) return;
    const event = row && this.#eventOf(row);
    this.#row = event ? row : null;
    this.#bar.remove();
    if (!event || !row) return;
    this.#fill(event);
    row.append(this.#bar);
  }

  /** @param {LogEvent} event */
  #fill(event) {
    const all = this.#actions.for(event);
    const others = all.filter((action) => !action.first);
    const name = nameOf(event.user, this.#t);
    this.#bar.replaceChildren(...all.filter((action) => action.first).map((action) => {
      const label = action.label(event);
      return el("button", {
        type: "button",
        className: action.id,
        textContent: action.sign ?? label,
        title: action.sign ? label : undefined,
        aria: { label: this.#t.actionOn(label, name) },
        onclick: (/** @type {MouseEvent} */ e) => action.run(event, /** @type {HTMLElement} */ (e.currentTarget)),
      });
    }));
    if (!others.length) return;
    this.#bar.append(el("button", {
      type: "button",
      className: "more",
      textContent: "⋯",
      title: this.#t.moreActions,
      aria: { label: this.#t.actionOn(this.#t.moreActions, name), haspopup: "menu" },
      onclick: (/** @type {MouseEvent} */ e) => this.#open(event, /** @type {HTMLElement} */ (e.currentTarget), others),
    }));
  }

  /** @param {LogEvent} event @param {HTMLElement} button @param {import("./actions.js").Action<LogEvent>[]} actions */
  async #open(event, button, actions) {
    const { openMenu } = await import("./menu.js");
    openMenu(this.#frame, button, this.#t.moreActions, actions, event);
  }
}
