// @ts-check
/**
 * Tells when the machine may have slept or changed its network, so that nobody waits
 * for a timer that was set in another world; and when the page goes away.
 */

const LOOK_EVERY = 5000; // ms
const ASLEEP_AFTER = 3 * LOOK_EVERY; // without a look

export class Wakeups {
  #target;
  #onWake;
  #onHide;
  #listening = new AbortController();
  /** @type {ReturnType<typeof setInterval>|undefined} */ #clock;

  /**
   * @param {object} parts
   * @param {EventTarget|null} parts.target the window, where the events are heard
   * @param {(networkChanged: boolean) => void} parts.onWake
   * @param {() => void} parts.onHide the page goes away, perhaps for ever
   */
  constructor({ target, onWake, onHide }) {
    this.#target = target;
    this.#onWake = onWake;
    this.#onHide = onHide;
  }

  start() {
    this.stop();
    const { signal } = (this.#listening = new AbortController());
    const hear = (/** @type {string} */ type, /** @type {() => void} */ handle) => this.#target?.addEventListener(type, handle, { signal });
    hear("online", () => this.#onWake(true));
    hear("pageshow", () => this.#onWake(false));
    hear("pagehide", () => this.#onHide());
    hear("visibilitychange", () => { // fired at the document, it bubbles to the window
      if (globalThis.document?.visibilityState !== "hidden") this.#onWake(false);
    });
    this.#watchTheClock();
  }

  stop() {
    this.#listening.abort();
    clearInterval(this.#clock);
  }

  /** Time that has passed unnoticed was slept through. */
  #watchTheClock() {
    let lookedAt = Date.now();
    this.#clock = setInterval(() => {
      const passed = Date.now() - lookedAt;
      lookedAt = Date.now();
      if (passed >= ASLEEP_AFTER) this.#onWake(true);
    }, LOOK_EVERY);
  }
}
