// @ts-check
/** A menu that opens beside a button: for mouse, touch and keyboard alike. */
import { el } from "./dom.js";
import { arrows, popUp } from "./popup.js";

/**
 * Opens a menu.
 * @template T
 * @param {HTMLElement} frame positioned, and large enough: the menu stays within it
 * @param {HTMLElement} button
 * @param {string} label
 * @param {import("./actions.js").Action<T>[]} actions
 * @param {T} about
 */
export function openMenu(frame, button, label, actions, about) {
  const menu = el("div", { className: "popup menu", part: "menu", role: "menu", aria: { label } });
  menu.append(...actions.map((action) => el("button", {
    type: "button",
    role: "menuitem",
    tabIndex: -1,
    className: action.grave ? "grave" : "",
    textContent: action.label(about),
    onclick: () => {
      close();
      action.run(about, button);
    },
  })));
  arrows(menu, () => 1);
  const close = popUp(frame, button, menu);
}
