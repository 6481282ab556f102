// @ts-check
/** The panel that tells who is in the room. */
import { $, colour, el, initial } from "./dom.js";
import { strings as t } from "./strings.js";

/** @typedef {import("./chat-client.js").ChatClient} ChatClient */

const MOST = 100;
const AFTER_TYPING = 200; // ms
const REFRESH = 10_000; // ms

export class People {
  /** @type {HTMLDialogElement} */ #panel = $("people");
  #toggle = $("people-toggle");
  /** @type {HTMLInputElement} */ #search = $("people-search");
  #list = $("people-list");
  #more = $("people-more");
  #narrow = matchMedia("(max-width: 55rem)");
  #client;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {ChatClient} client */
  constructor(client) {
    this.#client = client;
    this.#toggle.addEventListener("click", () => (this.#panel.open ? this.#panel.close() : this.#open()));
    $("people-close").addEventListener("click", () => this.#panel.close());
    $("people-form").addEventListener("submit", (e) => e.preventDefault());
    this.#panel.addEventListener("close", () => this.#closed());
    this.#panel.addEventListener("keydown", (e) => e.key === "Escape" && this.#panel.close());
    this.#search.addEventListener("input", () => this.#refreshIn(AFTER_TYPING));
    // Beside the messages it is part of the page; over them it is a dialog.
    this.#narrow.addEventListener("change", () => this.#panel.close());
  }

  /** Who is here has changed, or may be asked again. */
  changed() {
    if (this.#panel.open) this.#refreshIn(AFTER_TYPING);
  }

  #open() {
    if (this.#narrow.matches) this.#panel.showModal();
    else this.#panel.show();
    this.#toggle.setAttribute("aria-expanded", "true");
    this.#search.focus();
    this.#refresh();
  }

  #closed() {
    clearTimeout(this.#timer);
    this.#toggle.setAttribute("aria-expanded", "false");
    this.#toggle.focus();
  }

  /** @param {number} ms */
  #refreshIn(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), ms);
  }

  async #refresh() {
    this.#refreshIn(REFRESH);
    const prefix = this.#search.value.trim();
    try {
      const { count, users } = await this.#client.who({ prefix, limit: MOST });
      if (prefix === this.#search.value.trim()) this.#show(count, users);
    } catch {
      this.#more.textContent = t.peopleOffline;
    }
  }

  /**
   * @param {number} count
   * @param {import("./protocol.js").User[]} users
   */
  #show(count, users) {
    this.#list.replaceChildren(...users.map((user) => el("li", {},
      colour(el("span", { className: "avatar", textContent: initial(user.name ?? ""), aria: { hidden: "true" } }), user.id),
      colour(el("span", { className: "name", dir: "auto", textContent: user.name }), user.id),
      user.id === this.#client.you?.id ? el("span", { className: "muted", textContent: `(${t.you})` }) : null,
      user.role && t.roles[user.role] ? el("span", { className: `badge ${user.role}`, textContent: t.roles[user.role] }) : null)));
    const rest = count - users.length;
    this.#more.textContent = users.length === 0 ? t.nobody : rest > 0 ? t.morePeople(rest) : "";
  }
}
