// @ts-check
/**
 * One chat in a shadow root: brings the client and the parts together. The parts know a
 * `Room`, or what it hands them, and not each other.
 */
import { Actions } from "./actions.js";
import { ChatClient } from "./chat-client.js";
import { Composer } from "./composer.js";
import { finder } from "./dom.js";
import { loadEmotes } from "./emotes.js";
import { Join } from "./join.js";
import { load } from "./loader.js";
import { LogView } from "./log-view.js";
import { nameOf, noticeOf } from "./notices.js";
import { Outbox } from "./outbox.js";
import { ChatError } from "./protocol.js";
import { request } from "./request.js";
import { roomBase } from "./routes.js";
import { Speaker } from "./speaker.js";
import { Status } from "./status.js";
import { adopt } from "./styles.js";
import { furnish } from "./template.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").User} User */
/** @typedef {import("./protocol.js").State} State */
/** @typedef {import("./strings.js").Strings} Strings */
/** @typedef {"full"|"chat"|"overlay"} View */
/** @typedef {string|(() => string|Promise<string>)} Token */

const SECOND = 1000;
const STATE_WITHIN = 5 * SECOND;
const MODERATES = new Set(["moderator", "producer"]);
const MOST_NAMES = 1000; // of who may be mentioned

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
  /** @type {import("./rich-text.js").Lexicon} what a text may have in it */
  lexicon = { emotes: new Map(), names: new Map(), isMe: (user) => this.#own.has(user.id) };

  // What is known of the room.
  name = "";
  /** @type {Record<string, any>} */ settings = {};
  viewers = 0;
  /** @type {Record<string, any>|null} the event of the poll that is open, or that closed last */ poll = null;
  /** @type {{poll: number, votes: number[], total: number}|null} how it stands */ votes = null;
  unread = 0;

  #$;
  #stop = new AbortController();
  #join;
  #status;
  #main;
  #token = /** @type {Token} */ ("");
  #askedFor = "";
  #enteredBy = /** @type {Token} */ ("");
  #replaying = true;
  /** @type {Set<string>} ids under which we have spoken */ #own = new Set();
  #outbox;
  /** @type {Map<string, Promise<any>>} by name */ #parts = new Map();

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
    this.#main = main && URL.canParse(main, location.href) ? roomBase(main) : "";
    furnish(root, t);
    this.#$ = finder(root);
    this.speaker = new Speaker(this.#$("spoken"), t);
    this.log = new LogView({
      root, t,
      lexicon: this.lexicon,
      onReply: (event) => this.composer.answer(event),
      onLeave: () => this.composer.focus(),
    });
    this.composer = new Composer({ root, t, onSend: (text, target) => this.#send(text, target), onUp: () => this.log.focusNewest() });
    this.#join = new Join({ root, t, onJoin: (name) => this.#enter(name), onShown: () => this.composer.focus() });
    this.#status = new Status({
      root, t,
      onRetry: () => this.#enter(this.#askedFor),
      hasToken: () => this.hasToken,
      onBack: () => this.speaker.say(t.reconnected),
    });
    this.#outbox = new Outbox({ node: this.#$("unsent"), t, onAdded: () => this.log.toEnd() });
    this.#$("rename").addEventListener("click", () => this.#join.ask({ mayCancel: client.state.name === "live" }));
    if (view === "overlay") adopt(root, "overlay.css");
    else this.#offer();
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
    if (known !== null) this.#enter(known);
    else {
      if (token !== this.#enteredBy) this.client.leave(); // nobody speaks for who has logged out
      this.#join.ask({ takeFocus: this.#mayFocus });
    }
    if (this.#mayFocus && known !== null) this.composer.focus();
  }

  /** Leaves the room for good, and lets go of the page. */
  stop() {
    this.#stop.abort();
    this.#status.stop();
    this.composer.stop();
    this.client.leave();
  }

  /** @param {string} name */
  #enter(name) {
    const live = this.client.state.name === "live";
    const same = live && this.#token === this.#enteredBy && name === this.#askedFor;
    if (this.#token || !same) this.client.connect({ name, token: this.#token });
    this.#enteredBy = this.#token;
    this.#askedFor = name;
    this.#join.done();
  }

  /** Only where the page says so does the chat take the keyboard by itself. */
  get #mayFocus() {
    return this.root.host.hasAttribute("takes-focus");
  }

  // What there is to do, and the parts that are loaded for it.

  /**
   * A part that is loaded when it is wanted, and made once. Null when it could not be loaded:
   * the next time may do; or when the chat has been taken off the page meanwhile.
   * @template T
   * @param {string} name of its module
   * @param {(module: any) => T|Promise<T>} make
   * @returns {Promise<T|null>}
   */
  #part(name, make) {
    const part = this.#parts.get(name) ?? adopt(this.root, "more.css").then(() => load(name)).then((module) => {
      this.signal.throwIfAborted(); // the root is the next chat's
      return make(module);
    }).catch(() => {
      this.#parts.delete(name);
      return null;
    });
    this.#parts.set(name, part);
    return part;
  }

  #reactions = () => this.#part("reactions", ({ Reactions }) => new Reactions(this));
  #history = () => this.#part("history", ({ History }) => new History(this));
  #poll = () => this.#part("poll", ({ Poll }) => new Poll(this));
  #people = () => this.#part("people", ({ People }) => new People(this));
  #mentions = () => this.#part("mentions", ({ Mentions }) => new Mentions(this));
  #rowActions = () => this.#part("row-actions", ({ RowActions }) => new RowActions(this));

  /** What people do with mouse and keyboard. */
  #offer() {
    const { log, composer } = this;
    this.#$("people-toggle").addEventListener("click", async () => (await this.#people())?.toggle());
    this.#$("emoji").addEventListener("click", (e) => this.#pickEmoji(/** @type {HTMLElement} */ (e.currentTarget)));
    composer.box.addEventListener("input", async () => {
      if (composer.box.value.includes("@") && !this.#parts.has("mentions")) (await this.#mentions())?.look();
    });
    log.onNear = async (direction) => (await this.#history())?.load(direction);
    log.onShow = (seq) => this.show(seq);
    log.list.addEventListener("focusin", async ({ target }) => (await this.#rowActions())?.moveTo(target));
    log.list.addEventListener("pointerover", async ({ target, pointerType }) => {
      if (pointerType === "mouse") (await this.#rowActions())?.hover(target); // a finger chooses by a tap
    });
  }

  /** @param {HTMLElement} button */
  async #pickEmoji(button) {
    const picker = await this.#part("picker", (module) => module);
    picker?.openPicker({
      frame: this.#$("container"), button, label: this.t.insertEmoji, emotes: this.lexicon.emotes,
      onPick: (/** @type {string} */ emoji) => this.composer.insert(this.lexicon.emotes.has(emoji) ? `${emoji} ` : emoji),
    });
  }

  /** Brings a message into view, wherever in the log it is. @param {number} seq */
  async show(seq) {
    if (!this.log.show(seq)) (await this.#history())?.show(seq);
  }

  /** Totals of reactions have come. @param {Record<string, Record<string, number>>} totals by seq */
  async reactionsCame(totals) {
    (await this.#reactions())?.came(totals);
  }

  /** Lets one choose a reaction. @param {LogEvent} event @param {HTMLElement} button */
  async react(event, button) {
    (await this.#reactions())?.choose(event, button);
  }

  /** Whether one has a token, and is no guest. */
  get hasToken() {
    return this.#token !== "";
  }

  /** Whether one may do what moderators do. */
  get moderates() {
    return MODERATES.has(this.client.you?.role ?? "");
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
   * @param {import("./composer.js").Target} target
   */
  #send(text, target) {
    if (this.client.state.name !== "live") {
      this.composer.tell(this.t.errors.offline);
      return false;
    }
    const { replyTo, to } = target;
    const answer = to ? this.client.whisper(to.id, text) : this.client.message(text, { replyTo });
    this.#outbox.sending(answer.id, text);
    answer.then(
      ({ seq }) => {
        this.#outbox.settled(answer.id);
        if (seq) this.log.sent(seq);
        if (seq) this.#slowDown(); // from when the server has taken it
      },
      (err) => {
        this.#outbox.settled(answer.id);
        this.#refused(err, text, target);
      },
    );
    if (!to) this.#slowDown();
    return true;
  }

  #slowDown() {
    if (this.settings.slow_mode && !this.moderates) this.composer.hold(this.settings.slow_mode * SECOND);
  }

  /**
   * @param {unknown} err
   * @param {string} text
   * @param {import("./composer.js").Target} target
   */
  #refused(err, text, target) {
    if (!(err instanceof ChatError)) throw err;
    if (!err.retryAfter) this.composer.release();
    const back = this.composer.giveBack(text, target);
    if (!back) this.#outbox.failed(text, this.reason(err), () => this.#send(text, target));
    if (back || err.retryAfter) this.complain(err);
  }

  /** Tells at the box why something was not done. @param {unknown} err */
  complain(err) {
    if (!(err instanceof ChatError)) throw err;
    this.composer.tell(this.reason(err), err.retryAfter);
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
    on("seen", ({ id, seq }) => {
      log.seen(seq);
      this.#outbox.settled(id);
    });
    on("viewers", ({ count }) => this.#showViewers(count));
    on("skipped", ({ from, to }) => log.notice(this.t.skipped(to - from + 1)));
    on("reset", ({ sameLog }) => {
      log.reset();
      log.notice(sameLog ? this.t.missed : this.t.newLog);
    });
    on("fault", (err) => this.complain(err));
    on("event", (event) => this.#happens(event));
    on("caughtup", () => (this.#replaying = false));
    on("votes", (votes) => {
      this.votes = votes;
      this.#parts.get("poll")?.then((part) => part?.count(votes));
    });
    on("reactions", ({ totals }) => this.reactionsCame(totals));
    if (this.view !== "overlay") on("whisper", (whisper) => { // the whole world sees an overlay
      log.whisper(whisper);
      this.#knows(whisper.from);
      this.#say(`${nameOf(whisper.from, this.t)} ${this.t.whispersTo(nameOf(whisper.to, this.t))}: ${whisper.text}`);
    });
  }

  /** @param {State} state */
  #stateChanged(state) {
    const { host } = this.root;
    /** @type {HTMLElement} */ (host).dataset.state = state.name;
    /** @type {HTMLElement} */ (host).dataset.transport = state.name === "live" ? this.client.transport : "";
    this.composer.enabled = state.name !== "closed";
    this.#outbox.waiting(state.name !== "live");
    if (state.name === "live") {
      this.#$("people-toggle").hidden = false;
      this.composer.hush();
    }
    this.#status.show(state);
    if (state.name === "refused") this.#join.ask({ problem: this.t.errors[state.code] ?? state.message });
  }

  /** @param {import("./protocol.js").Welcome} welcome */
  #welcomed({ room, you, settings, limits, viewers, poll }) {
    this.#isNamed(room);
    this.settings = settings ?? {};
    this.poll = poll ?? (this.poll?.type === "poll_closed" ? this.poll : null);
    this.#replaying = true;
    this.#own.add(you.id);
    this.#knows(you);
    this.composer.limit = limits?.text ?? 0;
    this.#$("me").textContent = nameOf(you, this.t);
    this.#showViewers(viewers);
    this.#showRoom();
    if (this.view === "overlay") return this.#loadEmotes();
    if (this.moderates) this.#openDesk();
    if (poll) this.#poll().then((part) => part?.open(/** @type {any} */ (poll)));
    else this.#parts.get("poll")?.then((part) => part?.none());
    this.#loadEmotes();
  }

  async #loadEmotes() {
    try {
      const emotes = await loadEmotes(this.client.url);
      const same = JSON.stringify([...emotes]) === JSON.stringify([...this.lexicon.emotes]);
      this.lexicon.emotes = emotes;
      if (!same) this.log.redraw();
    } catch {
      // Their codes can be read.
    }
  }

  /** Who may be mentioned. @param {User|undefined} user */
  #knows(user) {
    const name = user?.name?.toLowerCase();
    const { names } = this.lexicon;
    if (!name || !user) return;
    names.delete(name); // the latest stands last
    names.set(name, user);
    if (names.size > MOST_NAMES) names.delete([...names.keys()][0]);
  }

  /** Who moderates has more to do; the others need not load it. */
  #openDesk() {
    return this.#part("desk", (module) => module.default(this));
  }

  /** @param {LogEvent} event */
  #happens(event) {
    this.#knows(event.user);
    this.#happened[event.type]?.(event);
    this.log.add(event);
    for (const notice of noticeOf(event, this.t)) this.#say(notice);
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
      this.#setUnread(document.hidden ? this.unread + 1 : 0);
      this.#say(`${nameOf(event.user, this.t)}: ${event.text ?? ""}`);
    },
    announcement: (event) => this.#say(`${this.t.announcement}: ${event.text}`),
    poll: (event) => {
      this.poll = event;
      if (!this.#replaying && this.view !== "overlay") this.#poll().then((part) => part?.open(event));
    },
    poll_closed: (event) => {
      this.poll = event;
      this.#parts.get("poll")?.then((part) => part?.close(event));
    },
    deleted: ({ target }) => {
      this.log.redact(target);
      this.composer.removed((seq) => seq === target);
    },
    cleared: (event) => {
      this.log.clear(event.seq);
      this.composer.removed((seq) => seq < event.seq);
    },
    sanction: ({ user }) => {
      if (user.id === this.client.you?.id) this.composer.release(); // the server knows what holds now
    },
    settings: ({ type, seq, time, by, ...changed }) => {
      if ("slow_mode" in changed) this.composer.release();
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
    if (this.settings.pinned && this.view !== "overlay") this.#part("pinned", ({ Pinned }) => new Pinned(this));
    this.dispatchEvent(new Event("info"));
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
}
