// @ts-check
/**
 * Tells whether a connection still lives. A browser says nothing of the pings that
 * it answers, nor of a peer that has gone without a word, so this asks by itself:
 * after a long silence, and when the page wakes up. How to ask is the transport's.
 */

const SECOND = 1000;
const LOOK_EVERY = 5 * SECOND;
const QUIET_BEFORE_PROBE = 30 * SECOND;
const ANSWER_WITHIN = 10 * SECOND;
const WAKE_ANSWER_WITHIN = 4 * SECOND; // somebody is looking at the page again

export class Pulse {
  #probe;
  #onSilence;
  #heardAt = 0;
  #mutedUntil = 0;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #watchdog;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #patience;

  /**
   * @param {object} parts
   * @param {() => void} parts.probe has the peer show that it is there
   * @param {() => void} parts.onSilence it did not
   */
  constructor({ probe, onSilence }) {
    this.#probe = probe;
    this.#onSilence = onSilence;
  }

  start() {
    this.stop();
    this.heard();
    this.#watchdog = setInterval(() => {
      if (Date.now() - this.#heardAt >= QUIET_BEFORE_PROBE) this.#ask(ANSWER_WITHIN);
    }, LOOK_EVERY);
  }

  stop() {
    clearInterval(this.#watchdog);
    this.#mutedUntil = 0;
    this.#settle();
  }

  /** Something came: whatever it is, it is a sign of life. */
  heard() {
    this.#heardAt = Date.now();
    this.#settle();
  }

  /** The peer will not read us for a while: its silence means nothing. @param {number} ms */
  mute(ms) {
    this.#mutedUntil = Date.now() + ms;
    this.#settle();
  }

  /** The machine may have slept, or changed its network. */
  wake() {
    if (Date.now() - this.#heardAt < SECOND) return;
    this.#settle();
    this.#ask(WAKE_ANSWER_WITHIN);
  }

  /** @param {number} within */
  #ask(within) {
    if (this.#patience !== undefined || Date.now() < this.#mutedUntil) return;
    this.#probe();
    this.#patience = setTimeout(() => {
      this.#settle();
      this.#onSilence();
    }, within);
  }

  #settle() {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }
}
