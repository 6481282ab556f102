// @ts-check
/**
 * A room by long polling, which passes wherever a page can load: a session that is
 * asked for its events again and again, each time with the last seq that arrived.
 */
import { pause } from "./backoff.js";

/** @typedef {import("./connection.js").Link} Link */
/** @typedef {import("./connection.js").LinkParts} LinkParts */
/** @typedef {import("./request.js").HttpError} HttpError */

const SECOND = 1000;
const WAIT = 25; // seconds that the server may take to answer
const GRACE = 10 * SECOND; // beyond that

/** @implements {Link} */
export class PollingTransport {
  #parts;
  #session;
  #over = false;
  #up = false;
  #hasty = false; // the next poll is not to wait
  #waiting = new AbortController();

  /** @param {LinkParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#session = parts.session;
  }

  async open() {
    try {
      await this.#session.enter(this.#parts.join);
    } catch (err) {
      return this.#down({ refusal: /** @type {HttpError} */ (err) });
    }
    if (this.#over) return;
    const greeting = this.#session.takeGreeting();
    for (const object of greeting) this.#hear(object);
    if (greeting.length) this.#isUp();
    else this.#hasty = true; // whether the session still lives is seen at the first poll
    let failures = 0;
    while (!this.#over) {
      try {
        await this.#poll();
        failures = 0;
      } catch (err) {
        const failure = /** @type {HttpError} */ (err);
        if (this.#hasty) continue; // a probe has ended the wait
        // One request may fail on a bad network; the next tells.
        if (failure.code !== "unreachable" || ++failures > 1) return this.#down({ refusal: failure });
        await pause(SECOND);
      }
    }
  }

  async #poll() {
    const wait = this.#hasty ? 0 : WAIT;
    this.#hasty = false;
    this.#waiting = new AbortController();
    const { events, poll_after } = await this.#session.poll({ wait, within: wait * SECOND + GRACE, signal: this.#waiting.signal });
    if (this.#over) return;
    this.#parts.worked();
    this.#parts.alive();
    this.#isUp();
    for (const object of events) this.#hear(object);
    if (!this.#over && poll_after > 0 && wait) await pause(poll_after);
  }

  #isUp() {
    if (this.#up || this.#over) return;
    this.#up = true;
    this.#parts.up();
  }

  /** @param {object} command */
  send(command) {
    this.#session.send(command);
  }

  probe() {
    this.#hasty = true;
    this.#waiting.abort();
  }

  drop() {
    this.#over = true;
    this.#waiting.abort();
  }

  leave() {
    this.drop();
    return this.#session.leave();
  }

  /** @param {Record<string, any>|null} object */
  #hear(object) {
    if (!object || this.#over) return;
    this.#session.passed(object);
    this.#parts.hear(object);
    if (object.type === "closing") {
      if (object.reason !== "too_slow") this.#session.forget(); // that ends the connection alone
      this.#down({ code: 1005 });
    }
  }

  /** @param {import("./connection.js").Down} why */
  #down(why) {
    if (this.#over) return;
    this.drop();
    this.#parts.down(why);
  }
}
