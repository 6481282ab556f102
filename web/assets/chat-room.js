// @ts-check
/**
 * `<chat-room room="…">`: a chat for any page. How to use it, and how to style it, is in
 * docs/embedding.md.
 *
 * | attribute | meaning |
 * | --- | --- |
 * | `room` | its address, or a name: then it is a room of the server that this module came from |
 * | `name` | to bear; without it, and without a token, people are asked |
 * | `view` | `full`, `chat` (without the title) or `overlay` (to be laid over a picture: no controls) |
 * | `lang` | a language tag; else the reader's own |
 * | `theme` | `light` or `dark`; else the system's |
 * | `takes-focus` | the keyboard is in it from the start |
 * | `main` | address of the server's main port, to go on at when the room's own cannot be reached |
 *
 * The property `token` is a string or what gets one, `client` the {@link ChatClient}. Events:
 * `chat-ready`, `chat-info` (`name`, `title`, `settings`, `viewers`, `you`), `chat-unread`
 * (`count`), and `chat-state` ({@link State}).
 */
import { backoff, pause } from "./backoff.js";
import { ChatClient } from "./chat-client.js";
import { Room } from "./room.js";
import { loadStrings } from "./strings.js";
import { adopt } from "./styles.js";

/** @typedef {import("./protocol.js").State} State */
/** @typedef {import("./room.js").Token} Token */

const ROOM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const VIEWS = ["full", "chat", "overlay"];

export class ChatRoom extends HTMLElement {
  static observedAttributes = ["room", "view", "lang", "main", "name"];

  #root = this.attachShadow({ mode: "open", delegatesFocus: false });
  /** @type {Room|null} */ #room = null;
  /** @type {ChatClient|null} */ #client = null;
  /** @type {Token} */ #token = "";
  #due = false; // a look at the attributes
  #shown = ""; // the attributes as they were at the last one

  /** Speaks to the room; null while there is none. */
  get client() {
    return this.#client;
  }

  /** The texts, in the language that is shown; null before `chat-ready`. */
  get strings() {
    return this.#room?.t ?? null;
  }

  /** Of a user: a string, or what gets a fresh one whenever the client joins. */
  get token() {
    return this.#token;
  }

  set token(/** @type {Token} */ token) {
    if (token === this.#token) return;
    this.#token = token ?? "";
    if (this.#room) this.#enter();
  }

  connectedCallback() {
    this.#look();
  }

  disconnectedCallback() {
    this.#look();
  }

  /** @param {string} attribute */
  attributeChangedCallback(attribute) {
    if (attribute !== "name") this.#look();
    else if (this.#room) this.#enter();
  }

  /** Whatever changes at once is seen once. */
  #look() {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      const shown = this.isConnected && this.getAttribute("room") ? ["room", "view", "lang", "main"].map((a) => this.getAttribute(a)).join("\n") : "";
      if (shown === this.#shown) return;
      this.#shown = shown;
      this.#stop();
      if (shown) this.#start();
    });
  }

  async #start() {
    const client = new ChatClient({ url: addressOf(this.getAttribute("room") ?? "") });
    this.#client = client;
    let t;
    for (let attempt = 0; !t; attempt++) {
      const texts = loadStrings(this.getAttribute("lang")).catch(() => pause(backoff(attempt)));
      [t] = await Promise.all([texts, adopt(this.#root, "chat-room.css")]);
      if (client !== this.#client) return; // it has changed again
    }
    const view = /** @type {import("./room.js").View} */ (VIEWS.find((v) => v === this.getAttribute("view")) ?? "full");
    const room = new Room({ root: this.#root, client, t, view, main: this.getAttribute("main") ?? "" });
    this.#room = room;
    client.addEventListener("state", (e) => this.#tell("state", /** @type {CustomEvent<State>} */ (e).detail));
    room.addEventListener("info", () => this.#tellInfo(room));
    room.addEventListener("unread", () => this.#tell("unread", { count: room.unread }));
    this.#tell("ready", null);
    this.#tellInfo(room);
    this.#enter();
  }

  #stop() {
    this.#room?.stop();
    this.#room = this.#client = null;
    this.#root.replaceChildren();
    delete this.dataset.state;
    delete this.dataset.transport;
  }

  #enter() {
    this.#room?.enter({ name: this.getAttribute("name") ?? "", token: this.#token });
  }

  /** @param {Room} room */
  #tellInfo({ name, title, settings, viewers, client }) {
    this.#tell("info", { name, title, settings, viewers, you: client.you });
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(`chat-${type}`, { detail }));
  }
}

/** The address of a room, which may be named alone. @param {string} room */
function addressOf(room) {
  return ROOM_NAME.test(room) ? new URL(`../r/${room}/`, import.meta.url).href : new URL(room, document.baseURI).href;
}

customElements.define("chat-room", ChatRoom);
