// @ts-check
/**
 * One chat in a shadow root: brings the client and the parts together. The parts know a
 * `Room`, or what it hands them, and not each other.
 */
import { Actions } from "./actions.js";
import { ChatClient } from "./chat-client.js";
import { Composer } from "./composer.js";
import { finder, preview } from "./dom.js";
import { Join } from "./join.js";
import { LogView } from "./log-view.js";
import { nameOf, noticeOf } from "./notices.js";
import { ChatError } from "./protocol.js";
import { request } from "./request.js";
import { Speaker } from "./speaker.js";
import { Status } from "./status.js";
import { furnish } from "./template.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").User} User */
/** @typedef {import("./protocol.js").State} State */
/** @typedef {import("./strings.js").Strings} Strings */
/** @typedef {"full"|"chat"|"overlay"} View */
/** @typedef {string|(() => string|Promise<string>)} Token */

const STATE_WITHIN = 5000; // ms
const MODERATES = new Set(["moderator", "producer"]);

/**
 * What a part that is loaded later (the desk, say) is given. It fires `info` when title,
 * settings, viewers or who one is have changed, `unread` when the number of messages that
 * nobody has seen has; all that the server says is heard at `client`.
 */
export class Room extends EventTarget {
  // Set at construction.
  /** @type {ShadowRoot} */ root;
  /** @type {ChatClient} */ client;
  /** @type {Strings} */ t;
  /** @type {View} */ view;
  /** @type {AbortSignal} fires when the chat is taken off the page */ signal;
  /** @type {Actions<LogEvent>} what can be done with a message */ messageActions = new Actions();
  /** @type {Actions<User>} what can be done with a person, in the list of people */ userActions = new Actions();
  /** @type {LogView} the messages */ log;
  /** @type {Composer} the box */ composer;
  /** @type {Speaker} what a screen reader is told */ speaker;

  // What is known of the room.
  name = "";
  /** @type {Record<string, any>} */ settings = {};
  viewers = 0;
  unread = 0;

  #$;
  #stop = new AbortController();
  #join;
  #status;
  #main;
  #token = /** @type {Token} */ ("");
  #askedFor = "";
  #replaying = true;
  /** @type {Promise<import("./people.js").People>|undefined} */ #people;
  #deskIsHere = false;

  /**
   * @param {object} parts
   * @param {ShadowRoot} parts.root is filled
   * @param {ChatClient} parts.client
   * @param {Strings} parts.t
   * @param {View} parts.view
   * @param {string} parts.main address of the server's main port, where the room stands
   *   under a path too; empty: not known
   */
  constructor({ root, client, t, view, main }) {
    super();
    this.root = root;
    this.client = client;
    this.t = t;
    this.view = view;
    this.signal = this.#stop.signal;
    this.#main = main;
    furnish(root, t);
    this.#$ = finder(root);
    this.speaker = new Speaker(this.#$("spoken"), t);
    this.log = new LogView({
      root, t,
      actions: this.messageActions,
      onReply: (event) => this.composer.answer(event),
      onLeave: () => this.composer.focus(),
    });
    this.composer = new Composer({ root, t, onSend: (text, replyTo) => this.#send(text, replyTo), onUp: () => this.log.focusNewest() });
    this.#join = new Join({ root, t, onJoin: (name) => this.#enter(name), onShown: () => this.composer.focus() });
    this.#status = new Status({
      root, t,
      onRetry: () => this.#enter(this.#askedFor),
      hasToken: () => this.#token !== "",
      onBack: () => this.speaker.say(t.reconnected),
    });
    this.messageActions.add({ id: "reply", first: true, label: () => t.reply, run: (event) => this.composer.answer(event) });
    this.#$("rename").addEventListener("click", () => this.#join.ask("", client.state.name === "live"));
    this.#$("people-toggle").addEventListener("click", () => this.#togglePeople());
    document.addEventListener("visibilitychange", () => this.#setUnread(0), { signal: this.signal });
    this.#listen();
    this.#status.show(client.state);
    this.#showRoom();
    this.#readState();
  }

  /**
   * Enters the room by a token or under a name; without either one is asked for a name,
   * unless this browser remembers one.
   * @param {{name: string, token: Token}} who
   */
  enter({ name, token }) {
    this.#token = token;
    this.#$("rename").hidden = token !== "";
    const known = token || this.view === "overlay" ? "" : name || this.#askedFor || this.#join.remembered;
    if (known === null) this.#join.ask();
    else this.#enter(known);
  }

  /** Leaves the room for good, and lets go of the page. */
  stop() {
    this.#stop.abort();
    this.#status.stop();
    this.client.leave();
  }

  /** @param {string} name */
  #enter(name) {
    const live = this.client.state.name === "live";
    if (this.#token || !live || name !== this.#askedFor) this.client.connect({ name, token: this.#token });
    this.#askedFor = name;
    this.#join.done();
    if (this.view === "full") this.composer.focus();
  }

  /** What can be known of the room without entering it. */
  async #readState() {
    try {
      const data = await request(fetch.bind(globalThis), this.client.url, { within: STATE_WITHIN });
      this.#isNamed(data.name);
      if (this.client.state.name === "live") return; // the welcome knows better
      this.settings = data.settings ?? {};
      this.#showViewers(data.viewers);
      this.#showRoom();
    } catch {
      // It works without; the connection will tell what is wrong.
    }
  }

  /** The room also stands under a path of the main port. @param {string} name */
  #isNamed(name) {
    this.name = name;
    if (this.#main) this.client.fallback = [`${this.#main}r/${name}/`];
  }

  // Speaking.

  /**
   * @param {string} text
   * @param {number} [replyTo]
   */
  #send(text, replyTo) {
    if (this.client.state.name !== "live") {
      this.composer.tell(this.t.errors.offline);
      return false;
    }
    const answer = this.client.message(text, { replyTo });
    this.log.sending(answer.id, text);
    answer.then(
      ({ seq }) => this.log.sent(answer.id, seq),
      (err) => {
        this.log.sent(answer.id);
        this.#refused(err, text, replyTo);
      },
    );
    return true;
  }

  /**
   * @param {unknown} err
   * @param {string} text
   * @param {number} [replyTo]
   */
  #refused(err, text, replyTo) {
    if (!(err instanceof ChatError)) throw err;
    const reason = this.reason(err);
    const back = this.composer.giveBack(text);
    if (!back) this.log.failed(text, reason, () => this.#send(text, replyTo));
    if (back || err.retryAfter) this.composer.tell(reason, err.retryAfter);
  }

  /** Why a command failed, for a person. @param {ChatError} err */
  reason(err) {
    return this.t.errors[err.code] ?? (err.message || this.t.otherError);
  }

  // Hearing.

  #listen() {
    const { client, log } = this;
    const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ handle) =>
      client.addEventListener(type, (e) => handle(/** @type {CustomEvent} */ (e).detail), { signal: this.signal });
    on("state", (state) => this.#stateChanged(state));
    on("welcome", (welcome) => this.#welcomed(welcome));
    on("seen", ({ id, seq }) => log.seen(id, seq));
    on("viewers", ({ count }) => this.#showViewers(count));
    on("skipped", ({ from, to }) => log.notice(this.t.skipped(to - from + 1)));
    on("reset", ({ sameLog }) => {
      log.reset();
      log.notice(sameLog ? this.t.missed : this.t.newLog);
    });
    on("fault", (err) => this.composer.tell(this.reason(err), err.retryAfter));
    on("event", (event) => this.#happens(event));
    on("caughtup", () => {
      this.#replaying = false;
      this.#showPinned();
    });
    on("whisper", (whisper) => this.#notice(whisper));
  }

  /** @param {State} state */
  #stateChanged(state) {
    const { host } = this.root;
    /** @type {HTMLElement} */ (host).dataset.state = state.name;
    /** @type {HTMLElement} */ (host).dataset.transport = state.name === "live" ? this.client.transport : "";
    this.composer.enabled = state.name !== "closed";
    this.log.waiting(state.name !== "live");
    if (state.name === "live") {
      this.#$("people-toggle").hidden = false;
      this.composer.hush();
    }
    this.#status.show(state);
    if (state.name === "refused") this.#join.ask(state.message);
  }

  /** @param {import("./protocol.js").Welcome} welcome */
  #welcomed({ room, you, settings, limits, viewers }) {
    this.#isNamed(room);
    this.settings = settings ?? {};
    this.#replaying = true;
    this.log.iAm(you);
    this.composer.limit = limits?.text ?? 0;
    this.#$("me").textContent = nameOf(you, this.t);
    this.#showViewers(viewers);
    this.#showRoom();
    if (MODERATES.has(you.role ?? "") && this.view !== "overlay") this.#openDesk();
  }

  /** Who moderates has more to do; the others need not load it. */
  async #openDesk() {
    if (this.#deskIsHere) return;
    this.#deskIsHere = true;
    const { default: open } = await import("./desk.js");
    open(this);
  }

  /** @param {LogEvent} event */
  #happens(event) {
    this.#happened[event.type]?.(event);
    this.#notice(event);
    this.#showPinned();
  }

  /** @param {Record<string, any>} event */
  #notice(event) {
    for (const notice of noticeOf(event, this.t)) {
      this.log.notice(notice);
      this.#say(notice);
    }
  }

  /** The past is not read out. @param {string} text */
  #say(text) {
    if (!this.#replaying) this.speaker.say(text);
  }

  /**
   * What kinds of events do beside what they say in words.
   * @type {Record<string, (event: any) => void>}
   */
  #happened = {
    message: (event) => {
      this.log.add(event);
      this.#setUnread(document.hidden ? this.unread + 1 : 0);
      this.#say(`${nameOf(event.user, this.t)}: ${event.text ?? ""}`);
    },
    announcement: (event) => {
      this.log.add(event);
      this.#say(`${this.t.announcement}: ${event.text}`);
    },
    deleted: ({ target }) => {
      this.log.redact(target);
      this.composer.removed((seq) => seq === target);
    },
    cleared: (event) => {
      this.log.clear(event.seq);
      this.composer.removed((seq) => seq < event.seq);
    },
    settings: ({ type, seq, time, by, ...changed }) => {
      this.settings = { ...this.settings, ...changed };
      this.#showRoom();
    },
  };

  // Showing.

  /** What people call it. */
  get title() {
    return this.settings.title || this.name || this.t.chat;
  }

  #showRoom() {
    this.#$("title").textContent = this.title;
    this.#$("room-name").textContent = this.settings.title ? this.name : "";
    const modes = Object.entries(this.t.modes).filter(([key]) => this.settings[key]);
    this.#$("modes").textContent = modes.map(([key, tell]) => /** @type {(v: any) => string} */ (tell)(this.settings[key])).join(" · ");
    this.#showPinned();
    this.dispatchEvent(new Event("info"));
  }

  #showPinned() {
    const pinned = this.settings.pinned ? this.log.message(this.settings.pinned) : null;
    this.#$("pinned").hidden = !this.settings.pinned || pinned?.redacted === true;
    this.#$("pinned-text").textContent = pinned && !pinned.redacted
      ? this.t.pinnedText(pinned.user?.name ?? "", preview(pinned.text ?? ""))
      : this.t.earlierMessage;
  }

  /** @param {number} count */
  #showViewers(count) {
    this.viewers = count;
    this.#$("viewers").textContent = this.t.number(count);
    this.#$("people-toggle").setAttribute("aria-label", this.t.peopleLabel(count));
    this.#$("watching").textContent = count ? this.t.watching(count) : "";
    this.dispatchEvent(new Event("info"));
  }

  /** @param {number} n */
  #setUnread(n) {
    if (n === this.unread) return;
    this.unread = n;
    this.dispatchEvent(new Event("unread"));
  }

  async #togglePeople() {
    this.#people ??= import("./people.js").then(({ People }) => new People(this));
    (await this.#people).toggle();
  }
}
