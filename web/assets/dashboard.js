// @ts-check
/** The operators' dashboard: it asks for the key, then for the server's figures every 2 s. */
import { el, finder } from "./dom.js";
import { onAct } from "./dashboard-actions.js";
import { Api, ApiError } from "./dashboard-api.js";
import { Bans } from "./dashboard-bans.js";
import { EVERY, History } from "./dashboard-history.js";
import { RoomPanel } from "./dashboard-room.js";
import { Rooms } from "./dashboard-rooms.js";
import { Server } from "./dashboard-server.js";
import { strings as t } from "./dashboard-strings.js";
import { set } from "./dashboard-table.js";
import { drawTotals } from "./dashboard-totals.js";
import { fill } from "./strings.js";

const $ = finder(document);

/** @typedef {import("./dashboard-history.js").Status} Status */
/** @typedef {import("./dashboard-history.js").Room} Room */

const LEAST = 500; // ms between an answer and the next question
const NEWS = 60_000; // ms
const SELDOM = 5; // every so many samples, what changes seldom is read too

fill(document.documentElement, t);

/** @type {HTMLDialogElement} */ const unlock = $("unlock");
/** @type {HTMLInputElement} */ const key = $("key");

const api = new Api((err) => ask(t.keyRefused(err.message)));
const history = new History();
/** @type {Status|null} */ let status = null;
/** @type {Room[]} */ let rooms = [];
let seen = 0; // when the server last answered, by the clock
let lost = 0; // since when it does not; 0: it does
let round = 0;
let timer = 0;
let asking = false;
let newsTimer = 0;

const host = () => status?.host ?? location.host;
const bans = new Bans(api);
const panel = new RoomPanel(api, history, poll, (name) => bans.begin(name));
const table = new Rooms(history, (name) => {
  const room = rooms.find((r) => r.name === name);
  if (room) panel.open(room);
});
const server = new Server(api, host, poll, (news) => tell(news));

// The key.

/** Asks for the key. @param {string} [why] */
function ask(why = "") {
  clearTimeout(timer);
  $("unlock-why").textContent = why;
  if (!unlock.open) unlock.showModal();
  key.focus();
}

unlock.addEventListener("close", () => api.hasKey || ask($("unlock-why").textContent ?? "")); // Escape closes a dialog
onAct(/** @type {HTMLFormElement} */ ($("unlock-form")), async () => {
  try {
    await api.unlock(key.value);
  } catch (err) {
    key.select();
    throw err instanceof ApiError && err.status === 401 ? new Error(t.wrongKey(err.message)) : err;
  }
  key.value = "";
  unlock.close();
  $("bar").hidden = $("main").hidden = false;
  round = 0;
  poll();
  return "";
});
$("forget").addEventListener("click", () => location.reload()); // with the page goes all that it knows
addEventListener("pagehide", () => api.forget());
addEventListener("pageshow", (e) => e.persisted && location.reload());

// The figures.

async function poll() {
  clearTimeout(timer);
  if (document.hidden || !api.hasKey || asking) return;
  asking = true;
  const begun = performance.now();
  try {
    if (round % SELDOM === 0) {
      bans.refresh();
      server.load();
    }
    const [nextStatus, nextRooms] = await Promise.all([api.call("GET", "status"), api.call("GET", "rooms")]);
    round++;
    take(nextStatus, nextRooms);
  } catch (err) {
    fail(err);
  } finally {
    asking = false;
    if (api.hasKey) timer = window.setTimeout(poll, Math.max(LEAST, EVERY - (performance.now() - begun)));
  }
}

document.addEventListener("visibilitychange", poll);

/** @param {Status} nextStatus @param {Room[]} nextRooms */
function take(nextStatus, nextRooms) {
  const again = status !== null && status.started !== nextStatus.started;
  if (again) tell(t.restarted(Date.parse(nextStatus.started)), NEWS);
  status = nextStatus;
  rooms = nextRooms;
  seen = Date.now();
  lost = 0;
  history.add(performance.now(), status, rooms);
  showState();
  drawTotals(history, status, rooms);
  table.show(rooms);
  panel.show(rooms);
  server.show(status);
}

/** @param {unknown} err */
function fail(err) {
  if (!(err instanceof ApiError)) console.error(err); // a fault of this page
  if (!api.hasKey) return; // the key is asked for
  lost ||= Date.now();
  round = 0; // when it is back, all is read at once
  set($("lost"), t.lost(err instanceof Error ? err.message : String(err), lost, seen));
  showState();
}

function showState() {
  document.body.classList.toggle("stale", lost > 0);
  $("lost").hidden = lost === 0;
  if (lost === 0) $("lost").textContent = "";
  const [kind, words] = lost ? ["bad", t.unreachableBadge]
    : status?.draining ? ["warn", t.drainingBadge]
    : status?.accepting ? ["good", t.acceptingBadge] : ["warn", t.notAcceptingBadge];
  if (words !== $("states").textContent) $("states").replaceChildren(el("span", { className: `badge ${kind}`, textContent: words }));
  document.title = t.title(host(), lost > 0, status?.viewers ?? 0);
  set($("host"), host());
  if (status) set($("about"), t.about(status.version, (api.now() - Date.parse(status.started)) / 1000));
}

/** @param {string} news @param {number} [within] ms after which it is no news any more */
function tell(news, within) {
  clearTimeout(newsTimer);
  $("news").textContent = news;
  $("news").hidden = news === "";
  if (within) newsTimer = window.setTimeout(tell, within, "");
}

ask();
