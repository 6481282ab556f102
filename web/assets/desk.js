// @ts-check
/**
 * What moderators and the producer have beside what everybody has: acts on messages and
 * people, and a panel. It is loaded when one of them comes in, and shows nothing to somebody
 * who is none any more. What they see and may do is in docs/moderation.md.
 */
import { pause } from "./backoff.js";
import { offerActs } from "./desk-acts.js";
import { Figures } from "./desk-figures.js";
import { Ledger } from "./desk-ledger.js";
import { Toasts } from "./desk-toasts.js";
import { el, finder, icon } from "./desk-dom.js";
import { load } from "./loader.js";
import { ChatError } from "./protocol.js";
import { adopt } from "./styles.js";

/** @typedef {import("./room.js").Room} Room */
/** @typedef {import("./protocol.js").User} User */
/** @typedef {ReturnType<typeof import("./desk-en.js").default>} Words the desk's texts */

const RANKS = ["consumer", "moderator", "producer", "platform"]; // from the least to the greatest
const PASSING = new Set(["rate_limited", "busy"]); // errors after which the same may do
const TRIES = 4;
const LONGEST_WAIT = 5000; // ms; what is to wait longer is told, and not tried again

/** @param {Room} room */
export default async function openDesk(room) {
  const [words] = await Promise.all([room.t.more("desk"), adopt(room.root, "desk.css")]);
  if (!room.signal.aborted) new Desk(room, words);
}

/** What the parts of the desk share. */
export class Desk {
  #button;
  #heldUntil = 0;
  /** @type {Promise<import("./desk-panel.js").DeskPanel|null>|undefined} null when the chat is gone */ #panel;

  /**
   * @param {Room} room
   * @param {Words} words
   */
  constructor(room, words) {
    const $ = finder(room.root);
    this.room = room;
    this.words = words;
    this.toasts = new Toasts($("container"), words);
    this.ledger = new Ledger(this);
    this.figures = new Figures(room);
    this.#button = el("button", {
      id: "desk-toggle", className: "quiet", part: "button", type: "button", title: words.desk,
      aria: { label: words.openDesk, expanded: "false" },
      onclick: async () => (await this.#load())?.toggle(),
    }, icon("shield"), el("span", { textContent: words.desk }));
    $("tools").prepend(this.#button);
    offerActs(this);
    room.client.addEventListener("welcome", () => this.#roleMayHaveChanged(), { signal: room.signal });
    this.ledger.lookBack(1).catch(() => {}); // it is tried again when it is looked at
  }

  get client() {
    return this.room.client;
  }

  // Rights.

  /** What one is. @returns {string} */
  get role() {
    return this.client.you?.role ?? "";
  }

  get moderates() {
    return RANKS.indexOf(this.role) > 0;
  }

  get produces() {
    return this.role === "producer";
  }

  /** Nobody sanctions somebody of the same or a higher role. @param {User|undefined} user */
  maySanction(user) {
    return !!user && this.moderates && RANKS.indexOf(user.role ?? "consumer") < RANKS.indexOf(this.role) && user.id !== this.client.you?.id;
  }

  async #roleMayHaveChanged() {
    this.#button.hidden = !this.moderates;
    if (!this.moderates) (await this.#panel)?.close();
  }

  // Acting.

  /**
   * Does something and tells how it went, with a way back where there is one.
   * @param {() => Promise<any>} command
   * @param {string} done what is told then
   * @param {() => Promise<any>} [undo]
   * @returns {Promise<boolean>} whether it was done
   */
  async act(command, done, undo) {
    try {
      await this.persist(command);
    } catch (err) {
      this.toasts.show(this.reason(err), { bad: true });
      return false;
    }
    this.toasts.show(done, { undo: undo && (() => this.act(undo, this.words.undone)) });
    return true;
  }

  /**
   * Gives a command, and gives it again where the server wants it to wait for a moment.
   * @template T
   * @param {() => Promise<T>} command
   * @returns {Promise<T>} rejects with a ChatError
   */
  async persist(command) {
    for (let tries = 1; ; tries++) {
      while (Date.now() < this.#heldUntil) await pause(this.#heldUntil - Date.now());
      try {
        return await command();
      } catch (err) {
        const wait = err instanceof ChatError && PASSING.has(err.code) ? err.retryAfter : 0;
        if (!wait || wait > LONGEST_WAIT || tries === TRIES || this.room.signal.aborted) throw err;
        this.#heldUntil = Math.max(this.#heldUntil, Date.now() + wait);
      }
    }
  }

  /** Why something was not done, for a person. @param {unknown} err */
  reason(err) {
    if (!(err instanceof ChatError)) throw err;
    const { errors, again } = this.words;
    return [errors[err.code] ?? this.room.reason(err), err.retryAfter ? again(Math.ceil(err.retryAfter / 1000)) : ""].filter(Boolean).join(" ");
  }

  /** Shows what was done with somebody. @param {User} user */
  async showActsOf(user) {
    (await this.#load())?.showActsOf(user);
  }

  #load() {
    this.#panel ??= load("desk-panel").then(({ DeskPanel }) => this.room.signal.aborted ? null : new DeskPanel(this, this.#button));
    this.#panel.catch(() => (this.#panel = undefined)); // the next time may do
    return this.#panel;
  }
}
