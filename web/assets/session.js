// @ts-check
/**
 * A client's session over HTTP, which server-sent events and long polling share: how
 * it begins, where in the log it is, and how commands are sent in it.
 *
 * Commands go out one after the other, so that they keep their order. One that gets
 * no answer is sent again under its id, which the server carries out once.
 */
import { backoff, pause } from "./backoff.js";
import { HttpError, request } from "./request.js";

const SECOND = 1000;
const JOIN_WITHIN = 10 * SECOND;
const SEND_WITHIN = 15 * SECOND; // the server answers within ten
const LEAVE_WITHIN = 1 * SECOND;
const RESEND_WITHIN = 120 * SECOND; // well inside the server's memory of ids

/** @typedef {Record<string, any>} Json */

export class Session {
  #base;
  #fetch;
  #random;
  #hear;
  #name = ""; // unguessable; empty: there is none
  #ended = false; // nobody wants it any more
  /** @type {Json[]} what the join answered, and nobody has heard yet */ #greeting = [];
  /** @type {Promise<void>} */ #sending = Promise.resolve();

  /** @type {string} */ epoch = "";
  /** the newest seq that came */ seq = 0;

  /**
   * @param {object} parts
   * @param {string} parts.base of the room, with a slash at its end
   * @param {typeof fetch} parts.fetch
   * @param {() => number} parts.random
   * @param {(object: Json) => void} parts.hear hears the answers to commands
   */
  constructor({ base, fetch, random, hear }) {
    this.#base = base;
    this.#fetch = fetch;
    this.#random = random;
    this.#hear = hear;
  }

  get base() {
    return this.#base;
  }

  /** Whether the server may know it. */
  get alive() {
    return this.#name !== "";
  }

  /**
   * Begins it, unless it has begun.
   * @param {Json} join
   */
  async enter(join) {
    if (this.#name) return;
    const data = await request(this.#fetch, `${this.#base}join`, { body: join, within: JOIN_WITHIN });
    if (typeof data.session !== "string" || !Array.isArray(data.events)) throw new HttpError("bad_answer", 200);
    this.#name = data.session;
    if (this.#ended) { // while the answer was on its way
      this.leave();
      return;
    }
    const welcome = data.events.find((/** @type {Json} */ m) => m?.type === "welcome");
    this.epoch = String(welcome?.epoch ?? "");
    this.seq = Math.max(0, ...data.events.map(seqAfter)) || (welcome?.seq ?? 0);
    this.#greeting = data.events;
  }

  /** What the join answered, once. */
  takeGreeting() {
    const greeting = this.#greeting;
    this.#greeting = [];
    return greeting;
  }

  /** Notes how far an object brings it. @param {Json} object */
  passed(object) {
    this.seq = Math.max(this.seq, seqAfter(object));
  }

  /** The address of one of its calls. @param {string} path @param {Record<string, string|number>} [query] */
  url(path, query = {}) {
    const url = new URL(path, this.#base);
    url.searchParams.set("session", this.#name);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
    return url.href;
  }

  /**
   * Reads what has come since.
   * @param {{wait: number, within: number, signal?: AbortSignal}} how wait is in seconds
   * @returns {Promise<{events: Json[], poll_after: number}>}
   */
  async poll({ wait, within, signal }) {
    const data = await request(this.#fetch, this.url("poll", { since: this.seq, wait: `${wait}s` }), { within, signal });
    if (!Array.isArray(data.events)) throw new HttpError("bad_answer", 200);
    return data;
  }

  /** Sends a command; the answer is heard. @param {Json} command */
  send(command) {
    this.#sending = this.#sending.then(() => this.#deliver(command));
  }

  /** @param {Json} command */
  async #deliver(command) {
    const begun = Date.now();
    for (let attempt = 0; this.#name; attempt++) {
      try {
        const { events } = await request(this.#fetch, this.url("send"), { body: command, within: SEND_WITHIN });
        for (const answer of events ?? []) this.#hear(answer);
        return;
      } catch (err) {
        const failure = /** @type {HttpError} */ (err);
        if (failure.code === "session_not_found") return this.forget(); // it is sent again after the next join
        if (isFinal(failure)) return this.#hear(refusal(command, failure.code, failure));
        if (Date.now() - begun > RESEND_WITHIN) return this.#hear(refusal(command, "unsure", failure));
        await pause(failure.retryAfter || backoff(attempt, this.#random));
      }
    }
  }

  /** The server knows it no more, or nobody wants it. */
  forget() {
    this.#name = "";
    this.#greeting = [];
  }

  /** Ends it, also when the page goes away. @returns {Promise<void>} settles when the server knows */
  async leave() {
    this.#ended = true;
    if (!this.#name) return;
    const url = this.url("send");
    this.forget();
    await request(this.#fetch, url, { body: { type: "leave" }, within: LEAVE_WITHIN, keepalive: true }).catch(() => {});
  }
}

/** The newest seq that one knows after an object; 0: it tells nothing of that. @param {Json} object */
function seqAfter(object) {
  const seq = object?.type === "skipped" ? object.to : object?.seq;
  return Number.isSafeInteger(seq) && !["welcome", "ack"].includes(object.type) ? seq : 0;
}

/** Whether sending the same again would not help. @param {HttpError} err */
function isFinal({ status }) {
  return status >= 400 && status < 500 && ![404, 408, 429].includes(status);
}

/** The answer that a command would have got over WebSocket. @param {Json} command @param {string} code @param {HttpError} why */
function refusal({ id }, code, why) {
  return { type: "error", id, code: code === "too_large" ? "too_long" : code, message: why.message };
}
