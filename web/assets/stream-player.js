// @ts-check
/**
 * `<stream-player src="…">` shows an HLS stream: muted until its viewer wants sound, for
 * browsers start no other by themselves. What goes wrong it says in words, and it tries
 * again by itself. Until it has `texts` and `src` it takes no space.
 *
 * `hls-url` and `hls-integrity` say where hls.js is, for browsers without HLS of their own.
 */
import { backoff } from "./backoff.js";
import { el, webAddress } from "./dom.js";
import { feed } from "./stream-source.js";

/** @typedef {import("./stream-source.js").Trouble} Trouble */
/** @typedef {ReturnType<typeof import("./stream-en.js").default>} Texts */
/**
 * What may be said in place of the picture.
 * @typedef {"loading"|"ready"|"missing"|"doubtful"|"unreachable"|"interrupted"|"stalled"|"broken"|"unscripted"|"unable"|"over"} Note
 */

const SHORTEST_WAIT = 1000; // ms, between two attempts
const PATIENCE = 2000; // ms, until a stream that does not go on is worth a word
const SURE = 10_000; // ms of play after which a stream counts as one that works
const DOUBT = 3; // attempts after which a stream that does not open may be more than late

/** What a viewer may have a better program for. @type {Set<Note>} */
const ELSEWHERE = new Set(["broken", "unscripted", "unable", "doubtful"]);

export class StreamPlayer extends HTMLElement {
  static observedAttributes = ["src"];

  /** @type {Texts|null} */
  #texts = null;
  #address = ""; // what is shown, or tried
  #attempts = 0; // that failed in a row
  #played = false; // something of this stream has been seen
  #wanted = true; // nobody has paused it
  /** @type {number|undefined} when it began to play, since the last attempt */
  #since;
  #stop = () => {};
  /** @type {ReturnType<typeof setTimeout>|undefined} of the next attempt, or of a viewer's patience */
  #timer;

  #words = el("p", { role: "status" });
  #wait = el("p", { className: "wait", aria: { hidden: "true" } }); // nobody wants to hear it count
  #button = el("button", { type: "button", onclick: () => this.#asked() });
  #link = el("a", { target: "_blank", rel: "noopener noreferrer" });
  #notes = el("div", { className: "notes" }, this.#words, this.#wait, this.#button, this.#link);
  #sound = el("button", { className: "sound", type: "button", hidden: true });
  #video = el("video", { controls: true, playsInline: true, muted: true });

  constructor() {
    super();
    this.#sound.addEventListener("click", () => this.#unmute());
    const on = (/** @type {string} */ type, /** @type {() => void} */ handle) => this.#video.addEventListener(type, handle);
    on("playing", () => this.#plays());
    on("waiting", () => this.#stalls());
    on("ended", () => this.#say("over", "watchAgain"));
    on("play", () => (this.#wanted = true));
    on("pause", () => this.#paused());
    for (const type of ["playing", "pause", "volumechange", "emptied"]) on(type, () => this.#showSound());
  }

  connectedCallback() {
    this.setAttribute("role", "region");
    this.tabIndex = -1;
    if (!this.firstChild) this.append(this.#sound, this.#video, this.#notes);
    this.#change();
  }

  disconnectedCallback() {
    this.#end();
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#change();
  }

  /** The playlist's address; empty for none. */
  get src() {
    return this.getAttribute("src") ?? "";
  }

  set src(address) {
    if (address === this.src) return;
    if (address) this.setAttribute("src", address);
    else this.removeAttribute("src");
  }

  /** What it says, in the reader's language. They are set before anything is shown. */
  get texts() {
    return this.#texts;
  }

  set texts(texts) {
    if (texts === this.#texts) return;
    this.#texts = texts;
    for (const node of [this, this.#video]) node.setAttribute("aria-label", texts?.label ?? "");
    this.#sound.textContent = texts?.unmute ?? "";
    this.#link.textContent = texts?.open ?? "";
    if (this.isConnected) this.#change();
  }

  /** Another stream, or none. */
  #change() {
    this.#end();
    this.#address = (this.#texts && webAddress(this.src)) ?? "";
    this.hidden = !this.#address;
    if (!this.#address) return;
    this.#link.href = this.#address;
    this.#attempts = 0;
    this.#played = false;
    this.#wanted = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#begin();
  }

  #end() {
    clearTimeout(this.#timer);
    this.#stop();
    this.#stop = () => {};
    this.#since = undefined;
  }

  /** Somebody has pressed the button. */
  #asked() {
    this.#wanted = true;
    this.#begin();
  }

  #begin() {
    this.#end();
    if (!this.#wanted) return this.#say("ready", "play");
    if (this.#attempts === 0) this.#say("loading"); // else what was wrong stays, until it is not so any more
    this.#wait.textContent = "";
    const script = { url: this.getAttribute("hls-url") ?? "", integrity: this.getAttribute("hls-integrity") ?? "" };
    this.#stop = feed(this.#video, this.#address, script, { ready: () => this.#play(), fail: (trouble) => this.#fails(trouble) });
  }

  #play() {
    // What else the browser refuses comes with the trouble that it is of.
    this.#video.play().catch((err) => err.name === "NotAllowedError" && this.#say("ready", "play"));
  }

  /** @param {Trouble} trouble */
  #fails(trouble) {
    const worked = this.#since !== undefined && performance.now() - this.#since > SURE;
    this.#end();
    this.#attempts = worked ? 1 : this.#attempts + 1;
    if (!this.#wanted) return this.#begin();
    if (trouble === "unable") return this.#say(trouble);
    this.#say(this.#noteOf(trouble), "tryNow");
    this.#beginAt(Date.now() + Math.max(SHORTEST_WAIT, backoff(this.#attempts)));
  }

  /** @param {Trouble} trouble @returns {Note} */
  #noteOf(trouble) {
    if (trouble !== "closed" && trouble !== "missing") return trouble;
    if (this.#played) return "interrupted";
    return trouble === "closed" && this.#attempts > DOUBT ? "doubtful" : "missing";
  }

  /** @param {number} time */
  #beginAt(time) {
    const left = time - Date.now();
    if (left <= 0) return this.#begin();
    const seconds = Math.ceil(left / 1000);
    this.#wait.textContent = this.#texts?.again(seconds) ?? "";
    this.#timer = setTimeout(() => this.#beginAt(time), left - (seconds - 1) * 1000);
  }

  #plays() {
    this.#played = true;
    this.#since ??= performance.now();
    this.#hush();
  }

  /** The browser waits for more. It goes on by itself when there is. */
  #stalls() {
    if (this.#since === undefined || this.#video.paused) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#say("stalled", "tryNow"), PATIENCE);
  }

  #paused() {
    this.#wanted = this.#video.ended;
    if (this.#since !== undefined) this.#hush();
  }

  #unmute() {
    this.#video.muted = false;
    this.#video.volume ||= 1;
    this.#video.focus(); // the button is going
  }

  #showSound() {
    this.#sound.hidden = !this.#video.muted || this.#video.paused;
  }

  /**
   * Says what is going on, in place of the picture.
   * @param {Note} note
   * @param {"play"|"tryNow"|"watchAgain"} [button] what it says; there is none without
   */
  #say(note, button) {
    this.dataset.note = note;
    this.#show(this.#texts?.[note] ?? "", (button && this.#texts?.[button]) ?? "", ELSEWHERE.has(note));
  }

  /** There is a picture. */
  #hush() {
    clearTimeout(this.#timer);
    delete this.dataset.note;
    this.#show("", "", false);
  }

  /** @param {string} words @param {string} button @param {boolean} link */
  #show(words, button, link) {
    if (this.#words.textContent !== words) this.#words.textContent = words; // once is enough to hear it
    this.#wait.textContent = "";
    this.#button.textContent = button;
    if (!button && this.#button.matches(":focus")) this.focus(); // the keyboard stays here
    this.#button.hidden = !button;
    this.#link.hidden = !link;
  }
}

customElements.define("stream-player", StreamPlayer);
