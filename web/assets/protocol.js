// @ts-check
/**
 * The words of the chat protocol and the rules that follow from them, as types and
 * pure functions.
 */
import { told } from "./backoff.js";

/** @typedef {{id: string, name?: string, role?: string, member?: boolean}} User */

/**
 * An event of the room's log. Fields beyond the first three depend on `type`; see
 * docs/protocol.md.
 * @typedef {object} LogEvent
 * @property {string} type message, deleted, cleared, sanction, settings, announcement,
 *   poll, poll_closed, tip, or one that this client does not know
 * @property {number} seq
 * @property {number} time Unix milliseconds
 * @property {User} [user] who said it, or whom it is about
 * @property {User} [by] who did it
 * @property {string} [text]
 * @property {boolean} [redacted] the text was removed
 * @property {number} [reply_to]
 * @property {number} [target] the seq of what was deleted
 * @property {string} [scope]
 * @property {User} [to] of a whisper
 */

/**
 * What a user may send; 0 is no limit.
 * @typedef {{text: number, bytes: number, messages: number, window: number}} Limits
 */

/**
 * @typedef {object} Welcome
 * @property {string} room
 * @property {string} epoch names this life of the log
 * @property {number} seq the newest event
 * @property {User} you
 * @property {Record<string, any>} settings
 * @property {number} viewers
 * @property {Limits} limits
 * @property {boolean} [gap] the events after `since` are gone
 * @property {Record<string, any>} [poll] the event of the poll that is open
 */

/** @typedef {{reason?: string, reconnect_after?: number}} Closing */

/**
 * - `idle`: nobody has called `connect`, or `leave` was called
 * - `connecting`: a connection is being made
 * - `live`: the server has welcomed this client
 * - `waiting`: the next attempt comes at `until` (Unix milliseconds)
 * - `refused`: the server did not take the name (`code`, `message`); `connect` again
 * - `closed`: the server does not want this client back; `connect` tries anyway
 *
 * @typedef {object} State
 * @property {"idle"|"connecting"|"live"|"waiting"|"refused"|"closed"} name
 * @property {string} [reason] a word of the protocol: shutdown, room_closed, banned, …
 * @property {number} [until]
 * @property {string} [code]
 * @property {string} [message] the server's words, for a person
 */

/** Why a command failed: the protocol's `error`, or a code of this client. */
export class ChatError extends Error {
  /**
   * @param {string} code a code of the protocol, or: `offline` (not sent),
   *   `not_sent` (was on its way and did not arrive), `unsure` (may have
   *   arrived), `no_answer`
   * @param {string} [message] the server's words, for a person
   * @param {number} [retryAfter] milliseconds
   */
  constructor(code, message = "", retryAfter = 0) {
    super(message);
    this.name = "ChatError";
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** What a close code says when no `closing` came before it. */
const REASONS = new Map([
  [1001, "restart"],
  [4001, "too_slow"],
  [4002, "full"],
  [4003, "flooding"],
  [4500, "no_join"],
  [4501, "unauthorized"],
  [4502, "banned"],
  [4503, "removed"],
  [4504, "room_closed"],
  [4505, "replaced"],
  [4506, "credit"],
]);

/** Closes that one of our own commands brought about: repeating it would again. */
const OUR_FAULT = new Set([1002, 1003, 1007, 1008, 1009, 4003]);

/**
 * Why a connection ended, in a word.
 * @param {number} code
 * @param {Closing|null} closing
 */
export function reasonOf(code, closing) {
  return closing?.reason ?? REASONS.get(code) ?? "lost";
}

/** Whether a command of ours may be the cause. @param {number} code */
export function isOurFault(code) {
  return OUR_FAULT.has(code);
}

/** Whether a chat server has chosen this close code, and not the network. @param {number} code */
export function byTheProtocol(code) {
  return code === 1001 || OUR_FAULT.has(code) || code >= 4000;
}

/**
 * Whether to come back after a close, and after how long where the server said.
 * The code decides where it is one of the protocol's; else the `closing` that
 * came before it; else it was an accident.
 * @param {number} code
 * @param {Closing|null} closing
 * @returns {{back: boolean, after?: number}}
 */
export function verdict(code, closing) {
  if (code >= 4500 && code <= 4999) return { back: false };
  const after = told(closing?.reconnect_after);
  const decided = code === 1001 || (code >= 4000 && code <= 4499);
  return { back: decided || !closing || after !== undefined, after };
}

/** The text as the server will keep it. @param {string} text */
export function normalize(text) {
  return text.replace(/\r\n?/g, "\n").trim();
}

/**
 * Whether `seen` is what became of `sent`; the server may have masked words.
 * @param {string} sent
 * @param {string} seen
 */
export function sameText(sent, seen) {
  if (sent === seen) return true;
  const a = [...sent];
  const b = [...seen];
  return a.length === b.length && b.every((c, i) => c === a[i] || c === "*");
}

/** How large a command is on the wire. @param {object} command */
export function byteLength(command) {
  return new TextEncoder().encode(JSON.stringify(command)).length;
}

/** What a line says, if it is an object. @param {string} line @returns {Record<string, any>|null} */
export function parse(line) {
  try {
    const value = JSON.parse(line);
    return value !== null && typeof value === "object" ? value : null;
  } catch {
    return null; // not ours to judge: the next line may be good
  }
}
