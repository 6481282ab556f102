// @ts-check
/**
 * The page on the main port: enter a room, or open one. The API key lives in its
 * field alone: it goes out in a header, and is neither stored nor put in a URL.
 */
import { el, finder, webAddress } from "./dom.js";
import { fill, loadStrings } from "./strings.js";

/** @typedef {{name: string, port: number, viewers: number, title?: string}} OpenRoom */

const ROOM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const COPIED_FOR = 2000; // ms

const $ = finder(document);
const chat = await loadStrings(new URLSearchParams(location.search).get("lang"));
/** @type {typeof chat & ReturnType<typeof import("./landing-en.js").default>} */
const t = { ...chat, ...(await chat.more("landing")) };
fill(document.documentElement, t);
document.title = t.landingTitle;
/** @type {HTMLElement} */ (document.querySelector("main")).hidden = false; // all that it needs is here

/** @type {HTMLInputElement} */ const enterName = $("enter-name");
/** @type {HTMLInputElement} */ const createName = $("create-name");
/** @type {HTMLInputElement} */ const key = $("key");
/** @type {HTMLButtonElement} */ const createButton = $("create-button");

/** @param {string} path */
const here = (path) => new URL(path, location.href).href;
/** @param {string} name */
const roomPath = (name) => `r/${name}/`;

/** A room's own listener speaks plain HTTP beside this one. @param {number} port */
function portURL(port) {
  return `http://${location.hostname}:${port}/`;
}

/**
 * Calls the API; throws an Error whose message is for a person.
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<{status: number, data: any}>}
 */
async function call(path, options) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Error(t.unreachable);
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) {
    const words = body?.detail ?? (body?.data ? t.noMoreRooms : t.unexpected(answer.status));
    throw new Error(body?.code ? `${words} (${body.code})` : words);
  }
  return { status: answer.status, data: body?.data };
}

const withKey = () => ({ headers: { "X-API-Key": key.value } });

/** @param {string} id @param {unknown} err */
function tell(id, err) {
  $(id).textContent = err instanceof Error ? err.message : "";
}

// Entering.

$("enter").addEventListener("submit", async (e) => {
  e.preventDefault();
  const name = enterName.value.trim();
  tell("enter-problem", null);
  try {
    if (!ROOM_NAME.test(name)) throw new Error(t.badRoom);
    const answer = await fetch(roomPath(name), { headers: { Accept: "application/json" }, cache: "no-store" });
    if (answer.status === 404) throw new Error(t.noSuchRoom(name));
    location.href = roomPath(name);
  } catch (err) {
    tell("enter-problem", err instanceof TypeError ? new Error(t.unreachable) : err);
    enterName.focus();
  }
});

// Creating.

$("create").addEventListener("submit", async (e) => {
  e.preventDefault();
  const name = createName.value.trim();
  tell("create-problem", null);
  $("result").replaceChildren();
  if (!ROOM_NAME.test(name)) return complain(createName, t.badRoom);
  if (!key.value) return complain(key, t.needKey);
  createButton.disabled = true;
  createButton.textContent = t.creating;
  try {
    const { status, data } = await call(`api/v1/room/${name}`, { method: "POST", ...withKey() });
    showResult(name, data.port, status === 201);
    listRooms();
  } catch (err) {
    tell("create-problem", err);
  } finally {
    createButton.disabled = false;
    createButton.textContent = t.createButton;
  }
});

/** @param {HTMLInputElement} input @param {string} problem */
function complain(input, problem) {
  tell("create-problem", new Error(problem));
  input.focus();
}

/** @param {string} name @param {number} port @param {boolean} isNew */
function showResult(name, port, isNew) {
  const ways = [el("dt", { textContent: t.underPath }), el("dd", {}, link(here(roomPath(name))))];
  if (location.protocol === "http:") { // else a proxy ends TLS, and may not let its viewers past it
    ways.push(el("dt", { textContent: t.ownPort }), el("dd", {}, link(portURL(port))));
  }
  $("result").replaceChildren(
    el("p", { className: "good", textContent: isNew ? t.created(name) : t.existed(name) }),
    el("dl", {}, ...ways));
}

/** @param {string} href @param {string} [text] */
function link(href, text = href) {
  return el("a", { href: webAddress(href) ?? undefined, textContent: text });
}

// The same from a terminal.

function showCurl() {
  const name = createName.value.trim();
  const path = `api/v1/room/${ROOM_NAME.test(name) ? name : t.roomPlaceholder}`;
  $("curl").textContent = `curl -X POST -H "X-API-Key: $KEY" ${here(path)}`;
}
createName.addEventListener("input", showCurl);
showCurl();

$("copy").addEventListener("click", async () => {
  const text = $("curl").textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(); // the clipboard is for pages over TLS
  }
  $("copy").textContent = t.copied;
  setTimeout(() => ($("copy").textContent = t.copy), COPIED_FOR);
});

function copyBySelection() {
  getSelection()?.selectAllChildren($("curl"));
  document.execCommand("copy");
}

// The open rooms.

key.addEventListener("change", () => key.value && listRooms());
$("refresh").addEventListener("click", () => listRooms());

async function listRooms() {
  const asked = key.value;
  try {
    const { data } = await call("api/v1/rooms", withKey());
    showRooms(data);
  } catch (err) {
    if (asked !== key.value) return; // another one was typed meanwhile
    $("rooms").hidden = true;
    tell("create-problem", err);
  }
}

/** @param {OpenRoom[]} rooms */
function showRooms(rooms) {
  $("rooms").hidden = false;
  $("rooms-note").textContent = rooms.length ? "" : t.noRooms;
  $("rooms-list").replaceChildren(...rooms.map((room) => el("li", {},
    link(here(roomPath(room.name)), room.name),
    el("span", { className: "muted", dir: "auto", textContent: room.title ?? "" }),
    el("span", { className: "muted count", textContent: t.watching(room.viewers) }))));
}
