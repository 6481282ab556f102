// @ts-check
/**
 * Tells whether a connection still lives. A browser says nothing of the pings that
 * it answers, nor of a peer that has gone without a word, so this asks by itself:
 * after a long silence, and when the page wakes up.
 */

const SECOND = 1000;
const LOOK_EVERY = 5 * SECOND;
const QUIET_BEFORE_PING = 30 * SECOND;
const PONG_WITHIN = 10 * SECOND;
const WAKE_PONG_WITHIN = 4 * SECOND; // somebody is looking at the page again

export class Pulse {
  #ping;
  #onSilence;
  #heardAt = 0;
  #mutedUntil = 0;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #watchdog;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #probe;

  /**
   * @param {object} parts
   * @param {() => void} parts.ping asks the peer for any answer
   * @param {() => void} parts.onSilence none came
   */
  constructor({ ping, onSilence }) {
    this.#ping = ping;
    this.#onSilence = onSilence;
  }

  start() {
    this.stop();
    this.heard();
    this.#watchdog = setInterval(() => {
      if (Date.now() - this.#heardAt >= QUIET_BEFORE_PING) this.#ask(PONG_WITHIN);
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
    this.#ask(WAKE_PONG_WITHIN);
  }

  /** @param {number} within */
  #ask(within) {
    if (this.#probe !== undefined || Date.now() < this.#mutedUntil) return;
    this.#ping();
    this.#probe = setTimeout(() => {
      this.#settle();
      this.#onSilence();
    }, within);
  }

  #settle() {
    clearTimeout(this.#probe);
    this.#probe = undefined;
  }
}
