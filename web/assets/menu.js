// @ts-check
/** A menu that opens beside a button: for mouse, touch and keyboard alike. */
import { el } from "./dom.js";

/**
 * Opens a menu; the keyboard goes into it, and back to `button` when it closes.
 * @template T
 * @param {HTMLElement} frame positioned, and large enough: the menu stays within it
 * @param {HTMLElement} button
 * @param {string} label
 * @param {import("./actions.js").Action<T>[]} actions
 * @param {T} about
 */
export function openMenu(frame, button, label, actions, about) {
  const open = new AbortController();
  const menu = el("div", { className: "menu", part: "menu", role: "menu", aria: { label } });
  const close = () => {
    open.abort();
    menu.remove();
  };
  const back = () => {
    close();
    button.focus();
  };
  menu.append(...actions.map((action) => el("button", {
    type: "button",
    role: "menuitem",
    tabIndex: -1,
    className: action.grave ? "grave" : "",
    textContent: action.label(about),
    onclick: () => {
      back();
      action.run(about, button);
    },
  })));
  menu.addEventListener("keydown", (e) => {
    const items = /** @type {HTMLElement[]} */ ([...menu.children]);
    const at = items.indexOf(/** @type {HTMLElement} */ (e.target));
    const to = new Map([["ArrowDown", at + 1], ["ArrowUp", at - 1], ["Home", 0], ["End", -1]]).get(e.key);
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (e.key === "Escape" || e.key === "Tab") back();
    else return;
    e.preventDefault();
    e.stopPropagation();
  }, { signal: open.signal });
  menu.addEventListener("focusout", (e) => {
    if (!menu.contains(/** @type {Node|null} */ (e.relatedTarget))) close();
  }, { signal: open.signal });
  frame.append(menu);
  place(frame, button, menu);
  /** @type {HTMLElement} */ (menu.firstElementChild).focus();
}

/**
 * Below the button where there is room, else above; the ends that are on the side of the
 * frame's own end stand together.
 * @param {HTMLElement} frame @param {HTMLElement} button @param {HTMLElement} menu
 */
function place(frame, button, menu) {
  const within = frame.getBoundingClientRect();
  const at = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const rtl = getComputedStyle(frame).direction === "rtl";
  const x = (rtl ? at.left : at.right - width) - within.left;
  const below = at.bottom - within.top;
  menu.style.left = `${Math.max(4, Math.min(x, within.width - width - 4))}px`;
  menu.style.top = `${below + height <= within.height ? below : Math.max(4, at.top - within.top - height)}px`;
}
