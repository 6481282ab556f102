// @ts-check
/** The section of the room: its settings, announcements, and clearing the chat. */
import { el, field } from "./desk-dom.js";
import { ask } from "./desk-sheet.js";
import { SettingsForm } from "./desk-settings.js";

/** @typedef {import("./desk.js").Desk} Desk */

export class RoomPart {
  #settings;

  /** @param {Desk} desk */
  constructor(desk) {
    const { words } = desk;
    this.#settings = new SettingsForm(desk);
    this.node = el("div", { className: "section" },
      this.#settings.node,
      makeAnnounce(desk),
      el("div", { className: "block" },
        el("h4", { textContent: words.clearHeading }),
        el("p", { className: "muted", textContent: words.clearHint }),
        el("button", {
          id: "desk-clear", type: "button", className: "grave quiet", part: "button", textContent: words.clearButton,
          onclick: (/** @type {MouseEvent} */ e) => askToClear(desk, /** @type {HTMLElement} */ (e.currentTarget)),
        })),
      el("details", { className: "block" },
        el("summary", { textContent: words.keysHeading }),
        el("dl", { className: "keys" }, ...words.keys.flatMap(([key, does]) => [el("dt", {}, el("kbd", { textContent: key })), el("dd", { textContent: does })]))));
  }

  shown() {
    this.#settings.show();
  }

  hidden() {}
}

/** @param {Desk} desk */
function makeAnnounce(desk) {
  const { words, client, room: { t } } = desk;
  const { node, input, complain } = field(el("textarea", { id: "desk-announce", rows: 2, dir: "auto" }), words.announceLabel, words.announceHint);
  const button = el("button", { part: "button", textContent: words.announceButton });
  return el("form", {
    className: "block", autocomplete: "off",
    onsubmit: async (/** @type {Event} */ e) => {
      e.preventDefault();
      const text = input.value.trim();
      const over = client.limits?.text ? [...text].length - client.limits.text : 0;
      if (!text || over > 0) {
        complain(text ? t.charactersLeft(-over) : words.errors.empty);
        return input.focus();
      }
      if (button.disabled) return;
      button.disabled = true;
      try {
        await desk.persist(() => client.announce(text));
        if (input.value.trim() === text) input.value = "";
        desk.toasts.show(words.announced);
      } catch (err) {
        complain(desk.reason(err));
      } finally {
        button.disabled = false;
      }
    },
  }, el("h4", { textContent: words.announceHeading }), node, button);
}

/** Asks twice: it cannot be undone. @param {Desk} desk @param {HTMLElement} button */
function askToClear(desk, button) {
  const { words } = desk;
  ask(desk, () => button, {
    heading: words.clearFirst, about: words.clearFirstAbout, submit: words.clearGoOn,
    run: async () => ({
      heading: words.clearSecond, about: words.clearSecondAbout, submit: words.clearNow, grave: true,
      run: () => desk.act(() => desk.client.clear(), words.clearDone),
    }),
  });
}
