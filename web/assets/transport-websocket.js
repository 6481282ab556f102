// @ts-check
/** A room over one WebSocket: the transport that is tried first. */
import { byTheProtocol, parse } from "./protocol.js";

/** @typedef {import("./connection.js").Link} Link */
/** @typedef {import("./connection.js").LinkParts} LinkParts */

const SECOND = 1000;
const OPEN_WITHIN = 5 * SECOND;
const WELCOME_WITHIN = 10 * SECOND; // from then on
const LEAVE_WITHIN = 1 * SECOND;
const OPEN = 1; // WebSocket.OPEN

/** @implements {Link} */
export class WebSocketTransport {
  #parts;
  /** @type {WebSocket|null} */ #socket = null;
  #welcomed = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {LinkParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  open() {
    const { base, WebSocket, join } = this.#parts;
    let socket;
    try {
      socket = new WebSocket(`${base.replace(/^http/, "ws")}ws`);
    } catch { // there is none, or a policy forbids it
      return this.#parts.down({ cannot: true });
    }
    this.#socket = socket;
    this.#within(OPEN_WITHIN);
    socket.addEventListener("open", () => {
      this.#within(WELCOME_WITHIN);
      this.send(join);
    });
    socket.addEventListener("message", (e) => this.#hear(e.data));
    socket.addEventListener("close", (e) => this.#over(e.code));
  }

  /** @param {object} command */
  send(command) {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(command));
  }

  probe() {
    this.send({ type: "ping" });
  }

  drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** @returns {Promise<void>} */
  leave() {
    const socket = this.#socket;
    if (socket?.readyState !== OPEN) {
      this.drop();
      return Promise.resolve();
    }
    this.send({ type: "leave" });
    return new Promise((left) => {
      const timer = setTimeout(() => (socket.close(), left()), LEAVE_WITHIN);
      socket.addEventListener("close", () => {
        clearTimeout(timer);
        left();
      });
      clearTimeout(this.#timer);
      this.#socket = null; // the server closes it; were both to, the browser would complain
    });
  }

  /** @param {number} ms */
  #within(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#over(1006), ms);
  }

  /** @param {unknown} data one or more JSON objects, separated by line feeds */
  #hear(data) {
    if (typeof data !== "string") return;
    this.#parts.alive();
    for (const line of data.split("\n")) {
      const object = parse(line);
      if (!object || !this.#socket) continue;
      if (object.type === "welcome") {
        this.#welcomed = true;
        clearTimeout(this.#timer);
      }
      this.#parts.hear(object);
      if (object.type === "welcome") this.#parts.up();
    }
  }

  /** @param {number} code */
  #over(code) {
    if (!this.#socket) return;
    this.drop();
    this.#parts.down(this.#welcomed || byTheProtocol(code) ? { code } : { cannot: true });
  }
}
