// @ts-check
/** A question that has to be answered before anything else is done in the chat. */
import { el, finder } from "./dom.js";

/**
 * @typedef {object} Question
 * @property {string} heading
 * @property {string} [about] more in words
 * @property {Node[]} [fields]
 * @property {string} submit the button that goes on
 * @property {boolean} [grave] it takes something away from somebody
 * @property {() => Promise<boolean|Question>} run does it; false: the question stays, with all
 *   that was typed; a question: that is asked next
 */

/**
 * Asks. The keyboard goes into the sheet, and back to where it came from when it closes.
 * @param {import("./desk.js").Desk} desk
 * @param {() => HTMLElement|null} from
 * @param {Question} question
 */
export function ask(desk, from, { heading, about = "", fields = [], submit, grave, run }) {
  const { room, words } = desk;
  const frame = finder(room.root)("container");
  const others = [.../** @type {NodeListOf<HTMLElement>} */ (frame.querySelectorAll(":scope > header, :scope > #stage"))];
  const go = el("button", { part: "button", className: grave ? "grave" : "", textContent: submit });
  const sheet = el("dialog", { className: "sheet", part: "sheet", aria: { labelledby: "sheet-heading", describedby: "sheet-about", modal: "true" } },
    el("form", { noValidate: true, autocomplete: "off", onsubmit: submitted },
      el("h2", { id: "sheet-heading", textContent: heading }),
      el("p", { id: "sheet-about", className: "muted", textContent: about }),
      ...fields,
      el("div", { className: "buttons" },
        go,
        el("button", { type: "button", className: "quiet", part: "button", textContent: room.t.cancel, onclick: close }))));
  const veil = el("div", { className: "veil" }, sheet);
  veil.addEventListener("keydown", (e) => {
    e.stopPropagation();
    if (e.key === "Escape") close();
  });

  frame.append(veil);
  for (const other of others) other.inert = true;
  sheet.show();
  /** @type {HTMLElement|null} */ (sheet.querySelector("input:checked, input[type=text], button"))?.focus();

  function close() {
    veil.remove();
    for (const other of others) other.inert = false;
    from()?.focus();
    if (!room.root.activeElement) room.composer.focus();
  }

  /** @param {Event} e */
  async function submitted(e) {
    e.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    try {
      const done = await run();
      if (done) close();
      if (typeof done === "object") ask(desk, from, done);
    } finally {
      go.disabled = false;
    }
  }
}
