// @ts-check
/**
 * A client of one chat room, for any page: no dependencies, no build step. How to use
 * it on a site of one's own is in docs/client.md.
 *
 * It promises:
 *
 * - It gets in by WebSocket, else by server-sent events, else by long polling; at the
 *   address given, else at one of `fallback`. What has worked is tried first.
 * - Log events come out once each and in order, across reconnects and transports. A
 *   hole is told by `skipped`, a log that does not continue what was seen by `reset`.
 * - A command settles exactly once. One that was on its way when the connection broke
 *   is sent again under the same id, where the server recognises the repeat by that; a
 *   guest's message is looked for in what the server replays, and said again only when
 *   it is certain that it was not taken.
 * - A server that says when to come back is obeyed; else waits grow and are jittered, so
 *   that the clients of a server that died do not return as one.
 *
 * It does not promise that a message is sent: nothing is queued while the connection is
 * down, for an old message in a live chat is worse than a text that stays in the box.
 *
 * @example
 * const client = new ChatClient({ url: "https://chat.example/r/testroom/", name: "Ann" });
 * client.addEventListener("message", ({ detail }) => console.log(detail.user.name, detail.text));
 * client.connect();
 * const { seq } = await client.message("hello");
 */
import { Calls } from "./calls.js";
import { Connection } from "./connection.js";
import { byteLength, ChatError, normalize } from "./protocol.js";
import { roomBase } from "./routes.js";

export { ChatError };

/** @typedef {import("./protocol.js").User} User */
/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").Limits} Limits */
/** @typedef {import("./protocol.js").Welcome} Welcome */
/** @typedef {import("./protocol.js").State} State */
/** @typedef {import("./routes.js").TransportName} TransportName */

/**
 * The answer to come. It rejects with a {@link ChatError}. `id` is the command's own: it
 * comes again in `seen`.
 * @template T
 * @typedef {Promise<T> & {id: string}} Answer
 */

/** @typedef {{type: "ack", id: string, seq?: number}} Ack seq is that of the event that the command made */
/** @typedef {{type: "people", id: string, count: number, users: User[]}} PeopleAnswer */
/**
 * `first` is the oldest seq that the log still has; `reactions` are totals by seq.
 * @typedef {{type: "history", id: string, events: LogEvent[], first: number, reactions?: Record<string, Record<string, number>>}} HistoryAnswer
 */

const CATCH_UP_WITHIN = 5000; // ms; a room without history replays nothing

/**
 * Every object that the server sends is dispatched as a CustomEvent of its own type, with
 * the object as `detail`: `welcome` (at every arrival and return), the events of the log
 * (`message`, `deleted`, `cleared`, `sanction`, `settings`, `announcement`, `poll`,
 * `poll_closed`, `tip` and what later versions have), `viewers`, `reactions`, `votes`,
 * `whisper`, `skipped`, `closing`, and the answers `ack`, `error`, `pong`, `people`,
 * `history`. Beside them:
 *
 * | type | `detail` |
 * | --- | --- |
 * | `state` | {@link State} |
 * | `event` | {@link LogEvent} of any type, right before it is dispatched by its type |
 * | `seen` | `{id, seq}`: the next event is this client's own message |
 * | `reset` | `{sameLog}`: what was shown so far is not continued: forget it |
 * | `caughtup` | all that was owed since the `welcome` has come out |
 * | `fault` | {@link ChatError} that answers no command |
 */
export class ChatClient extends EventTarget {
  #connection;
  #name;
  /** @type {string|(() => string|Promise<string>)} */ #token;

  // The position in the log; null before the first event.
  /** @type {string|null} */ #epoch = null;
  /** @type {number|null} */ #seq = null;
  #target = 0; // caught up when the log has come this far
  #caughtUp = true;
  #continues = true; // the replay has all that happened since the last connection
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #catchUpTimer;

  #calls = new Calls();
  /** @type {Promise<unknown>} the server looks back for us once at a time */ #lookingBack = Promise.resolve();

  /** @type {string} the room's name, once it is known */ room = "";
  /** @type {User|null} who the server says we are */ you = null;
  /** @type {Limits|null} what we may send */ limits = null;

  /**
   * Nothing is connected before {@link ChatClient#connect} is called.
   * @param {object} options
   * @param {string} options.url of the room: its own port, or /r/NAME/ of the main one;
   *   http, https, or that of its WebSocket
   * @param {string[]} [options.fallback] further addresses of the same room, for networks
   *   that do not let the first one through
   * @param {string} [options.name] to bear; empty: the server gives one
   * @param {string|(() => string|Promise<string>)} [options.token] of a user, or what gets
   *   a fresh one, which is called whenever the client joins
   * @param {TransportName[]} [options.transports] which to use, in this order:
   *   websocket, events, polling
   * @param {EventTarget|null} [options.wakeups] where `online`, `pageshow`, `pagehide` and
   *   `visibilitychange` are heard; the window
   * @param {typeof WebSocket} [options.WebSocket] in the place of the browser's own
   * @param {typeof EventSource} [options.EventSource] likewise
   * @param {typeof fetch} [options.fetch] likewise
   * @param {() => number} [options.random] likewise
   */
  constructor({
    url, fallback = [], name = "", token = "", transports = ["websocket", "events", "polling"],
    wakeups = globalThis.window ?? null, ...tools
  }) {
    super();
    this.#name = name;
    this.#token = token;
    const owner = {
      join: () => this.#join(),
      hear: (/** @type {Record<string, any>} */ m) => this.#hear(m),
      changed: (/** @type {State} */ state) => this.#emit("state", state),
      live: (/** @type {boolean} */ again) => this.#live(again),
      broke: (/** @type {ChatError|null} */ err) => (err ? this.#calls.failAll(err) : this.#calls.lose()),
    };
    const bases = [url, ...fallback].map(roomBase);
    this.#connection = new Connection(owner, { bases, transports, wakeups, tools });
  }

  // The connection.

  /** What the connection does at the moment. @returns {State} */
  get state() {
    return this.#connection.state;
  }

  /** The transport in use, or that is tried next. @returns {TransportName} */
  get transport() {
    return this.#connection.route.transport;
  }

  /** The address in use, or that is tried next. @returns {string} */
  get url() {
    return this.#connection.route.base;
  }

  /** Sets further addresses of the same room. @param {string[]} urls */
  set fallback(urls) {
    this.#connection.fallback = urls.map(roomBase);
  }

  /**
   * Enters the room, or enters it again as somebody else; what was missed meanwhile is
   * replayed. It goes on until `leave`, or until the server does not want this client
   * back: see {@link ChatClient#state}.
   * @param {{name?: string, token?: string|(() => string|Promise<string>)}} [who] what is
   *   missing stays as it was
   */
  connect({ name = this.#name, token = this.#token } = {}) {
    this.#name = name;
    this.#token = token;
    this.#connection.start();
  }

  /** Leaves the room for good. @returns {Promise<void>} settles when the server knows, or soon */
  leave() {
    return this.#connection.stop();
  }

  // Commands. Who may give them is in docs/protocol.md.

  /**
   * Sends a command. An `id` is added, unless there is one, under which the server does it once.
   * @param {string} type
   * @param {Record<string, any>} [fields]
   * @returns {Answer<any>}
   */
  send(type, fields = {}) {
    if (this.state.name !== "live") return failed(new ChatError("offline"));
    if (type === "join" || type === "leave") return failed(new ChatError("bad_command", `call the method ${type === "join" ? "connect" : "leave"}`));
    const { command, id, done } = this.#calls.add({ ...fields, type }, this.you?.id ?? "", this.#seq ?? 0);
    if (this.limits?.bytes && byteLength(command) > this.limits.bytes) this.#calls.settle(id, new ChatError("too_long"));
    else this.#connection.send(command);
    return Object.assign(done, { id });
  }

  /**
   * Says something. The answer comes when it is safe in the room's log.
   * @param {string} text
   * @param {{replyTo?: number}} [options] the seq of the message that it answers
   * @returns {Answer<Ack>}
   */
  message(text, { replyTo } = {}) {
    return this.send("message", { text: normalize(text), reply_to: replyTo });
  }

  /** Says something to one user alone. @param {string} to their id @param {string} text @returns {Answer<Ack>} */
  whisper(to, text) {
    return this.send("whisper", { to, text: normalize(text) });
  }

  /** Reacts to a message. @param {number} seq of it @param {string} emoji @returns {Answer<Ack>} */
  react(seq, emoji) {
    return this.send("react", { seq, emoji });
  }

  /** Votes, or votes otherwise. @param {number} poll its seq @param {number} option from 0 @returns {Answer<Ack>} */
  vote(poll, option) {
    return this.send("vote", { poll, option });
  }

  /** Removes a message. @param {number} seq of it @returns {Answer<Ack>} */
  delete(seq) {
    return this.send("delete", { seq });
  }

  /** Keeps somebody from chatting. @param {string} user id @param {number} seconds @param {string} [reason] @returns {Answer<Ack>} */
  timeout(user, seconds, reason) {
    return this.send("timeout", { user, seconds, reason });
  }

  /** Keeps somebody out. @param {string} user id @param {string} [reason] @returns {Answer<Ack>} */
  ban(user, reason) {
    return this.send("ban", { user, reason });
  }

  /** Takes a ban or a timeout back. @param {string} user id @param {string} [reason] @returns {Answer<Ack>} */
  unban(user, reason) {
    return this.send("unban", { user, reason });
  }

  /** Removes all messages. @returns {Answer<Ack>} */
  clear() {
    return this.send("clear");
  }

  /**
   * Changes settings: `slow_mode`, `members_only`, `emotes_only`, `unique`, `title`,
   * `stream_url`, `pinned` (a seq, or null).
   * @param {Record<string, any>} settings
   * @returns {Answer<Ack>}
   */
  set(settings) {
    return this.send("set", settings);
  }

  /** Announces something. @param {string} text @returns {Answer<Ack>} */
  announce(text) {
    return this.send("announce", { text: normalize(text) });
  }

  /** Opens a poll. @param {string} question @param {string[]} options 2 to 8 @param {number} seconds @returns {Answer<Ack>} */
  poll(question, options, seconds) {
    return this.send("poll", { question, options, seconds });
  }

  /** Ends the poll that is open. @returns {Answer<Ack>} */
  closePoll() {
    return this.send("poll", { close: true });
  }

  /**
   * Gives a tip.
   * @param {number} amount
   * @param {string} currency
   * @param {string} [text]
   * @param {{id?: string}} [options] that of a tip of which nobody knows whether it was
   *   taken: this one is the same, and is taken once
   * @returns {Answer<Ack>}
   */
  tip(amount, currency, text, { id } = {}) {
    return this.send("tip", { amount, currency, text, id });
  }

  /**
   * Asks who is in the room.
   * @param {{prefix?: string, limit?: number}} [options] the beginning of their names;
   *   how many to list, 1 to 100
   * @returns {Answer<PeopleAnswer>}
   */
  who({ prefix, limit } = {}) {
    return this.send("who", { prefix: prefix || undefined, limit });
  }

  /**
   * Asks for what happened earlier, as it stands in the log now.
   * @param {{before?: number, limit?: number}} [options] only events with a lower seq;
   *   how many, 1 to 100
   * @returns {Promise<HistoryAnswer>}
   */
  history({ before, limit } = {}) {
    const answer = this.#lookingBack.then(() => this.send("history", { before, limit }));
    this.#lookingBack = answer.catch(() => {});
    return answer;
  }

  /** Asks whether the server is there. @returns {Answer<{type: "pong", id: string}>} */
  ping() {
    return this.send("ping");
  }

  // What the server says.

  async #join() {
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    return {
      type: "join",
      name: this.#name || undefined,
      token: token || undefined,
      ...(this.#epoch !== null && this.#seq !== null ? { epoch: this.#epoch, since: this.#seq } : {}),
    };
  }

  /** @param {Record<string, any>} m */
  #hear(m) {
    switch (m.type) {
      case "welcome":
        return this.#welcomed(/** @type {any} */ (m));
      case "skipped":
        return this.#skip(m.from, m.to);
      case "error":
        return this.#failed(m);
      case "ack":
      case "pong":
      case "people":
      case "history":
        this.#calls.settle(m.id, m);
        break;
      default: // a log event of a kind that this client does not know moves it on too
        if (Number.isSafeInteger(m.seq)) return this.#take(/** @type {any} */ (m));
    }
    this.#emit(String(m.type), m);
  }

  /** @param {Welcome} w */
  #welcomed(w) {
    if (this.room && this.room !== w.room) { // its port is another room's now
      this.#connection.giveUp("room_closed");
      return;
    }
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
    this.room = w.room;
    this.you = w.you;
    this.limits = w.limits;
    this.#caughtUp = false;
    clearTimeout(this.#catchUpTimer);
    this.#catchUpTimer = setTimeout(() => this.#catchUp(), CATCH_UP_WITHIN);
    if (returning && !this.#continues) this.#emit("reset", { sameLog });
    this.#emit("welcome", w);
  }

  /** @param {boolean} again */
  #live(again) {
    if (again) this.#calls.goOn();
    else if (this.#seq !== null && this.#seq >= this.#target) this.#catchUp();
  }

  #catchUp() {
    if (this.#caughtUp || this.state.name !== "live") return;
    this.#caughtUp = true;
    clearTimeout(this.#catchUpTimer);
    for (const command of this.#calls.settleLost(this.#continues, this.you?.id ?? "")) this.#connection.send(command);
    this.#emit("caughtup", null);
  }

  /** @param {LogEvent} event */
  #take(event) {
    if (this.#seq !== null) {
      if (event.seq <= this.#seq) return;
      if (event.seq > this.#seq + 1) this.#emit("skipped", { type: "skipped", from: this.#seq + 1, to: event.seq - 1 });
    }
    this.#seq = event.seq;
    const ours = this.#calls.recognise(event);
    if (ours) this.#emit("seen", ours);
    this.#emit("event", event);
    this.#emit(String(event.type), event);
    if (event.seq >= this.#target) this.#catchUp();
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #skip(from, to) {
    if (!Number.isSafeInteger(to) || (this.#seq !== null && to <= this.#seq)) return;
    this.#seq = to;
    this.#emit("skipped", { type: "skipped", from, to });
    if (to >= this.#target) this.#catchUp();
  }

  /** @param {Record<string, any>} m */
  #failed(m) {
    const err = new ChatError(String(m.code), String(m.message ?? ""), Number(m.retry_after) || 0);
    const answers = this.#calls.settle(m.id, err);
    this.#emit("error", m);
    if (!answers) this.#emit("fault", err);
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** A command that was not even sent. @param {ChatError} err @returns {Answer<any>} */
function failed(err) {
  return Object.assign(Promise.reject(err), { id: "" });
}
