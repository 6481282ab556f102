// @ts-check
/**
 * The browser's side of the chat protocol: one room, one WebSocket at a time,
 * kept alive for as long as the server wants this client back.
 *
 * It knows nothing of the page. It promises:
 *
 * - Log events come out once each and in order, across reconnects. A hole is
 *   told by `skipped`, a log that does not continue what was seen by `reset`.
 * - `send` and `who` settle exactly once. A message that was on its way when
 *   the connection broke is looked for in what the server replays, and said
 *   again only when it is certain that it was not taken, or that the server
 *   recognises the repeat by its id.
 * - A server that says when to come back is obeyed; else waits grow and are
 *   jittered, so that the clients of a server that died do not return as one.
 *
 * It does not promise that a message is sent: nothing is queued while the
 * connection is down, for an old message in a live chat is worse than a text
 * that stays in the box.
 *
 * @example
 * const client = new ChatClient({ url: "wss://example.org/r/testroom/ws" });
 * client.addEventListener("event", ({ detail }) => console.log(detail.text));
 * client.join("ann");
 * const { seq } = await client.send("hello").done;
 */
import { Calls } from "./calls.js";
import { backoff, byteLength, ChatError, isOurFault, normalize, parse, reasonOf, verdict } from "./protocol.js";
import { Pulse } from "./pulse.js";

/** @typedef {import("./protocol.js").User} User */
/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").Limits} Limits */
/** @typedef {import("./protocol.js").Welcome} Welcome */
/** @typedef {import("./protocol.js").Closing} Closing */
/** @typedef {ReturnType<typeof setTimeout>} Timer */

/**
 * - `idle`: nobody has called `join`, or `leave` was called
 * - `connecting`: a connection is being made
 * - `live`: the server has welcomed this client
 * - `waiting`: the next attempt comes at `until` (Unix milliseconds)
 * - `refused`: the server did not take the name (`code`, `message`); `join` again
 * - `closed`: the server does not want this client back; `join` tries anyway
 *
 * @typedef {object} State
 * @property {"idle"|"connecting"|"live"|"waiting"|"refused"|"closed"} name
 * @property {string} [reason] a word of the protocol: shutdown, room_closed, banned, …
 * @property {number} [until]
 * @property {string} [code]
 * @property {string} [message]
 */

const SECOND = 1000;
const CONNECT_WITHIN = 15 * SECOND; // from opening to the welcome
const LEAVE_WITHIN = 1 * SECOND;
const CATCH_UP_WITHIN = 5 * SECOND; // a room without history replays nothing
const STEADY_AFTER = 10 * SECOND; // then the next waits are short again
const GONE_AFTER = 3; // times in a row: a server that starts may not know its rooms yet

/**
 * Events, all of type CustomEvent:
 *
 * | type | `detail` |
 * | --- | --- |
 * | `state` | {@link State} |
 * | `welcome` | {@link Welcome}, at every (re)connect |
 * | `reset` | what was shown so far is not continued: forget it |
 * | `event` | {@link LogEvent} |
 * | `seen` | `{id, seq}`: the next `event` is this client's own message |
 * | `caughtup` | all that was owed since the welcome has come out |
 * | `skipped` | `{from, to}`: events that will not come |
 * | `viewers` | `{count}` |
 * | `fault` | {@link ChatError} that answers no command |
 */
export class ChatClient extends EventTarget {
  // Set at construction.
  #url;
  #stateUrl;
  #fetch;
  #random;
  #WebSocket;

  // Who wants to be in the room.
  #name = "";
  #token = "";

  // The position in the log; null before the first event.
  /** @type {string|null} */ #epoch = null;
  /** @type {number|null} */ #seq = null;

  // The connection at hand.
  /** @type {WebSocket|null} */ #socket = null;
  /** @type {Closing|null} */ #closing = null;
  #opened = false;
  #liveSince = 0;
  #target = 0; // caught up when the log has come this far
  #caughtUp = false;
  #continues = true; // the replay has all that happened since the last connection

  // Between connections.
  #failures = 0;
  #timesGone = 0;
  #waitIsTold = false;
  /** @type {State} */ #state = { name: "idle" };

  /** @type {Timer|undefined} */ #timer; // connect, or wait
  /** @type {Timer|undefined} */ #catchUpTimer;

  #calls = new Calls();
  #pulse = new Pulse({ ping: () => this.#transmit({ type: "ping" }), onSilence: () => this.#lose(1006) });

  /** @type {User|null} who the server says we are */ you = null;
  /** @type {Limits|null} */ limits = null;

  /**
   * @param {object} options
   * @param {string} options.url of the room's WebSocket
   * @param {string} [options.stateUrl] of the room's public state: asked when no
   *   connection can be made, to tell a room that is gone from a bad network
   * @param {EventTarget|null} [options.wakeups] where `online`, `pageshow` and
   *   `visibilitychange` are heard; the window
   * @param {typeof WebSocket} [options.WebSocket] for tests
   * @param {typeof fetch} [options.fetch] for tests
   * @param {() => number} [options.random] for tests
   */
  constructor({ url, stateUrl, wakeups = globalThis.window ?? null, ...forTests }) {
    super();
    this.#url = url;
    this.#stateUrl = stateUrl;
    this.#WebSocket = forTests.WebSocket ?? globalThis.WebSocket;
    this.#fetch = forTests.fetch ?? globalThis.fetch?.bind(globalThis);
    this.#random = forTests.random ?? Math.random;
    wakeups?.addEventListener("online", () => this.#wake(true));
    wakeups?.addEventListener("pageshow", () => this.#wake(false));
    // It is fired at the document and bubbles to the window.
    wakeups?.addEventListener("visibilitychange", () => {
      if (globalThis.document?.visibilityState !== "hidden") this.#wake(false);
    });
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /**
   * Enters the room, or enters it again under another name; what was missed
   * meanwhile is replayed.
   * @param {string} name empty: the server gives one
   * @param {string} [token]
   */
  join(name, token = "") {
    this.#name = name;
    this.#token = token;
    this.#failures = 0;
    this.#timesGone = 0;
    const old = this.#liveSince ? this.#socket : null;
    this.#drop("leave");
    this.#calls.lose();
    if (old) this.#openAfter(old);
    else this.#open();
  }

  /** Leaves the room for good. */
  leave() {
    this.#drop("leave");
    this.#calls.failAll(new ChatError("offline"));
    this.#setState({ name: "idle" });
  }

  /**
   * Says something. `done` resolves when the message is safe in the room's log
   * and rejects with a {@link ChatError}; `id` comes again in `seen`.
   * @param {string} text
   * @param {{replyTo?: number}} [options]
   * @returns {{id: string, done: Promise<{seq: number}>}}
   */
  send(text, { replyTo } = {}) {
    /** @type {Record<string, any>} */
    const command = { type: "message", text: normalize(text) };
    if (replyTo !== undefined) command.reply_to = replyTo;
    return this.#call(command);
  }

  /**
   * Asks who is in the room.
   * @param {{prefix?: string, limit?: number}} [options]
   * @returns {Promise<{count: number, users: User[]}>}
   */
  who({ prefix, limit } = {}) {
    return this.#call({ type: "who", prefix: prefix || undefined, limit }).done;
  }

  // Commands and their answers.

  /**
   * @param {Record<string, any>} command
   * @returns {{id: string, done: Promise<any>}}
   */
  #call(command) {
    if (this.#state.name !== "live") return failed(new ChatError("offline"));
    const { command: full, id, done } = this.#calls.add(command, this.you?.id ?? "", this.#seq ?? 0);
    if (this.limits?.bytes && byteLength(full) > this.limits.bytes) this.#calls.settle(id, new ChatError("too_long"));
    else this.#transmit(full);
    return { id, done };
  }

  // The connection.

  /** Waits until we have left, so that our own name is free again. @param {WebSocket} old */
  #openAfter(old) {
    this.#setState({ name: "connecting" });
    const timer = (this.#timer = setTimeout(() => this.#open(), LEAVE_WITHIN));
    old.addEventListener("close", () => this.#timer === timer && this.#open());
  }

  #open() {
    clearTimeout(this.#timer);
    this.#closing = null;
    this.#opened = false;
    this.#caughtUp = false;
    this.#liveSince = 0;
    this.#setState({ name: "connecting" });

    const socket = new this.#WebSocket(this.#url);
    this.#socket = socket;
    // A socket that was dropped may still speak; nobody listens.
    const current = (/** @type {(e: any) => void} */ handle) => (/** @type {any} */ e) => {
      if (this.#socket === socket) handle(e);
    };
    socket.addEventListener("open", current(() => {
      this.#opened = true;
      this.#transmit(this.#joinCommand());
    }));
    socket.addEventListener("message", current((e) => this.#hear(e.data)));
    socket.addEventListener("close", current((e) => this.#lose(e.code)));
    this.#timer = setTimeout(() => this.#lose(1006), CONNECT_WITHIN);
  }

  #joinCommand() {
    return {
      type: "join",
      name: this.#name || undefined,
      token: this.#token || undefined,
      ...(this.#epoch !== null && this.#seq !== null ? { epoch: this.#epoch, since: this.#seq } : {}),
    };
  }

  /** @param {object} command */
  #transmit(command) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(command));
  }

  /** Lets the connection go without waiting for its end. @param {"leave"} [how] */
  #drop(how) {
    const socket = this.#socket;
    clearTimeout(this.#timer);
    clearTimeout(this.#catchUpTimer);
    this.#pulse.stop();
    this.#timer = undefined;
    if (!socket) return;
    if (how === "leave" && this.#liveSince) this.#transmit({ type: "leave" });
    this.#socket = null;
    socket.close();
  }

  /**
   * The connection is over, by the server's word or by our own judgement.
   * @param {number} code
   */
  #lose(code) {
    const { back, after } = verdict(code, this.#closing);
    const reason = reasonOf(code, this.#closing);
    const opened = this.#opened;
    if (this.#liveSince && Date.now() - this.#liveSince > STEADY_AFTER) this.#failures = 0;
    this.#drop();
    if (!back) {
      this.#calls.failAll(new ChatError("offline"));
      this.#setState({ name: "closed", reason });
      return;
    }
    if (isOurFault(code)) this.#calls.failAll(new ChatError(code === 4003 ? "rate_limited" : "not_sent"));
    this.#calls.lose();
    this.#wait(reason, after);
    if (!opened) this.#askWhetherGone();
  }

  /**
   * @param {string} reason
   * @param {number} [told] by the server, in milliseconds
   */
  #wait(reason, told) {
    const delay = told ?? backoff(this.#failures, this.#random);
    this.#waitIsTold = told !== undefined;
    this.#failures++;
    this.#setState({ name: "waiting", reason, until: Date.now() + delay });
    this.#timer = setTimeout(() => this.#open(), delay);
  }

  /** A refused upgrade looks like a dead network to a page; the state tells. */
  async #askWhetherGone() {
    if (!this.#stateUrl || !this.#fetch) return;
    try {
      const answer = await this.#fetch(this.#stateUrl, { headers: { Accept: "application/json" }, cache: "no-store" });
      this.#timesGone = answer.status === 404 ? this.#timesGone + 1 : 0;
      if (this.#timesGone < GONE_AFTER || this.#state.name !== "waiting") return;
      clearTimeout(this.#timer);
      this.#calls.failAll(new ChatError("not_sent"));
      this.#setState({ name: "closed", reason: "room_closed" });
    } catch {
      // The network is bad, as the socket said.
    }
  }

  /**
   * The machine may have slept or changed its network.
   * @param {boolean} networkChanged
   */
  #wake(networkChanged) {
    if (this.#state.name === "waiting") {
      const due = Date.now() >= (this.#state.until ?? 0);
      if (due || (networkChanged && !this.#waitIsTold)) this.#open();
    } else if (this.#state.name === "live") {
      this.#pulse.wake();
    }
  }

  // What the server says.

  /** @param {unknown} data one or more JSON objects, separated by line feeds */
  #hear(data) {
    if (typeof data !== "string") return;
    this.#pulse.heard();
    const socket = this.#socket;
    for (const line of data.split("\n")) {
      const message = parse(line);
      if (message && this.#socket === socket) this.#dispatch(message);
    }
  }

  /** @param {Record<string, any>} m */
  #dispatch(m) {
    switch (m.type) {
      case "welcome":
        return this.#welcomed(/** @type {any} */ (m));
      case "ack":
      case "pong":
      case "people":
        this.#calls.settle(m.id, m);
        return;
      case "error":
        return this.#failed(m);
      case "viewers":
        return this.#emit("viewers", m);
      case "skipped":
        return this.#skip(m.from, m.to);
      case "closing":
        this.#closing = m;
        return;
      default:
        // A log event of a kind that this client does not know moves it on too.
        if (Number.isSafeInteger(m.seq)) this.#take(/** @type {any} */ (m));
    }
  }

  /** @param {Welcome} w */
  #welcomed(w) {
    const returning = this.#epoch !== null;
    const sameLog = this.#epoch === w.epoch;
    this.#continues = returning && sameLog && !w.gap;
    if (returning && !this.#continues) {
      this.#seq = null;
      this.#calls.forgetSeenBeyond(sameLog ? w.seq : Infinity);
    }
    this.#epoch = w.epoch;
    this.#target = w.seq;
    if (w.seq === 0) this.#seq ??= 0;
    this.you = w.you;
    this.limits = w.limits;

    clearTimeout(this.#timer);
    this.#liveSince = Date.now();
    this.#timesGone = 0;
    this.#pulse.start();
    this.#catchUpTimer = setTimeout(() => this.#catchUp(), CATCH_UP_WITHIN);
    if (returning && !this.#continues) this.#emit("reset", { sameLog });
    this.#emit("welcome", w);
    this.#setState({ name: "live" });
    if (this.#seq !== null && this.#seq >= w.seq) this.#catchUp();
  }

  #catchUp() {
    if (this.#caughtUp) return;
    this.#caughtUp = true;
    clearTimeout(this.#catchUpTimer);
    for (const command of this.#calls.settleLost(this.#continues, this.you?.id ?? "")) this.#transmit(command);
    this.#emit("caughtup", null);
  }

  /** @param {LogEvent} event */
  #take(event) {
    if (this.#seq !== null) {
      if (event.seq <= this.#seq) return;
      if (event.seq > this.#seq + 1) this.#emit("skipped", { from: this.#seq + 1, to: event.seq - 1 });
    }
    this.#seq = event.seq;
    const ours = this.#calls.recognise(event);
    if (ours) this.#emit("seen", ours);
    this.#emit("event", event);
    if (event.seq >= this.#target) this.#catchUp();
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #skip(from, to) {
    if (!Number.isSafeInteger(to) || (this.#seq !== null && to <= this.#seq)) return;
    this.#seq = to;
    this.#emit("skipped", { from, to });
    if (to >= this.#target) this.#catchUp();
  }

  /** @param {Record<string, any>} m */
  #failed(m) {
    const err = new ChatError(String(m.code), String(m.message ?? ""), Number(m.retry_after) || 0);
    if (err.code === "rate_limited") this.#pulse.mute(err.retryAfter);
    if (!this.#liveSince) return this.#joinFailed(err);
    if (!this.#calls.settle(m.id, err)) this.#emit("fault", err);
  }

  /** @param {ChatError} err */
  #joinFailed(err) {
    if (err.code === "bad_name" || err.code === "bad_field") {
      // It could join again on this connection, but only within the server's
      // ten seconds; a person may take longer over a name.
      this.#drop();
      this.#setState({ name: "refused", code: err.code, message: err.message });
    } else if (err.retryAfter) {
      this.#drop();
      this.#wait(err.code, err.retryAfter + backoff(this.#failures, this.#random));
    }
    // Else the close that follows says what to do.
  }

  // Telling the page.

  /** @param {State} state */
  #setState(state) {
    this.#state = state;
    this.#emit("state", state);
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** A command that was not even sent. @param {ChatError} err */
function failed(err) {
  return { id: "", done: Promise.reject(err) };
}
