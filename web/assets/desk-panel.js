// @ts-check
/** The panel of who moderates: a section for each thing there is to do, of which one is shown. */
import { el, icon } from "./desk-dom.js";
import { load, once } from "./loader.js";
import { Panel } from "./panel.js";

/** @typedef {"room"|"poll"|"sanctions"|"acts"|"figures"} Section */

/**
 * A section. It is made when it is first shown.
 * @typedef {object} Part
 * @property {HTMLElement} node
 * @property {() => void} shown it is seen from now on
 * @property {() => void} hidden it is not any more
 */

/** @type {Record<Section, (desk: import("./desk.js").Desk) => Promise<Part>>} */
const PARTS = {
  room: async (desk) => new (await load("desk-room")).RoomPart(desk),
  poll: async (desk) => new (await load("desk-poll")).PollPart(desk),
  sanctions: async (desk) => new (await load("desk-sanctions")).SanctionsPart(desk),
  acts: async (desk) => new (await load("desk-log")).LogPart(desk),
  figures: async (desk) => new (await load("desk-graphs")).GraphsPart(desk),
};
const SECTIONS = /** @type {Section[]} */ (Object.keys(PARTS));

export class DeskPanel {
  #desk;
  #panel;
  #tabs;
  #body = el("div", { id: "desk-body", role: "tabpanel", tabIndex: -1 });
  /** @type {Map<Section, Promise<Part>>} */ #parts = new Map();
  /** @type {Section} */ #section = "room";
  /** @type {Part|null} */ #part = null;

  /**
   * @param {import("./desk.js").Desk} desk
   * @param {HTMLElement} toggle
   */
  constructor(desk, toggle) {
    const { room, words } = desk;
    this.#desk = desk;
    this.#tabs = SECTIONS.map((section) => el("button", {
      type: "button", id: `desk-tab-${section}`, className: "tab", part: "tab", role: "tab", aria: { controls: "desk-body" },
      onclick: () => this.#show(section),
    }, icon(section), el("span", { textContent: words.tabs[section] })));
    const list = el("div", { className: "tabs", role: "tablist", aria: { label: words.desk } }, ...this.#tabs);
    list.addEventListener("keydown", (e) => this.#keyed(e));
    this.#panel = new Panel({
      room, id: "desk", heading: words.desk, closeLabel: words.closeDesk, toggle, content: [list, this.#body],
      onOpen: () => {
        this.#show(this.#section);
        this.#tabs[SECTIONS.indexOf(this.#section)].focus();
      },
      onClose: () => this.#part?.hidden(),
    });
  }

  toggle() {
    this.#panel.toggle();
  }

  close() {
    this.#panel.close();
  }

  /** Shows what was done with somebody. @param {import("./protocol.js").User} user */
  async showActsOf(user) {
    this.#section = "acts";
    this.#panel.show();
    const part = /** @type {import("./desk-log.js").LogPart} */ (await this.#make("acts"));
    part.filter(user.name ?? user.id);
  }

  /** @param {Section} section */
  async #show(section) {
    this.#section = section;
    SECTIONS.forEach((other, i) => {
      this.#tabs[i].setAttribute("aria-selected", String(other === section));
      this.#tabs[i].tabIndex = other === section ? 0 : -1;
    });
    this.#body.setAttribute("aria-labelledby", `desk-tab-${section}`);
    const part = await this.#make(section);
    if (section !== this.#section || !this.#panel.open) return;
    if (part !== this.#part) this.#part?.hidden();
    this.#part = part;
    if (part.node.parentNode !== this.#body) this.#body.replaceChildren(part.node);
    part.shown();
  }

  /** @param {Section} section */
  #make(section) {
    return once(this.#parts, section, () => PARTS[section](this.#desk));
  }

  /** @param {KeyboardEvent} e */
  #keyed(e) {
    const at = SECTIONS.indexOf(this.#section);
    const ahead = getComputedStyle(this.#panel.node).direction === "rtl" ? -1 : 1;
    const to = new Map([["ArrowRight", at + ahead], ["ArrowLeft", at - ahead], ["Home", 0], ["End", -1]]).get(e.key);
    if (to === undefined) return;
    e.preventDefault();
    const section = /** @type {Section} */ (SECTIONS.at(to % SECTIONS.length));
    this.#show(section);
    this.#tabs[SECTIONS.indexOf(section)].focus();
  }
}
