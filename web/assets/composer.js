// @ts-check
/** The box in which a message is written. It never loses a text. */
import { finder, preview } from "./dom.js";
import { nameOf } from "./notices.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").User} User */

/**
 * To whom a text goes: to all, as an answer to a message, or to one user alone.
 * @typedef {object} Target
 * @property {number} [replyTo] seq
 * @property {User} [to]
 * @property {User} [author] of what is answered
 * @property {string} [text] what is answered
 */

const MOST_LINES = 5;
const WARN_BELOW = 0.2; // of the limit: then the counter shows
const TICK = 250; // ms

export class Composer {
  #t;
  #button;
  #note;
  #wait;
  #counter;
  #bar;
  #barLabel;
  #barName;
  #barText;
  #onSend;
  #onUp;
  #limit = 0; // characters; 0: none
  #heldUntil = 0;
  #told = false; // the note goes when the box may send again
  /** @type {ReturnType<typeof setInterval>|undefined} */ #ticker;
  /** @type {Target} */ #target = {};

  /** @type {HTMLTextAreaElement} */ box;
  /** Whether somebody else takes a key. */
  onKey = (/** @type {KeyboardEvent} */ _) => false;

  /**
   * @param {object} parts
   * @param {ShadowRoot} parts.root
   * @param {import("./strings.js").Strings} parts.t
   * @param {(text: string, target: Target) => boolean} parts.onSend false when it cannot be
   *   sent now, and stays
   * @param {() => void} parts.onUp the keyboard wants to go to the messages
   */
  constructor({ root, t, onSend, onUp }) {
    const $ = finder(root);
    this.#t = t;
    this.box = $("text");
    this.#button = /** @type {HTMLButtonElement} */ ($("send"));
    this.#note = $("note");
    this.#wait = $("note-wait");
    this.#counter = $("counter");
    this.#bar = $("reply-bar");
    this.#barLabel = $("reply-label");
    this.#barName = $("reply-name");
    this.#barText = $("reply-text");
    this.#onSend = onSend;
    this.#onUp = onUp;
    $("composer").addEventListener("submit", (e) => {
      e.preventDefault();
      this.#submit();
    });
    this.box.addEventListener("keydown", (e) => this.#keyed(e));
    this.box.addEventListener("input", () => {
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
    this.box.focus();
  }

  /** @param {number} characters */
  set limit(characters) {
    this.#limit = characters;
    this.#changed();
  }

  /** @param {boolean} on */
  set enabled(on) {
    this.box.disabled = !on;
    this.#changed();
  }

  /** The next message answers `event`. @param {LogEvent|null} event */
  answer(event) {
    if (event?.type === "whisper" && event.user) return this.whisper(event.user, event.text);
    this.#aim(event ? { replyTo: event.seq, author: event.user, text: event.text } : {});
    if (event) this.focus();
  }

  /** The next message is for one user alone. @param {User} user @param {string} [text] what it answers */
  whisper(user, text) {
    this.#aim({ to: user, text });
    this.focus();
  }

  /** @param {Target} target */
  #aim(target) {
    const { to, author = to, text = "" } = target;
    this.#target = target;
    this.#bar.hidden = !author;
    this.#barLabel.textContent = to ? this.#t.whisperingTo : this.#t.replyingTo;
    this.#barName.textContent = author ? nameOf(author, this.#t) : "";
    this.#barText.textContent = preview(text);
  }

  /** What is being answered is gone. @param {(seq: number) => boolean} gone */
  removed(gone) {
    if (this.#target.replyTo !== undefined && gone(this.#target.replyTo)) this.answer(null);
  }

  /** Puts a text where the cursor is, or in the place of a part. @param {string} text @param {number} [from] @param {number} [to] */
  insert(text, from = this.box.selectionStart, to = this.box.selectionEnd) {
    this.box.setRangeText(text, from, to, "end");
    this.focus();
    this.box.dispatchEvent(new Event("input"));
  }

  /**
   * Gives a text back that was not accepted, and has it go where it was to go; false when
   * another one is in the box, or is to be.
   * @param {string} text
   * @param {Target} target
   */
  giveBack(text, target) {
    const other = this.box.value.trim();
    if ((other && other !== text) || (!this.#bar.hidden && this.#target !== target)) return false;
    this.box.value = text;
    this.#aim(target);
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
    this.#told = retryAfter > 0;
    this.hold(retryAfter);
  }

  /** Keeps the box from sending for a while. @param {number} ms */
  hold(ms) {
    if (ms > 0) this.#heldUntil = Math.max(this.#heldUntil, Date.now() + ms);
    clearInterval(this.#ticker);
    this.#ticker = setInterval(() => this.#tick(), TICK);
    this.#tick();
  }

  /** What held the box does not any more. */
  release() {
    this.#heldUntil = 0;
    this.#tick();
  }

  /** What was told has had its time, unless it holds the box. */
  hush() {
    if (!this.#heldUntil) this.#note.textContent = "";
  }

  /** Stops its clock. */
  stop() {
    clearInterval(this.#ticker);
  }

  #tick() {
    const left = Math.max(0, Math.ceil((this.#heldUntil - Date.now()) / 1000));
    this.#wait.textContent = left ? this.#t.again(left) : "";
    this.#button.textContent = left ? this.#t.seconds(left) : this.#t.send;
    if (!left) {
      clearInterval(this.#ticker);
      if (this.#told) this.#note.textContent = "";
      this.#told = false;
      this.#heldUntil = 0;
    }
    this.#changed();
  }

  #submit() {
    const text = this.box.value.trim();
    if (!text || this.#left(text) < 0 || Date.now() < this.#heldUntil) return;
    if (text.split("\n").length > MOST_LINES) return this.tell(this.#t.tooManyLines(MOST_LINES));
    if (!this.#onSend(text, this.#target)) return;
    this.box.value = "";
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
    const text = this.box.value.trim();
    const left = this.#left(text);
    const near = left < this.#limit * WARN_BELOW;
    this.#counter.textContent = near ? this.#t.charactersLeft(left) : "";
    this.#counter.classList.toggle("over", left < 0);
    this.#button.disabled = this.box.disabled || !text || left < 0 || Date.now() < this.#heldUntil;
    this.box.style.height = "auto"; // as high as the text; the style sheet has the bounds
    this.box.style.height = `${this.box.scrollHeight + 2}px`;
  }

  /** @param {KeyboardEvent} e */
  #keyed(e) {
    if (e.isComposing || this.onKey(e)) return; // Enter chooses a word of an input method
    if (e.key === "Enter") {
      const full = this.box.value.split("\n").length >= MOST_LINES;
      if (e.shiftKey && full) this.tell(this.#t.tooManyLines(MOST_LINES));
      if (!e.shiftKey || full) e.preventDefault();
      if (!e.shiftKey) this.#submit();
    } else if (e.key === "Escape") {
      this.answer(null);
    } else if (e.key === "ArrowUp" && !this.box.value) {
      e.preventDefault();
      this.#onUp();
    }
  }
}
