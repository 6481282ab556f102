// @ts-check
/** What a moderator can do with a message and with whom it is of: by menu and by key. */
import { durationField, el, field, presets } from "./desk-dom.js";
import { ask } from "./desk-sheet.js";
import { memory } from "./dom.js";
import { nameOf } from "./notices.js";

/** @typedef {import("./desk.js").Desk} Desk */
/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").User} User */

const TIMES = [60, 600, 3600, 86_400]; // s
const USUAL_TIME = 600; // s
const LONGEST_TIME = 1_209_600; // s
const LONGEST_REASON = 500; // characters
const REASONS = "chat.reasons";
const MOST_REASONS = 4;

/** What a key does with the message that is chosen. */
const KEYS = new Map([["Delete", "remove"], ["p", "pin"], ["t", "timeout"], ["b", "ban"], ["l", "lift"]]);

/** Adds the acts to the menus. @param {Desk} desk */
export function offerActs(desk) {
  const { room, words, ledger } = desk;
  const isMessage = (/** @type {LogEvent} */ { type }) => desk.moderates && type === "message";
  room.messageActions.add({
    id: "pin",
    label: ({ seq }) => (room.settings.pinned === seq ? words.unpin : words.pin),
    when: isMessage,
    run: ({ seq }) => pin(desk, seq),
  });
  room.messageActions.add({ id: "remove", grave: true, label: () => room.t.removeMessage, when: isMessage, run: (event) => remove(desk, event) });
  const acts = [
    { id: "timeout", grave: true, label: words.timeout, when: () => true, run: askTimeout },
    { id: "ban", grave: true, label: words.ban, when: () => true, run: askBan },
    { id: "lift", grave: false, label: words.lift, when: (/** @type {User} */ { id }) => ledger.sanctionOf(id) !== null, run: lift },
  ];
  for (const { id, grave, label, when, run } of acts) {
    const may = (/** @type {User|undefined} */ user) => !!user && desk.maySanction(user) && when(user);
    room.userActions.add({ id, grave, label: () => label, when: may, run: (user, button) => run(desk, user, () => button) });
    room.messageActions.add({
      id, grave, label: () => label, when: ({ user }) => may(user), run: ({ user, seq }) => user && run(desk, user, () => rowOf(desk, seq)),
    });
  }
  room.userActions.add({ id: "acts", label: () => words.showActs, when: () => desk.moderates, run: (user) => desk.showActsOf(user) });
  listenForKeys(desk);
}

/** @param {Desk} desk */
function listenForKeys({ room, toasts }) {
  room.root.getElementById("log")?.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    const row = /** @type {HTMLElement|null} */ (/** @type {Element} */ (e.target).closest(".row"));
    const event = row && room.log.eventOf(row);
    const act = event && room.messageActions.for(event).find(({ id }) => id === KEYS.get(key));
    if (act) act.run(event, row);
    else if (key !== "u" || !toasts.undo()) return;
    e.preventDefault();
  }, { signal: room.signal });
}

/** @param {Desk} desk @param {LogEvent} event */
async function remove(desk, { seq, user }) {
  await desk.act(() => desk.client.delete(seq), desk.words.removed(nameOf(user, desk.room.t)));
  // Its row was drawn anew: who was there by keyboard still is.
  requestAnimationFrame(() => desk.room.root.activeElement || rowOf(desk, seq)?.focus());
}

/** @param {Desk} desk @param {number} seq @returns {HTMLElement|null} */
function rowOf({ room }, seq) {
  return room.root.querySelector(`.row[data-seq="${seq}"]`);
}

/** Pins a message, or takes its pin away. @param {Desk} desk @param {number} seq */
function pin(desk, seq) {
  const before = desk.room.settings.pinned ?? null;
  const set = (/** @type {number|null} */ pinned) => () => desk.client.set({ pinned });
  if (before === seq) desk.act(set(null), desk.words.unpinned, set(seq));
  else desk.act(set(seq), desk.words.pinned, set(before));
}

/** @param {Desk} desk @param {User} user @param {() => HTMLElement|null} from */
function askTimeout(desk, user, from) {
  const { words, room: { t } } = desk;
  const name = nameOf(user, t);
  const time = durationField(words, { label: words.howLong, choices: TIMES, chosen: USUAL_TIME, most: LONGEST_TIME });
  const reason = reasonField(words);
  const before = desk.ledger.sanctionOf(user.id);
  ask(desk, from, {
    heading: words.timeoutHeading(name), about: words.timeoutAbout, fields: [time.node, ...reason.nodes], submit: words.timeoutButton, grave: true,
    run: async () => {
      const seconds = time.read();
      const why = seconds ? reason.read() : null;
      if (why === null) return false;
      return desk.act(() => desk.client.timeout(user.id, seconds, why), t.sanction.timeout(name, "", Date.now() + seconds * 1000, ""), () => restore(desk, user, before));
    },
  });
}

/** @param {Desk} desk @param {User} user @param {() => HTMLElement|null} from */
function askBan(desk, user, from) {
  const { words, room: { t } } = desk;
  const name = nameOf(user, t);
  const reason = reasonField(words);
  const before = desk.ledger.sanctionOf(user.id);
  ask(desk, from, {
    heading: words.banHeading(name), about: words.banAbout, fields: reason.nodes, submit: words.banButton, grave: true,
    run: async () => {
      const why = reason.read();
      if (why === null) return false;
      return desk.act(() => desk.client.ban(user.id, why), t.sanction.ban(name, "", 0, ""), () => restore(desk, user, before));
    },
  });
}

/** Takes back a timeout or a ban, which can be set again. @param {Desk} desk @param {User} user */
export function lift(desk, user) {
  const { client, ledger, room: { t } } = desk;
  const before = ledger.sanctionOf(user.id);
  return desk.act(() => client.unban(user.id), t.sanction.unban(nameOf(user, t), "", 0, ""), before ? () => impose(desk, user, before) : undefined);
}

/** Sanctions somebody as before. @param {Desk} desk @param {User} user @param {import("./desk-ledger.js").Act} sanction */
function impose({ client }, user, { until, reason }) {
  return until ? client.timeout(user.id, Math.max(1, Math.round((until - Date.now()) / 1000)), reason) : client.ban(user.id, reason);
}

/**
 * Takes back what somebody has now, and leaves what they had before.
 * @param {Desk} desk @param {User} user @param {import("./desk-ledger.js").Act|null} before
 */
async function restore(desk, user, before) {
  await desk.client.unban(user.id);
  if (before && !(before.until <= Date.now())) await impose(desk, user, before);
}

/**
 * Why somebody is sanctioned, with what was said before.
 * @param {import("./desk.js").Words} words
 */
function reasonField(words) {
  const known = readReasons();
  const { node, input, complain } = field(el("input", { type: "text", className: "reason", enterKeyHint: "done" }), words.reason, words.reasonHint);
  return {
    nodes: [node, ...(known.length ? [presets(words.reasonsBefore, known.map((reason) => [reason, reason]), input)] : [])],
    /** What was typed; null: it will not do, which is told. */
    read() {
      const reason = input.value.trim();
      const over = [...reason].length > LONGEST_REASON;
      complain(over ? words.tooLong(LONGEST_REASON) : "");
      if (over) return null;
      if (reason) memory.set(REASONS, JSON.stringify([reason, ...known.filter((other) => other !== reason)].slice(0, MOST_REASONS)));
      return reason;
    },
  };
}

/** @returns {string[]} the newest first */
function readReasons() {
  try {
    const kept = JSON.parse(memory.get(REASONS) ?? "[]");
    return Array.isArray(kept) ? kept.filter((reason) => typeof reason === "string").slice(0, MOST_REASONS) : [];
  } catch {
    return [];
  }
}
