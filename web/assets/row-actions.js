// @ts-check
/**
 * The buttons on the message that the mouse or the keyboard is at. There is one set of
 * them for all messages, which goes where it is wanted.
 */
import { el, finder } from "./dom.js";
import { load } from "./loader.js";
import { nameOf } from "./notices.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */

export class RowActions {
  #room;
  #frame;
  #bar = el("div", { className: "actions", part: "actions" });
  /** @type {HTMLElement|null} */ #row = null;

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    const { list } = room.log;
    this.#room = room;
    offer(room);
    this.#frame = finder(room.root)("container");
    list.addEventListener("pointerleave", (e) => e.pointerType === "mouse" && !this.#chosen && this.#put(null));
    list.addEventListener("keydown", (e) => {
      if (e.key.toLowerCase() !== "m" || e.ctrlKey || e.metaKey || e.altKey || !this.#row) return;
      e.preventDefault();
      /** @type {HTMLElement|null} */ (this.#bar.lastElementChild)?.click();
    });
  }

  /** Whether the keyboard is on a message, or something is open on one. */
  get #chosen() {
    if (this.#bar.querySelector('[aria-expanded="true"]')) return true;
    const focused = this.#room.root.activeElement;
    return !!focused?.closest(".popup") || (!!focused?.matches(":focus-visible") && this.#room.log.list.contains(focused));
  }

  /** The mouse is somewhere; the keyboard comes first. @param {EventTarget|null} target */
  hover(target) {
    if (!this.#chosen) this.moveTo(target);
  }

  /** Goes to the message that has `target` in it. @param {EventTarget|null} target */
  moveTo(target) {
    const row = /** @type {HTMLElement|null} */ (/** @type {Element} */ (target).closest(".row"));
    if (row !== this.#row || !row?.contains(this.#bar)) this.#put(row);
  }

  /** @param {HTMLElement|null} row */
  #put(row) {
    const event = row && this.#room.log.eventOf(row);
    this.#row = event ? row : null;
    this.#bar.remove();
    if (!event) return;
    this.#fill(event);
    row.append(this.#bar);
  }

  /** @param {LogEvent} event */
  #fill(event) {
    const all = this.#room.messageActions.for(event);
    const others = all.filter((action) => !action.first);
    const name = nameOf(event.user, this.#room.t);
    this.#bar.replaceChildren(...all.filter((action) => action.first).map((action) => {
      const label = action.label(event);
      return el("button", {
        type: "button",
        className: action.id,
        textContent: action.sign ?? label,
        title: action.sign ? label : undefined,
        aria: { label: this.#room.t.actionOn(label, name) },
        onclick: (/** @type {MouseEvent} */ e) => action.run(event, /** @type {HTMLElement} */ (e.currentTarget)),
      });
    }));
    if (!others.length) return;
    this.#bar.append(el("button", {
      type: "button",
      className: "more",
      textContent: "⋯",
      title: this.#room.t.moreActions,
      aria: { label: this.#room.t.actionOn(this.#room.t.moreActions, name), haspopup: "menu" },
      onclick: (/** @type {MouseEvent} */ e) => this.#open(event, /** @type {HTMLElement} */ (e.currentTarget), others),
    }));
  }

  /** @param {LogEvent} event @param {HTMLElement} button @param {import("./actions.js").Action<LogEvent>[]} actions */
  async #open(event, button, actions) {
    const { openMenu } = await load("menu");
    openMenu(this.#frame, button, this.#room.t.moreActions, actions, event);
  }
}

/** What everybody can do with a message. @param {import("./room.js").Room} room */
function offer(room) {
  const { t, client, composer, messageActions } = room;
  const isWhisper = (/** @type {LogEvent} */ { type }) => type === "whisper";
  const isOurs = (/** @type {LogEvent} */ { user }) => user?.id === client.you?.id;
  messageActions.add({ id: "react", first: true, sign: "☺", label: () => t.react, when: (event) => !isWhisper(event), run: (event, button) => room.react(event, button) });
  messageActions.add({ id: "reply", first: true, label: () => t.reply, when: (event) => room.hasToken || !isWhisper(event), run: (event) => composer.answer(event) });
  messageActions.add({
    id: "whisper", label: () => t.whisper,
    when: (event) => room.hasToken && !isOurs(event) && event.user?.role !== "platform",
    run: ({ user }) => user && composer.whisper(user),
  });
  messageActions.add({
    id: "delete", grave: true, label: () => t.deleteOwn,
    when: (event) => isOurs(event) && !isWhisper(event) && !room.moderates,
    run: ({ seq }) => client.delete(seq).catch((err) => room.complain(err)),
  });
}
