// @ts-check
/**
 * Which way to a room is tried next: a transport at one of its addresses.
 *
 * A transport is left for the next one when it has failed twice in a row although the
 * address answers, an address for the next one as soon as it does not answer at all.
 * What has worked is tried first, for as long as the page lives.
 */

/** @typedef {"websocket"|"events"|"polling"} TransportName */
/** @typedef {{base: string, transport: TransportName}} Route */

const FAILURES = 2; // in a row, until the transport is to blame

export class Routes {
  /** @type {string[]} */ #bases;
  /** @type {readonly TransportName[]} */ #transports;
  #base = 0;
  #transport = 0;
  #failures = 0; // of the route at hand
  #silent = 0; // addresses in a row that did not answer
  /** @type {{base: number, transport: number}|null} */ #proven = null;

  /**
   * @param {string[]} bases
   * @param {readonly TransportName[]} transports in the order of trying
   */
  constructor(bases, transports) {
    this.#bases = bases;
    this.#transports = transports;
  }

  /** Further addresses; the first one stays. @param {string[]} bases */
  set fallback(bases) {
    this.#bases = [this.#bases[0], ...bases];
    if (this.#base >= this.#bases.length) this.#startAt(0, 0);
    if (this.#proven && this.#proven.base >= this.#bases.length) this.#proven = null;
  }

  /** @returns {Route} */
  get current() {
    return { base: this.#bases[this.#base], transport: this.#transports[this.#transport] };
  }

  /** The route at hand works. */
  worked() {
    this.#failures = this.#silent = 0;
    this.#proven = { base: this.#base, transport: this.#transport };
  }

  /**
   * The route at hand has failed.
   * @param {boolean} answers whether its address does, by another way
   * @returns {boolean} whether to wait before the next attempt
   */
  failed(answers) {
    return answers ? this.#blameTransport() : this.#blameAddress();
  }

  #blameTransport() {
    this.#silent = 0;
    if (++this.#failures < FAILURES) return true;
    if (this.#transport + 1 < this.#transports.length) {
      this.#startAt(this.#base, this.#transport + 1);
      return false;
    }
    const next = (this.#base + 1) % this.#bases.length;
    this.#startAt(next, 0);
    return next === 0; // all have failed
  }

  #blameAddress() {
    if (this.#bases.length === 1) return true; // no way that begins there can be better
    const { base, transport } = this.#proven ?? { base: 0, transport: 0 };
    if (++this.#silent >= this.#bases.length) {
      this.#silent = 0;
      this.#startAt(base, transport);
      return true;
    }
    this.#startAt((this.#base + 1) % this.#bases.length, transport);
    return false;
  }

  /** @param {number} base @param {number} transport */
  #startAt(base, transport) {
    this.#base = base;
    this.#transport = transport;
    this.#failures = 0;
  }
}

/**
 * The address of a room, with a slash at its end: what `url` says, which may be that
 * of its WebSocket too.
 * @param {string} url
 * @returns {string}
 */
export function roomBase(url) {
  const base = new URL(url, globalThis.location?.href);
  if (base.protocol.startsWith("ws")) {
    base.protocol = base.protocol.replace("ws", "http");
    base.pathname = base.pathname.replace(/\/ws$/, "/");
  }
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  base.search = base.hash = "";
  return base.href;
}
