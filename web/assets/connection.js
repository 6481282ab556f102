// @ts-check
/**
 * Keeps a client connected to its room, for as long as the server wants it back: which
 * way it goes is decided by {@link Routes}, how it speaks there by a transport. It
 * knows nothing of the log.
 */
import { backoff } from "./backoff.js";
import { load } from "./loader.js";
import { ChatError, isOurFault, reasonOf, verdict } from "./protocol.js";
import { Pulse } from "./pulse.js";
import { HttpError, request } from "./request.js";
import { Routes } from "./routes.js";
import { WebSocketTransport } from "./transport-websocket.js";
import { Wakeups } from "./wakeups.js";

/** @typedef {import("./protocol.js").State} State */
/** @typedef {import("./protocol.js").Closing} Closing */
/** @typedef {import("./routes.js").TransportName} TransportName */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {Record<string, any>} Json */

/**
 * Why a link is over.
 * @typedef {object} Down
 * @property {number} [code] WebSocket's close code, or one that stands for it
 * @property {boolean} [cannot] it never came as far as a welcome
 * @property {boolean} [reached] though the server answers; undefined: not known
 * @property {HttpError} [refusal] what the server answered instead
 */

/**
 * What a transport is made of: where to go, what to say first, and who hears. After
 * `down`, or `drop`, nothing is heard any more.
 * @typedef {object} LinkParts
 * @property {string} base of the room
 * @property {Session} session over HTTP, at that address; a WebSocket has none
 * @property {Json} join
 * @property {typeof WebSocket} WebSocket
 * @property {typeof EventSource} EventSource
 * @property {typeof fetch} fetch
 * @property {(object: Json) => void} hear
 * @property {() => void} up it is live; a welcome was heard, unless it goes on with a session
 * @property {() => void} worked this way is a good one
 * @property {() => void} alive the server has shown a sign of life
 * @property {(why: Down) => void} down
 */

/**
 * One use of a transport.
 * @typedef {object} Link
 * @property {() => void} open
 * @property {(command: Json) => void} send
 * @property {() => void} probe has the server show a sign of life
 * @property {() => void} drop lets go without a word
 * @property {() => Promise<void>} leave says goodbye; settles when the server knows, or soon
 */

/**
 * Who wants the connection.
 * @typedef {object} Owner
 * @property {() => Promise<Json>} join the command to come in with
 * @property {(object: Json) => void} hear
 * @property {(state: State) => void} changed
 * @property {(again: boolean) => void} live again: no welcome came, for it is as it was
 * @property {(err: ChatError|null) => void} broke commands under way have failed, or
 *   (null) may have to be sent again
 */

/** @typedef {new (parts: LinkParts) => Link} Transport */

/**
 * What is seldom needed is loaded when it is.
 * @type {Record<TransportName, () => Transport|Promise<Transport>>}
 */
const TRANSPORTS = {
  websocket: () => WebSocketTransport,
  events: async () => (await load("transport-events")).EventsTransport,
  polling: async () => (await load("transport-polling")).PollingTransport,
};

const SECOND = 1000;
const STATE_WITHIN = 5 * SECOND;
const STEADY_AFTER = 10 * SECOND; // then the next waits are short again
const GONE_AFTER = 3; // times in a row: a server that starts may not know its rooms yet

/** HTTP's ways to say that one should not come back. */
const FINAL = new Map([[401, "unauthorized"], [402, "credit"], [403, "forbidden"]]);

export class Connection {
  // Set at construction.
  #owner;
  #tools;
  #routes;

  // The link at hand.
  /** @type {Link|null} */ #link = null;
  /** @type {Session|null} lives longer than a link */ #session = null;
  /** @type {Closing|null} */ #closing = null;
  #welcomed = false;
  #words = ""; // the server's, for a person, about a join that it refused
  #liveSince = 0;
  #attempt = 0; // whatever was begun under another number is stale

  // Between links.
  #failures = 0;
  #timesGone = 0;
  #waitIsTold = false;
  /** @type {State} */ #state = { name: "idle" };
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  #pulse = new Pulse({ probe: () => this.#link?.probe(), onSilence: () => this.#fellSilent() });
  #wakeups;

  /**
   * @param {Owner} owner
   * @param {object} how
   * @param {string[]} how.bases
   * @param {readonly TransportName[]} how.transports
   * @param {EventTarget|null} how.wakeups
   * @param {{WebSocket?: typeof WebSocket, EventSource?: typeof EventSource, fetch?: typeof fetch, random?: () => number}} how.tools
   */
  constructor(owner, { bases, transports, wakeups, tools }) {
    const unknown = transports.find((name) => !Object.hasOwn(TRANSPORTS, name));
    if (unknown !== undefined || !transports.length) throw new TypeError(`no transport: ${unknown}`);
    this.#owner = owner;
    this.#tools = tools;
    this.#routes = new Routes(bases, transports);
    this.#wakeups = new Wakeups({ target: wakeups, onWake: (changed) => this.#wake(changed), onHide: () => this.#hide() });
  }

  get state() {
    return this.#state;
  }

  get route() {
    return this.#routes.current;
  }

  set fallback(/** @type {string[]} */ bases) {
    this.#routes.fallback = bases;
  }

  /** Connects, or says goodbye first and then connects anew. */
  async start() {
    const attempt = ++this.#attempt;
    this.#failures = this.#timesGone = 0;
    this.#owner.broke(null);
    this.#set({ name: "connecting" });
    await this.#goodbye(); // so that our own name is free again
    if (attempt === this.#attempt) this.#open();
  }

  /** Disconnects for good. */
  async stop() {
    this.#attempt++;
    const gone = this.#goodbye();
    this.#owner.broke(new ChatError("offline"));
    this.#set({ name: "idle" });
    await gone;
  }

  /** Stays away, as if the server had said so. @param {string} reason */
  giveUp(reason) {
    this.#attempt++;
    this.#goodbye();
    this.#close(reason);
  }

  /** @param {Json} command */
  send(command) {
    this.#link?.send(command);
  }

  // A link's life.

  async #open() {
    const attempt = ++this.#attempt;
    clearTimeout(this.#timer);
    this.#closing = null;
    this.#words = "";
    this.#liveSince = 0;
    this.#set({ name: "connecting" });
    let join;
    try {
      join = await this.#owner.join();
    } catch { // the page had no token to give
      if (attempt === this.#attempt) this.#wait("no_token");
      return;
    }
    if (attempt === this.#attempt) this.#openWith(join, attempt);
  }

  /** @param {Json} join @param {number} attempt */
  async #openWith(join, attempt) {
    const { base, transport } = this.#routes.current;
    let Transport;
    try {
      Transport = await this.#load(base, transport);
    } catch { // no way leads to where the modules come from, at the moment
      if (attempt === this.#attempt) this.#cannot();
      return;
    }
    if (attempt !== this.#attempt) return;
    /** @type {<T extends any[]>(handle: (...args: T) => void) => (...args: T) => void} */
    const current = (handle) => (...args) => {
      if (this.#link === link) handle(...args);
    };
    const link = new Transport({
      base,
      join,
      session: /** @type {Session} */ (this.#session),
      WebSocket: this.#tools.WebSocket ?? globalThis.WebSocket,
      EventSource: this.#tools.EventSource ?? globalThis.EventSource,
      fetch: this.#fetch,
      hear: current((m) => this.#hear(m)),
      up: current(() => this.#up()),
      worked: current(() => this.#routes.worked()),
      alive: current(() => this.#pulse.heard()),
      down: current((why) => this.#lose(why)),
    });
    this.#link = link;
    link.open();
  }

  /** Loads a transport, and the session that it needs. @param {string} base @param {TransportName} name */
  async #load(base, name) {
    if (this.#session?.base !== base) {
      this.#session?.leave();
      this.#session = null;
    }
    const Transport = await TRANSPORTS[name]();
    if (name !== "websocket" && !this.#session) {
      const { Session } = await load("session");
      this.#session = new Session({ base, fetch: this.#fetch, random: this.#random, hear: (/** @type {Json} */ m) => this.#owner.hear(m) });
    }
    return Transport;
  }

  get #fetch() {
    return this.#tools.fetch ?? globalThis.fetch.bind(globalThis);
  }

  get #random() {
    return this.#tools.random ?? Math.random;
  }

  /** @param {Json} m */
  #hear(m) {
    const after = Number(m.retry_after) || 0;
    if (m.type === "closing") this.#closing = m;
    else if (m.type === "welcome") this.#welcomed = true;
    else if (m.type === "error" && !this.#liveSince) return this.#joinFailed(new ChatError(String(m.code), String(m.message ?? ""), after));
    else if (m.type === "error" && m.code === "rate_limited") this.#pulse.mute(after);
    this.#owner.hear(m);
  }

  #up() {
    const again = !this.#welcomed;
    if (this.#routes.current.transport === "websocket") this.#routes.worked();
    this.#liveSince = Date.now();
    this.#timesGone = 0;
    this.#pulse.start();
    this.#wakeups.start();
    this.#set({ name: "live" });
    this.#owner.live(again);
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#pulse.stop();
    const link = this.#link;
    this.#link = null;
    this.#welcomed = false;
    link?.drop();
  }

  /** Leaves, be it by the link or, if that is down, by what is left of a session. */
  async #goodbye() {
    const [link, session] = [this.#link, this.#session];
    this.#link = this.#session = null;
    this.#drop();
    this.#wakeups.stop();
    await Promise.all([link?.leave(), session?.leave()]);
  }

  // When it is over.

  /** @param {Down} why */
  #lose({ code = 1006, cannot, reached, refusal }) {
    const closing = this.#closing;
    if (this.#liveSince && Date.now() - this.#liveSince > STEADY_AFTER) this.#failures = 0;
    this.#drop();
    if (refusal) return this.#refused(refusal);
    if (cannot) return this.#cannot(reached);
    const { back, after } = verdict(code, closing);
    const reason = reasonOf(code, closing);
    if (!back) return this.#close(reason, this.#words);
    this.#owner.broke(isOurFault(code) ? new ChatError(code === 4003 ? "rate_limited" : "not_sent") : null);
    this.#wait(reason, after);
  }

  /** A request that brings a session on was refused. @param {HttpError} err */
  #refused(err) {
    if (err.code === "session_not_found") {
      this.#session?.forget();
      this.#owner.broke(null);
      if (this.#failures++) this.#wait("lost");
      else this.#open(); // as after a long sleep
    } else if (err.code === "room_not_found") {
      this.#gone();
    } else if (err.code === "bad_answer" || [0, 404, 405].includes(err.status)) {
      this.#cannot(err.status > 0 && err.status < 500); // else it is a proxy that speaks
    } else if (FINAL.has(err.status)) {
      const code = ["banned", "credit"].includes(err.code) ? err.code : FINAL.get(err.status);
      this.#close(String(code), err.message);
    } else {
      this.#joinFailed(err);
    }
  }

  /** A join was refused for a reason that may pass. @param {ChatError} err */
  #joinFailed(err) {
    if (err.code === "bad_name" || err.code === "bad_field") {
      // It could join again on this connection, but only within the server's
      // ten seconds; a person may take longer over a name.
      this.#drop();
      this.#set({ name: "refused", code: err.code, message: err.message });
    } else if (err.retryAfter || err instanceof HttpError) {
      this.#drop();
      this.#owner.broke(null);
      this.#wait(err.code, err.retryAfter + backoff(this.#failures, this.#random));
    } else {
      this.#words = err.message; // the close that follows says what to do
    }
  }

  /** This way does not lead in. @param {boolean} [reached] whether the server answers at all */
  async #cannot(reached) {
    const attempt = this.#attempt;
    this.#owner.broke(null);
    if (this.#state.name === "live") this.#set({ name: "connecting" });
    if (reached === undefined) {
      const status = await this.#askState();
      if (attempt !== this.#attempt) return;
      if (status === 404) return this.#gone();
      if (status) this.#timesGone = 0;
      reached = status === 200;
    }
    if (this.#routes.failed(reached)) this.#wait("lost");
    else this.#open();
  }

  /** A failed WebSocket looks like a dead network to a page; the room's state tells. */
  async #askState() {
    try {
      await request(this.#fetch, this.#routes.current.base, { within: STATE_WITHIN });
      return 200;
    } catch (err) {
      return /** @type {HttpError} */ (err).status;
    }
  }

  /** No such room is open. */
  #gone() {
    this.#owner.broke(null);
    this.#failures = this.#timesGone; // a server that answers need not be spared
    if (++this.#timesGone < GONE_AFTER) this.#wait("lost");
    else this.#close("room_closed");
  }

  /** @param {string} reason @param {string} [message] */
  #close(reason, message = "") {
    this.#session?.forget();
    this.#wakeups.stop();
    this.#owner.broke(new ChatError("offline"));
    this.#set({ name: "closed", reason, message });
  }

  /**
   * @param {string} reason
   * @param {number} [told] by the server, in milliseconds
   */
  #wait(reason, told) {
    const delay = told ?? backoff(this.#failures, this.#random);
    this.#waitIsTold = told !== undefined;
    this.#failures++;
    this.#wakeups.start();
    this.#set({ name: "waiting", reason, until: Date.now() + delay });
    this.#timer = setTimeout(() => this.#open(), delay);
  }

  #fellSilent() {
    // Some proxies keep a stream's events to themselves.
    this.#lose(this.#routes.current.transport === "events" ? { cannot: true } : { code: 1006 });
  }

  /** @param {boolean} networkChanged */
  #wake(networkChanged) {
    if (this.#state.name === "waiting") {
      const due = Date.now() >= (this.#state.until ?? 0);
      if (due || (networkChanged && !this.#waitIsTold)) this.#open();
    } else if (this.#state.name === "live") {
      this.#pulse.wake();
    }
  }

  /** A session would stay in the room for a minute. */
  #hide() {
    if (!this.#session?.alive) return;
    this.#session.leave();
    this.#session = null;
    if (this.#state.name === "live") this.#lose({ code: 1006 }); // if the page comes back
  }

  /** @param {State} state */
  #set(state) {
    this.#state = state;
    this.#owner.changed(state);
  }
}
