// @ts-check
/**
 * The room's page: a chat, and what belongs to the page around it. Its address may say
 * `?view=chat` (the chat alone), `?view=overlay` (for streaming software), `?lang=…` and
 * `?theme=…`, and give a token behind #.
 */
import "./chat-room.js";
import { el } from "./dom.js";
import { load } from "./loader.js";

/** @typedef {import("./chat-room.js").ChatRoom} ChatRoom */
/** @typedef {import("./stream-player.js").StreamPlayer} StreamPlayer */
/** @typedef {import("./room.js").Token} Token */

const chat = /** @type {ChatRoom} */ (document.querySelector("chat-room"));
const player = /** @type {StreamPlayer} */ (document.querySelector("stream-player"));
const asked = new URLSearchParams(location.search);
const main = /** @type {HTMLMetaElement} */ (document.querySelector('meta[name="main"]')).content;
const view = asked.get("view") ?? "full";
let title = "";
let unread = 0;
let stream = "";
/** @type {Promise<unknown>|undefined} */ let sheet;

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

function showTitle() {
  const { strings } = chat;
  if (!strings) return;
  document.title = strings.pageTitle(title, unread);
  /** @type {HTMLElement} */ (document.querySelector("h1")).textContent = title;
  document.documentElement.lang = strings.lang;
  document.documentElement.dir = strings.dir;
}

/** Has the style sheet of the player, once. */
function styled() {
  sheet ??= new Promise((done) => {
    const link = el("link", { rel: "stylesheet", href: new URL("stream-player.css", import.meta.url).href, onload: done, onerror: done });
    document.head.append(link);
  });
  return sheet;
}

/** Shows the room's stream beside the chat. What plays it is loaded once there is one. */
async function showStream() {
  if (view !== "full" || (!stream && player.hidden)) return;
  const [texts] = await Promise.all([chat.strings?.more("stream"), load("stream-player"), styled()]);
  player.texts = texts ?? null;
  player.src = stream; // the newest, also if there were others meanwhile
}

/**
 * @param {string} type
 * @param {(detail: any) => void} handle
 */
function on(type, handle) {
  chat.addEventListener(`chat-${type}`, (e) => handle(/** @type {CustomEvent} */ (e).detail));
}

on("info", (info) => {
  title = info.title;
  stream = info.settings.stream_url ?? "";
  showTitle();
  showStream().catch(() => {}); // the chat goes on without; the next news of the room try again
});
on("unread", ({ count }) => {
  unread = count;
  showTitle();
});

addEventListener("hashchange", () => {
  const token = takeToken();
  if (token) chat.token = token;
});

document.body.dataset.view = view;
chat.token = takeToken();
for (const attribute of ["view", "lang", "theme"]) {
  const value = asked.get(attribute);
  if (value) chat.setAttribute(attribute, value);
}
// A page of a room's own port knows where else the room is to be found.
if (main && location.protocol === "http:" && new URL(main).origin !== location.origin) chat.setAttribute("main", main);
chat.setAttribute("room", "./"); // the page's address is the room's
