// @ts-check
/** What opens beside a button, and closes when the keyboard or the mouse goes elsewhere. */

const APART = 4; // px

/**
 * Shows a node beside a button, below it where there is room, else above; the keyboard goes
 * into it, and back to the button when it closes.
 * @param {HTMLElement} frame positioned: the node stays within it
 * @param {HTMLElement} button
 * @param {HTMLElement} node
 * @returns {() => void} closes it
 */
export function popUp(frame, button, node) {
  const go = () => {
    node.remove();
    button.setAttribute("aria-expanded", "false");
  };
  const close = () => {
    const active = /** @type {HTMLElement|null} */ (/** @type {ShadowRoot} */ (frame.getRootNode()).activeElement);
    if (!node.contains(active)) return go();
    button.focus(); // which closes it
    if (node.isConnected) active?.blur(); // the button is gone
  };
  node.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" && e.key !== "Tab") return;
    e.preventDefault();
    e.stopPropagation();
    close();
  });
  node.addEventListener("focusout", (e) => {
    if (!node.contains(/** @type {Node|null} */ (e.relatedTarget))) go();
  });
  button.setAttribute("aria-expanded", "true");
  frame.append(node);
  place(frame, button, node);
  node.querySelector("button")?.focus();
  return close;
}

/** @param {HTMLElement} frame @param {HTMLElement} button @param {HTMLElement} node */
export function place(frame, button, node) {
  const within = frame.getBoundingClientRect();
  const at = button.getBoundingClientRect();
  const { width, height } = node.getBoundingClientRect();
  const x = (getComputedStyle(frame).direction === "rtl" ? at.left : at.right - width) - within.left;
  const below = at.bottom - within.top + APART;
  const above = at.top - within.top - height - APART;
  node.style.left = `${Math.max(APART, Math.min(x, within.width - width - APART))}px`;
  node.style.top = `${Math.max(APART, below + height <= within.height ? below : above)}px`;
}

/**
 * Lets the arrow keys go from button to button.
 * @param {HTMLElement} node
 * @param {() => number} columns
 */
export function arrows(node, columns) {
  node.addEventListener("keydown", (e) => {
    const items = [...node.querySelectorAll("button")];
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (e.target));
    const ahead = getComputedStyle(node).direction === "rtl" ? -1 : 1;
    const to = new Map([
      ["ArrowDown", at + columns()], ["ArrowUp", at - columns()], ["ArrowRight", at + ahead], ["ArrowLeft", at - ahead], ["Home", 0], ["End", -1],
    ]).get(e.key);
    if (to === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    items.at(to % items.length)?.focus();
  });
}
