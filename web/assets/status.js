// @ts-check
/** Tells in words what the connection does, and offers to try again. */
import { finder } from "./dom.js";

/** @typedef {import("./protocol.js").State} State */

const TICK = 250; // ms

export class Status {
  #t;
  #state;
  #why;
  #banner;
  #retry;
  #hasToken;
  #onBack;
  #wasLive = false;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #countdown;

  /**
   * @param {object} parts
   * @param {ShadowRoot} parts.root
   * @param {import("./strings.js").Strings} parts.t
   * @param {() => void} parts.onRetry
   * @param {() => boolean} parts.hasToken
   * @param {() => void} parts.onBack it was away, and is back
   */
  constructor({ root, t, onRetry, hasToken, onBack }) {
    const $ = finder(root);
    this.#t = t;
    this.#state = $("state");
    this.#why = $("why");
    this.#banner = $("banner");
    this.#retry = $("retry");
    this.#retry.addEventListener("click", onRetry);
    this.#hasToken = hasToken;
    this.#onBack = onBack;
  }

  /** @param {State} state */
  show(state) {
    clearInterval(this.#countdown);
    this.#retry.hidden = state.name !== "closed" && state.name !== "waiting";
    this.#retry.textContent = state.name === "closed" ? this.#t.joinAgain : this.#t.retryNow;
    this.#words[state.name](state);
  }

  /** Stops its clock. */
  stop() {
    clearInterval(this.#countdown);
  }

  /** @type {Record<State["name"], (state: State) => void>} */
  #words = {
    idle: () => this.#tell(this.#t.notJoined, ""),
    refused: () => this.#tell(this.#t.notJoined, ""),
    connecting: () => this.#tell(this.#wasLive ? this.#t.reconnecting : this.#t.connecting, this.#why.textContent ?? ""),
    live: () => {
      this.#tell(this.#t.live, "");
      if (this.#wasLive) this.#onBack();
      this.#wasLive = true;
    },
    waiting: ({ reason, until = 0 }) => {
      const show = () => {
        const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
        this.#tell(this.#t.reconnectingIn(seconds), this.#t.waits[reason ?? ""] ?? this.#t.waits.lost);
      };
      show();
      this.#countdown = setInterval(show, TICK);
    },
    closed: ({ reason = "", message }) => {
      const why = this.#hasToken() && reason === "unauthorized" ? this.#t.tokenRefused : this.#t.closed[reason];
      this.#tell(this.#t.closedState, why ?? (message || this.#t.closed.other));
    },
  };

  /** @param {string} state @param {string} why */
  #tell(state, why) {
    this.#state.textContent = state;
    if (this.#why.textContent !== why) this.#why.textContent = why;
    this.#banner.hidden = why === "";
  }
}
