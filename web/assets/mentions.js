// @ts-check
/** Offers names while one types @ and their beginning. */
import { colour, el, finder, initial } from "./dom.js";
import { nameOf } from "./notices.js";
import { makeBadges } from "./row.js";

/** @typedef {import("./protocol.js").User} User */

const MOST = 6;
const AFTER_TYPING = 150; // ms

export class Mentions {
  #room;
  #box;
  #list = el("ul", { id: "mentions", className: "popup", part: "mentions", role: "listbox", hidden: true });
  /** @type {User[]} */ #offered = [];
  #chosen = 0;
  #prefix = "";
  #end = 0; // where that ends in the box
  #dismissed = ""; // what stood in the box when one wanted none
  #looks = 0; // an answer to an earlier one is stale
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    this.#room = room;
    this.#box = room.composer.box;
    this.#list.setAttribute("aria-label", room.t.people);
    finder(room.root)("composer").prepend(this.#list);
    this.#box.setAttribute("aria-autocomplete", "list");
    this.#box.setAttribute("aria-controls", "mentions");
    this.#box.addEventListener("input", () => this.look());
    this.#box.addEventListener("blur", () => this.#hide());
    // Not every browser tells an element in a shadow root that the cursor has moved in it.
    for (const type of ["keyup", "click"]) this.#box.addEventListener(type, () => this.#lookAway());
    room.composer.onKey = (e) => this.#keyed(e);
  }

  /** Looks at what stands before the cursor. */
  look() {
    this.#end = this.#box.selectionStart;
    const found = /(?:^|[^\p{L}\p{N}_])@([^@\n]{0,25})$/u.exec(this.#box.value.slice(0, this.#end));
    clearTimeout(this.#timer);
    const look = ++this.#looks;
    if (!found || this.#dismissed === this.#box.value) return this.#hide();
    this.#prefix = found[1];
    this.#dismissed = "";
    this.#offer(this.#known());
    this.#timer = setTimeout(() => this.#ask(this.#prefix, look), AFTER_TYPING);
  }

  /** Offers none while the cursor is elsewhere. */
  #lookAway() {
    if (this.#box.selectionStart !== this.#end || this.#box.selectionEnd !== this.#end) this.#hide();
  }

  /** Who has spoken, the latest first. */
  #known() {
    const prefix = this.#prefix.toLowerCase();
    return [...this.#room.lexicon.names].reverse().filter(([name]) => name.startsWith(prefix)).map(([, user]) => user);
  }

  /** @param {string} prefix @param {number} look */
  async #ask(prefix, look) {
    if (prefix.trim() !== prefix) return;
    try {
      const { users } = await this.#room.client.who({ prefix, limit: MOST });
      if (look === this.#looks) this.#offer([...this.#known(), ...users]);
    } catch {
      // Those that are known are offered.
    }
  }

  /** @param {User[]} users */
  #offer(users) {
    const { t, lexicon } = this.#room;
    const chosen = this.#offered[this.#chosen]?.name;
    const byName = new Map(users.filter((user) => user.name && !lexicon.isMe(user)).map((user) => [user.name?.toLowerCase(), user]));
    this.#offered = [...byName.values()].slice(0, MOST);
    this.#list.replaceChildren(...this.#offered.map((user, i) => el("li", {
      id: `mention-${i}`, role: "option",
      onmousedown: (/** @type {Event} */ e) => e.preventDefault(), // the box keeps the keyboard
      onclick: () => this.#take(i),
    },
    colour(el("span", { className: "avatar", aria: { hidden: "true" }, textContent: initial(nameOf(user, t)) }), user.id),
    el("span", { dir: "auto", textContent: user.name }), ...makeBadges(user, t))));
    this.#list.hidden = this.#offered.length === 0;
    this.#choose(Math.max(0, this.#offered.findIndex(({ name }) => name === chosen)));
  }

  /** @param {number} i */
  #choose(i) {
    this.#chosen = (i + this.#offered.length) % (this.#offered.length || 1);
    [...this.#list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === this.#chosen)));
    if (this.#offered.length) this.#box.setAttribute("aria-activedescendant", `mention-${this.#chosen}`);
    else this.#box.removeAttribute("aria-activedescendant");
  }

  #hide() {
    clearTimeout(this.#timer);
    this.#looks++;
    this.#offered = [];
    this.#list.hidden = true;
    this.#box.removeAttribute("aria-activedescendant");
  }

  /** @param {number} i */
  #take(i) {
    this.#room.composer.insert(`@${this.#offered[i].name} `, this.#end - this.#prefix.length - 1, this.#end);
    this.#hide();
  }

  /** @param {KeyboardEvent} e @returns {boolean} whether the key was for the list */
  #keyed(e) {
    if (this.#list.hidden) return false;
    if (e.key === "ArrowDown") this.#choose(this.#chosen + 1);
    else if (e.key === "ArrowUp") this.#choose(this.#chosen - 1);
    else if (e.key === "Enter" || e.key === "Tab") this.#take(this.#chosen);
    else if (e.key === "Escape") {
      this.#dismissed = this.#box.value;
      this.#hide();
    } else return false;
    e.preventDefault();
    return true;
  }
}
