// @ts-check
/** The room's page: brings the client and the parts of the page together. */
import { ChatClient } from "./chat-client.js";
import { Composer } from "./composer.js";
import { $, memory, preview } from "./dom.js";
import { LogView } from "./log-view.js";
import { noticeOf } from "./notices.js";
import { People } from "./people.js";
import { ChatError } from "./protocol.js";
import { fill, strings as t } from "./strings.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").State} State */
/** @typedef {string|(() => string|Promise<string>)} Token */

const NAME = "chat.name";
const LONGEST_NAME = 25; // characters
const SHARED_STATE = "./"; // the room's public state stands where its page does

fill(document);

/** @type {Token} of the user; empty: a guest */
let token = takeToken();
// The page's address is the room's: at its own port, or under a path of another.
const client = new ChatClient({ url: "./" });
const log = new LogView({
  scroller: $("scroller"),
  list: $("log"),
  unsent: $("unsent"),
  jump: $("jump"),
  onReply: (event) => composer.answer(event),
  onLeave: () => composer.focus(),
});
const composer = new Composer({ onSend: send, onUp: () => log.focusNewest() });
const people = new People(client);

let roomName = "";
let askedFor = "";
/** @type {Record<string, any>} */
let settings = {};
let unread = 0;
let wasLive = false;

/**
 * The token that the page was given, by whoever shows it in `globalThis.chatToken`, or
 * behind # in its address. It is not left there.
 * @returns {Token}
 */
function takeToken() {
  const page = /** @type {{chatToken?: Token}} */ (globalThis);
  const property = page.chatToken;
  delete page.chatToken;
  const fragment = new URLSearchParams(location.hash.slice(1));
  const address = fragment.get("token");
  if (address === null) return property ?? "";
  fragment.delete("token");
  const rest = fragment.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest && `#${rest}`));
  return address;
}

/** The room also stands under a path of the main port, where the page is not there already. */
function setFallback() {
  const main = /** @type {HTMLMetaElement} */ (document.querySelector('meta[name="main"]')).content;
  if (!main || location.protocol !== "http:" || new URL(main).origin === location.origin) return;
  client.fallback = [`${main}r/${roomName}/`];
}

async function readState() {
  try {
    const answer = await fetch(SHARED_STATE, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (!answer.ok) return;
    const { data } = await answer.json();
    roomName = data.name;
    setFallback();
    if (client.state.name === "live") return; // the welcome knows better
    settings = data.settings ?? {};
    showRoom();
    showViewers(data.viewers);
  } catch {
    // The page works without; the connection will tell what is wrong.
  }
}

// Getting in.

/** @type {HTMLInputElement} */
const nameBox = $("name");

function askName(problem = "") {
  $("join").hidden = false;
  $("chat").hidden = true;
  $("join-cancel").hidden = client.state.name !== "live";
  $("name-problem").textContent = problem;
  nameBox.setAttribute("aria-invalid", String(problem !== ""));
  nameBox.focus();
  nameBox.select();
}

function showChat() {
  $("join").hidden = true;
  $("chat").hidden = false;
  composer.focus();
}

/** @param {string} name */
function enter(name) {
  if (client.state.name !== "live" || name !== askedFor) client.connect({ name, token });
  askedFor = name;
  showChat();
}

/** A token says who one is. */
function enterByToken() {
  $("rename").hidden = true;
  client.connect({ name: "", token });
  showChat();
}

addEventListener("hashchange", () => {
  const given = takeToken();
  if (!given) return;
  token = given;
  enterByToken();
});

$("join-form").addEventListener("submit", (e) => {
  e.preventDefault();
  const name = nameBox.value.trim();
  if ([...name].length > LONGEST_NAME) return askName(t.nameTooLong(LONGEST_NAME));
  memory.set(NAME, name);
  enter(name);
});
$("join-cancel").addEventListener("click", showChat);
$("rename").addEventListener("click", () => askName());
$("retry").addEventListener("click", () => (token ? enterByToken() : enter(nameBox.value.trim())));

// Speaking.

/**
 * @param {string} text
 * @param {number} [replyTo]
 */
function send(text, replyTo) {
  if (client.state.name !== "live") {
    composer.tell(t.errors.offline);
    return false;
  }
  const answer = client.message(text, { replyTo });
  log.sending(answer.id, text);
  answer.then(
    ({ seq }) => log.sent(answer.id, seq),
    (err) => {
      log.sent(answer.id);
      refused(err, text, replyTo);
    },
  );
  return true;
}

/**
 * @param {unknown} err
 * @param {string} text
 * @param {number} [replyTo]
 */
function refused(err, text, replyTo) {
  if (!(err instanceof ChatError)) throw err;
  const reason = t.errors[err.code] ?? (err.message || t.otherError);
  const back = composer.giveBack(text);
  if (!back) log.failed(text, reason, () => send(text, replyTo));
  if (back || err.retryAfter) composer.tell(reason, err.retryAfter);
}

// Hearing.

client.addEventListener("welcome", (e) => {
  const welcome = /** @type {CustomEvent<import("./protocol.js").Welcome>} */ (e).detail;
  roomName = welcome.room;
  settings = welcome.settings ?? {};
  setFallback();
  log.iAm(welcome.you);
  log.replaying(true);
  composer.limit = welcome.limits?.text ?? 0;
  $("me").textContent = welcome.you.name ?? "";
  showRoom();
  showViewers(welcome.viewers);
});

on("caughtup", () => log.replaying(false));
on("seen", ({ id, seq }) => log.seen(id, seq));
on("viewers", ({ count }) => {
  showViewers(count);
  people.changed();
});
on("skipped", ({ from, to }) => log.notice(t.skipped(to - from + 1)));
on("reset", ({ sameLog }) => {
  log.reset();
  log.notice(sameLog ? t.missed : t.newLog);
});
on("fault", (err) => composer.tell(t.errors[err.code] ?? (err.message || t.otherError), err.retryAfter));
on("event", (/** @type {LogEvent} */ event) => {
  happened[event.type]?.(event);
  for (const notice of noticeOf(event)) log.notice(notice);
  showPinned();
});
on("caughtup", showPinned);
on("whisper", (whisper) => noticeOf(whisper).forEach((notice) => log.notice(notice)));

/**
 * What kinds of events do to the page beside what they say in words.
 * @type {Record<string, (event: any) => void>}
 */
const happened = {
  message(event) {
    log.add(event);
    showUnread(document.hidden ? unread + 1 : 0);
  },
  announcement: (event) => log.add(event),
  deleted(event) {
    log.redact(event.target);
    composer.removed((seq) => seq === event.target);
  },
  cleared(event) {
    log.clear(event.seq);
    composer.removed((seq) => seq < event.seq);
  },
  settings(event) {
    const { type, seq, time, by, ...changed } = event;
    settings = { ...settings, ...changed };
    showRoom();
  },
};

/**
 * @param {string} type
 * @param {(detail: any) => void} handle
 */
function on(type, handle) {
  client.addEventListener(type, (e) => handle(/** @type {CustomEvent} */ (e).detail));
}

// Showing.

function showRoom() {
  $("title").textContent = settings.title || roomName || t.chat;
  $("room-name").textContent = settings.title ? roomName : "";
  const modes = Object.entries(t.modes).filter(([key]) => settings[key]);
  $("modes").textContent = modes.map(([key, tell]) => /** @type {(v: any) => string} */ (tell)(settings[key])).join(" · ");
  showUnread(unread);
  showPinned();
}

function showPinned() {
  const pinned = settings.pinned ? log.message(settings.pinned) : null;
  $("pinned").hidden = !settings.pinned || pinned?.redacted === true;
  $("pinned-text").textContent = pinned && !pinned.redacted ? t.pinnedText(pinned.user?.name ?? "", preview(pinned.text ?? "")) : t.earlierMessage;
}

/** @param {number} count */
function showViewers(count) {
  $("viewers").textContent = t.number(count);
  $("people-toggle").setAttribute("aria-label", t.peopleLabel(count));
  $("watching").textContent = count ? t.watching(count) : "";
}

/** @param {number} n */
function showUnread(n) {
  unread = n;
  document.title = t.pageTitle(settings.title || roomName || t.chat, n);
}
document.addEventListener("visibilitychange", () => showUnread(0));

/** @type {ReturnType<typeof setInterval>|undefined} */
let countdown;

on("state", (/** @type {State} */ state) => {
  clearInterval(countdown);
  document.body.dataset.state = state.name;
  document.body.dataset.transport = state.name === "live" ? client.transport : "";
  composer.enabled = state.name !== "closed";
  log.waiting(state.name !== "live");
  $("retry").hidden = state.name !== "closed" && state.name !== "waiting";
  $("retry").textContent = state.name === "closed" ? t.joinAgain : t.retryNow;
  showState[state.name](state);
});

/** @type {Record<State["name"], (state: State) => void>} */
const showState = {
  idle: () => tellState(t.notJoined, ""),
  connecting: () => tellState(wasLive ? t.reconnecting : t.connecting, $("why").textContent ?? ""),
  live() {
    tellState(t.live, "");
    if (wasLive) $("spoken").textContent = t.reconnected;
    wasLive = true;
    $("people-toggle").hidden = false;
    composer.hush();
    people.changed();
  },
  waiting({ reason, until = 0 }) {
    const show = () => tellState(t.reconnectingIn(Math.max(0, Math.ceil((until - Date.now()) / 1000))), t.waits[reason ?? ""] ?? t.waits.lost);
    show();
    countdown = setInterval(show, 250);
  },
  refused({ message }) {
    tellState(t.notJoined, "");
    askName(message);
  },
  closed({ reason = "", message }) {
    const why = token && reason === "unauthorized" ? t.tokenRefused : t.closed[reason];
    tellState(t.closedState, why ?? (message || t.closed.other));
  },
};

/** @param {string} state @param {string} why */
function tellState(state, why) {
  $("state").textContent = state;
  if ($("why").textContent !== why) $("why").textContent = why;
  $("banner").hidden = why === "";
}

tellState(t.notJoined, "");
document.body.dataset.state = "idle";
showRoom();
readState();

const remembered = memory.get(NAME);
nameBox.value = remembered ?? "";
if (token) enterByToken();
else if (remembered === null) askName();
else enter(remembered);
