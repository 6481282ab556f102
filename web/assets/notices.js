// @ts-check
/** What events say in words, in lines of their own between the messages. */
import { strings as t } from "./strings.js";

/** @typedef {import("./protocol.js").User} User */

/**
 * The lines for an event; none for what is shown otherwise, or not known.
 * @param {Record<string, any>} event
 * @returns {string[]}
 */
export function noticeOf(event) {
  return words[event.type]?.(event) ?? [];
}

/** @type {Record<string, (event: Record<string, any>) => string[]>} */
const words = {
  cleared: ({ by }) => [t.cleared(by?.name ?? "")],
  settings: (event) => Object.entries(t.settings)
    .filter(([key]) => key in event)
    .map(([key, tell]) => /** @type {(v: any) => string} */ (tell)(event[key])),
  sanction: ({ kind, user, by, until, reason }) => (t.sanction[kind] ? [t.sanction[kind](nameOf(user), by?.name ?? "", until, reason ?? "")] : []),
  poll: ({ question, options }) => [t.poll(question, options ?? [])],
  poll_closed: ({ question, options, votes }) => [t.pollClosed(question, options ?? [], votes ?? [])],
  tip: ({ user, amount, currency, text }) => [t.tip(nameOf(user), amount, currency, text ?? "")],
  whisper: ({ from, to, text }) => [t.whisper(nameOf(from), nameOf(to), text)],
};

/** @param {User} [user] */
function nameOf(user) {
  return user?.name || user?.id || t.somebody;
}
