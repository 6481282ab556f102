// @ts-check
/**
 * A room by server-sent events, where no WebSocket passes: a session whose events
 * come by EventSource, and whose commands go by POST.
 *
 * A break is left to the browser once, which comes back with the id of the last event
 * that it has; then it counts as lost.
 */
import { parse } from "./protocol.js";
import { request } from "./request.js";

/** @typedef {import("./connection.js").Link} Link */
/** @typedef {import("./connection.js").LinkParts} LinkParts */

const SECOND = 1000;
const OPEN_WITHIN = 5 * SECOND;
const BACK_WITHIN = 7 * SECOND; // the server tells browsers to wait 2 s
const ASK_WITHIN = 5 * SECOND;
const CONNECTING = 0; // EventSource.CONNECTING

/** @implements {Link} */
export class EventsTransport {
  #parts;
  #session;
  /** @type {EventSource|null} */ #source = null;
  #over = false;
  #opened = false;
  #broken = false; // the browser is coming back
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {LinkParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#session = parts.session;
  }

  async open() {
    try {
      await this.#session.enter(this.#parts.join);
    } catch (err) {
      return this.#down({ refusal: /** @type {import("./request.js").HttpError} */ (err) });
    }
    if (!this.#over) this.#stream();
  }

  #stream() {
    const { epoch, seq } = this.#session;
    try {
      this.#source = new this.#parts.EventSource(this.#session.url("events", { epoch, since: seq }));
    } catch {
      return this.#down({ cannot: true, reached: true });
    }
    this.#within(OPEN_WITHIN);
    this.#source.addEventListener("open", () => this.#isOpen());
    this.#source.addEventListener("message", (e) => {
      this.#parts.worked();
      this.#hear(parse(e.data));
    });
    this.#source.addEventListener("error", () => this.#failed());
  }

  /** @param {object} command */
  send(command) {
    this.#session.send(command);
  }

  /** The stream's own signs of life are hidden from a page: ask whether it lags behind. */
  async probe() {
    try {
      const { seq } = await request(this.#parts.fetch, this.#parts.base, { within: ASK_WITHIN });
      if (!this.#over && seq <= this.#session.seq && !this.#broken) this.#parts.alive();
    } catch {
      // Silence is judged by who has asked.
    }
  }

  drop() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  leave() {
    this.drop();
    return this.#session.leave();
  }

  #isOpen() {
    if (this.#over) return;
    clearTimeout(this.#timer);
    this.#broken = false;
    if (this.#opened) return this.#parts.alive();
    this.#opened = true;
    for (const object of this.#session.takeGreeting()) this.#hear(object);
    if (!this.#over) this.#parts.up();
  }

  /** @param {Record<string, any>|null} object */
  #hear(object) {
    if (!object || this.#over) return;
    this.#parts.alive();
    this.#session.passed(object);
    this.#parts.hear(object);
    if (object.type === "closing") {
      if (object.reason !== "too_slow") this.#session.forget(); // that ends the connection alone
      this.#down({ code: 1005 });
    }
  }

  #failed() {
    if (this.#over) return;
    const comesBack = this.#source?.readyState === CONNECTING && this.#opened && !this.#broken;
    if (comesBack) {
      this.#broken = true;
      this.#within(BACK_WITHIN);
    } else if (this.#broken && this.#source?.readyState === CONNECTING) {
      this.#down({ code: 1006 });
    } else {
      this.#diagnose();
    }
  }

  /** An EventSource does not say why it failed; a poll does. */
  async #diagnose() {
    clearTimeout(this.#timer);
    this.#source?.close();
    try {
      const { events } = await this.#session.poll({ wait: 0, within: ASK_WITHIN });
      for (const object of events) this.#hear(object);
      this.#down(this.#opened ? { code: 1006 } : { cannot: true, reached: true });
    } catch (err) {
      this.#down({ refusal: /** @type {import("./request.js").HttpError} */ (err) });
    }
  }

  /** @param {number} ms */
  #within(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#down(this.#opened ? { code: 1006 } : { cannot: true, reached: true }), ms);
  }

  /** @param {import("./connection.js").Down} why */
  #down(why) {
    if (this.#over) return;
    this.drop();
    this.#parts.down(why);
  }
}
