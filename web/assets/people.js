// @ts-check
/**
 * The panel that tells who is in the room, and what can be done with them. It stands
 * beside the messages where there is room, else over them.
 */
import { colour, el, finder, initial } from "./dom.js";
import { openMenu } from "./menu.js";
import { nameOf } from "./notices.js";
import { makeBadges, makeName } from "./row.js";
import { adopt } from "./styles.js";

/** @typedef {import("./room.js").Room} Room */
/** @typedef {import("./protocol.js").User} User */

const MOST = 100;
const AFTER_TYPING = 200; // ms
const REFRESH = 10_000; // ms
const NARROW = 880; // px: below it there is no room beside the messages

export class People {
  #room;
  #toggle;
  #chat;
  #frame;
  #panel;
  #search;
  #list = el("ul", { id: "people-list" });
  #more = el("p", { id: "people-more", className: "muted", role: "status" });
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {Room} room */
  constructor(room) {
    const $ = finder(room.root);
    this.#room = room;
    this.#toggle = $("people-toggle");
    this.#chat = $("chat");
    this.#frame = $("container");
    this.#search = el("input", {
      id: "people-search", type: "search", autocomplete: "off", spellcheck: false, part: "input",
      placeholder: room.t.searchPeople, aria: { label: room.t.searchLabel },
    });
    this.#panel = this.#makePanel();
    $("stage").append(this.#panel);
    this.#search.addEventListener("input", () => this.#refreshIn(AFTER_TYPING));
    this.#panel.addEventListener("close", () => this.#closed());
    this.#panel.addEventListener("keydown", (e) => e.key === "Escape" && this.#panel.close());
    new ResizeObserver(() => this.#cover()).observe(this.#frame);
    room.client.addEventListener("viewers", () => this.#changed());
    room.client.addEventListener("welcome", () => this.#changed());
    adopt(room.root, "people.css");
    offer(room);
  }

  #makePanel() {
    const { t } = this.#room;
    return el("dialog", { id: "people", part: "people", aria: { labelledby: "people-heading" } },
      el("div", { className: "panel-head" },
        el("h3", { id: "people-heading", textContent: t.people }),
        el("button", { id: "people-close", className: "quiet", part: "button", type: "button", textContent: "×", aria: { label: t.closePeople }, onclick: () => this.#panel.close() })),
      el("form", { role: "search", onsubmit: (/** @type {Event} */ e) => e.preventDefault() }, this.#search),
      this.#list,
      this.#more);
  }

  /** Opens the panel, or closes it. */
  toggle() {
    if (this.#panel.open) return this.#panel.close();
    this.#panel.show();
    this.#cover();
    this.#toggle.setAttribute("aria-expanded", "true");
    this.#search.focus();
    this.#refresh();
  }

  #closed() {
    clearTimeout(this.#timer);
    this.#cover();
    this.#toggle.setAttribute("aria-expanded", "false");
    this.#toggle.focus();
  }

  /** What it covers cannot be reached meanwhile. */
  #cover() {
    this.#chat.inert = this.#panel.open && this.#frame.clientWidth < NARROW;
  }

  /** Who is here has changed, or may be asked again. */
  #changed() {
    if (this.#panel.open) this.#refreshIn(AFTER_TYPING);
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
      const { count, users } = await this.#room.client.who({ prefix, limit: MOST });
      if (prefix === this.#search.value.trim() && this.#panel.open) this.#show(count, users);
    } catch {
      this.#more.textContent = this.#room.t.peopleOffline;
    }
  }

  /**
   * @param {number} count
   * @param {User[]} users
   */
  #show(count, users) {
    const { t } = this.#room;
    const focused = /** @type {HTMLElement|null} */ (this.#room.root.activeElement)?.dataset.user;
    this.#list.replaceChildren(...users.map((user) => this.#makeUser(user)));
    if (focused) /** @type {HTMLElement|null} */ (this.#list.querySelector(`[data-user="${CSS.escape(focused)}"]`))?.focus();
    const rest = count - users.length;
    this.#more.textContent = users.length === 0 ? t.nobody : rest > 0 ? t.morePeople(rest) : "";
  }

  /** @param {User} user */
  #makeUser(user) {
    const { t, client, userActions } = this.#room;
    const actions = userActions.for(user);
    return el("li", {},
      colour(el("span", { className: "avatar", part: "avatar", textContent: initial(nameOf(user, t)), aria: { hidden: "true" } }), user.id),
      makeName(user, t),
      user.id === client.you?.id ? el("span", { className: "muted", textContent: `(${t.you})` }) : null,
      ...makeBadges(user, t),
      actions.length === 0 ? null : el("button", {
        type: "button", className: "quiet more", part: "button", textContent: "⋯", dataset: { user: user.id },
        aria: { label: t.actionOn(t.moreActions, nameOf(user, t)), haspopup: "menu" },
        onclick: (/** @type {MouseEvent} */ e) =>
          openMenu(this.#frame, /** @type {HTMLElement} */ (e.currentTarget), t.moreActions, actions, user),
      }));
  }
}

/** What everybody can do with a person. @param {Room} room */
function offer(room) {
  const { t, client, composer, userActions } = room;
  const isOther = (/** @type {User} */ user) => user.id !== client.you?.id;
  userActions.add({ id: "mention", label: () => t.mention, when: isOther, run: (user) => composer.insert(`@${user.name} `) });
  userActions.add({ id: "whisper", label: () => t.whisper, when: (user) => room.hasToken && isOther(user), run: (user) => composer.whisper(user) });
}
