// @ts-check
/**
 * A panel of the chat: beside the messages where there is room, else over them. Two that
 * have no room beside each other take each other's place.
 */
import { el, finder } from "./dom.js";
import { adopt } from "./styles.js";

/** @typedef {import("./room.js").Room} Room */

const NARROW = 880; // px: below it there is no room beside the messages
const WIDE = 1280; // px: from it on there is room for two

/** @type {WeakMap<Room, Panel[]>} those that are open, in the order of opening */
const opened = new WeakMap();

export class Panel {
  #room;
  #toggle;
  #chat;
  #frame;
  #onOpen;
  #onClose;

  /**
   * @param {object} parts
   * @param {Room} parts.room
   * @param {string} parts.id
   * @param {string} parts.heading
   * @param {string} parts.closeLabel
   * @param {HTMLElement} parts.toggle the button that opens it
   * @param {Node[]} parts.content
   * @param {() => void} parts.onOpen the keyboard is to go into it
   * @param {() => void} [parts.onClose]
   */
  constructor({ room, id, heading, closeLabel, toggle, content, onOpen, onClose = () => {} }) {
    const $ = finder(room.root);
    this.#room = room;
    this.#toggle = toggle;
    this.#chat = $("chat");
    this.#frame = $("container");
    this.#onOpen = onOpen;
    this.#onClose = onClose;
    this.node = el("dialog", { id, className: "panel", part: id, aria: { labelledby: `${id}-heading` } },
      el("div", { className: "panel-head" },
        el("h3", { id: `${id}-heading`, textContent: heading }),
        el("button", { id: `${id}-close`, className: "quiet", part: "button", type: "button", textContent: "×", aria: { label: closeLabel }, onclick: () => this.close() })),
      ...content);
    $("stage").append(this.node);
    this.node.addEventListener("keydown", (e) => e.key === "Escape" && this.close());
    new ResizeObserver(() => this.#fit()).observe(this.#frame);
    adopt(room.root, "panel.css");
  }

  get open() {
    return this.node.open;
  }

  /** Opens the panel, or closes it. */
  toggle() {
    if (this.open) this.close();
    else this.show();
  }

  show() {
    if (!this.open) {
      opened.set(this.#room, [...this.#others, this]);
      this.node.show();
      this.#toggle.setAttribute("aria-expanded", "true");
      this.#fit();
    }
    this.#onOpen();
  }

  close() {
    if (!this.open) return;
    this.#leave();
    this.#toggle.focus();
  }

  #leave() {
    opened.set(this.#room, this.#others);
    this.node.close();
    this.#toggle.setAttribute("aria-expanded", "false");
    this.#fit();
    this.#onClose();
  }

  get #others() {
    return (opened.get(this.#room) ?? []).filter((panel) => panel !== this);
  }

  /** The older of two goes where they do not fit; what the other covers cannot be reached meanwhile. */
  #fit() {
    const width = this.#frame.clientWidth;
    const open = opened.get(this.#room) ?? [];
    if (width < WIDE && open.length > 1) open[0].#leave();
    else this.#chat.inert = open.length > 0 && width < NARROW;
  }
}
