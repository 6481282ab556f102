// @ts-check
/** The panel that tells who is in the room, and what can be done with them. */
import { colour, el, finder, initial } from "./dom.js";
import { openMenu } from "./menu.js";
import { nameOf } from "./notices.js";
import { Panel } from "./panel.js";
import { makeBadges, makeName } from "./row.js";
import { adopt } from "./styles.js";

/** @typedef {import("./room.js").Room} Room */
/** @typedef {import("./protocol.js").User} User */

const MOST = 100;
const AFTER_TYPING = 200; // ms
const REFRESH = 10_000; // ms

export class People {
  #room;
  #frame;
  #panel;
  #search;
  #list = el("ul", { id: "people-list" });
  #more = el("p", { id: "people-more", className: "muted", role: "status" });
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {Room} room */
  constructor(room) {
    const { t } = room;
    const $ = finder(room.root);
    this.#room = room;
    this.#frame = $("container");
    this.#search = el("input", {
      id: "people-search", type: "search", autocomplete: "off", spellcheck: false, part: "input",
      placeholder: t.searchPeople, aria: { label: t.searchLabel },
    });
    this.#panel = new Panel({
      room, id: "people", heading: t.people, closeLabel: t.closePeople, toggle: $("people-toggle"),
      content: [
        el("form", { role: "search", onsubmit: (/** @type {Event} */ e) => e.preventDefault() }, this.#search),
        this.#list,
        this.#more,
      ],
      onOpen: () => {
        this.#search.focus();
        this.#refresh();
      },
      onClose: () => clearTimeout(this.#timer),
    });
    this.#search.addEventListener("input", () => this.#refreshIn(AFTER_TYPING));
    for (const type of ["viewers", "welcome"]) room.client.addEventListener(type, () => this.#changed(), { signal: room.signal });
    room.signal.addEventListener("abort", () => clearTimeout(this.#timer));
    adopt(room.root, "people.css");
    offer(room);
  }

  /** Opens the panel, or closes it. */
  toggle() {
    this.#panel.toggle();
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
