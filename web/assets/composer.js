// @ts-check
/** The box in which a message is written. It never loses a text. */
import { finder, preview } from "./dom.js";
import { nameOf } from "./notices.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */

const MOST_LINES = 5;
const WARN_BELOW = 0.2; // of the limit: then the counter shows
const TICK = 250; // ms

export class Composer {
  #t;
  #box;
  #button;
  #note;
  #wait;
  #counter;
  #replyBar;
  #replyName;
  #replyText;
  #onSend;
  #onUp;
  #limit = 0; // characters; 0: none
  #heldUntil = 0;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #ticker;
  /** @type {number|undefined} */ #replyTo;

  /**
   * @param {object} parts
   * @param {ShadowRoot} parts.root
   * @param {import("./strings.js").Strings} parts.t
   * @param {(text: string, replyTo: number|undefined) => boolean} parts.onSend false
   *   when it cannot be sent now, and stays
   * @param {() => void} parts.onUp the keyboard wants to go to the messages
   */
  constructor({ root, t, onSend, onUp }) {
    const $ = finder(root);
    this.#t = t;
    this.#box = /** @type {HTMLTextAreaElement} */ ($("text"));
    this.#button = /** @type {HTMLButtonElement} */ ($("send"));
    this.#note = $("note");
    this.#wait = $("note-wait");
    this.#counter = $("counter");
    this.#replyBar = $("reply-bar");
    this.#replyName = $("reply-name");
    this.#replyText = $("reply-text");
    this.#onSend = onSend;
    this.#onUp = onUp;
    $("composer").addEventListener("submit", (e) => {
      e.preventDefault();
      this.#submit();
    });
    this.#box.addEventListener("keydown", (e) => this.#keyed(e));
    this.#box.addEventListener("input", () => {
      this.hush();
      this.#changed();
    });
    $("reply-cancel").addEventListener("click", () => {
      this.answer(null);
      this.focus();
    });
    this.#changed();
  }

  focus() {
    this.#box.focus();
  }

  /** @param {number} characters */
  set limit(characters) {
    this.#limit = characters;
    this.#changed();
  }

  /** @param {boolean} on */
  set enabled(on) {
    this.#box.disabled = !on;
    this.#changed();
  }

  /** The next message answers `event`. @param {LogEvent|null} event */
  answer(event) {
    this.#replyTo = event?.seq;
    this.#replyBar.hidden = !event;
    this.#replyName.textContent = event ? nameOf(event.user, this.#t) : "";
    this.#replyText.textContent = preview(event?.text ?? "");
    if (event) this.focus();
  }

  /** What is being answered is gone. @param {(seq: number) => boolean} gone */
  removed(gone) {
    if (this.#replyTo !== undefined && gone(this.#replyTo)) this.answer(null);
  }

  /**
   * Gives a text back that was not accepted; false when another one is in the box.
   * @param {string} text
   */
  giveBack(text) {
    if (this.#box.value.trim() && this.#box.value.trim() !== text) return false;
    this.#box.value = text;
    this.#changed();
    return true;
  }

  /**
   * Tells why nothing was sent, and keeps the box from sending for a while.
   * @param {string} reason
   * @param {number} [retryAfter] milliseconds
   */
  tell(reason, retryAfter = 0) {
    this.#note.textContent = reason;
    if (retryAfter > 0) this.#heldUntil = Math.max(this.#heldUntil, Date.now() + retryAfter);
    clearInterval(this.#ticker);
    this.#ticker = setInterval(() => this.#tick(), TICK);
    this.#tick();
  }

  /** What was told has had its time, unless it holds the box. */
  hush() {
    if (!this.#heldUntil) this.#note.textContent = "";
  }

  #tick() {
    const left = this.#heldUntil - Date.now();
    this.#wait.textContent = left > 0 ? this.#t.again(Math.ceil(left / 1000)) : "";
    if (left <= 0) {
      clearInterval(this.#ticker);
      if (this.#heldUntil) this.#note.textContent = "";
      this.#heldUntil = 0;
    }
    this.#changed();
  }

  #submit() {
    const text = this.#box.value.trim();
    if (!text || this.#left(text) < 0 || Date.now() < this.#heldUntil) return;
    if (text.split("\n").length > MOST_LINES) return this.tell(this.#t.tooManyLines(MOST_LINES));
    if (!this.#onSend(text, this.#replyTo)) return;
    this.#box.value = "";
    this.#note.textContent = "";
    this.answer(null);
    this.#changed();
    this.focus();
  }

  /** Characters that still fit. @param {string} text */
  #left(text) {
    return this.#limit ? this.#limit - [...text].length : Infinity;
  }

  #changed() {
    const text = this.#box.value.trim();
    const left = this.#left(text);
    const near = left < this.#limit * WARN_BELOW;
    this.#counter.textContent = near ? this.#t.charactersLeft(left) : "";
    this.#counter.classList.toggle("over", left < 0);
    this.#button.disabled = this.#box.disabled || !text || left < 0 || Date.now() < this.#heldUntil;
    this.#box.style.height = "auto"; // as high as the text; the style sheet has the bounds
    this.#box.style.height = `${this.#box.scrollHeight + 2}px`;
  }

  /** @param {KeyboardEvent} e */
  #keyed(e) {
    if (e.isComposing) return; // Enter chooses a word of an input method
    if (e.key === "Enter") {
      const full = this.#box.value.split("\n").length >= MOST_LINES;
      if (e.shiftKey && full) this.tell(this.#t.tooManyLines(MOST_LINES));
      if (!e.shiftKey || full) e.preventDefault();
      if (!e.shiftKey) this.#submit();
    } else if (e.key === "Escape") {
      this.answer(null);
    } else if (e.key === "ArrowUp" && !this.#box.value) {
      e.preventDefault();
      this.#onUp();
    }
  }
}
