// @ts-check
/** What events say in words, in lines of their own between the messages. */

/** @typedef {import("./protocol.js").User} User */
/** @typedef {import("./strings.js").Strings} Strings */

/**
 * The lines for an event; none for what is shown otherwise, or not known.
 * @param {Record<string, any>} event
 * @param {Strings} t
 * @returns {string[]}
 */
export function noticeOf(event, t) {
  return words[event.type]?.(event, t) ?? [];
}

/** @type {Record<string, (event: Record<string, any>, t: Strings) => string[]>} */
const words = {
  cleared: ({ by }, t) => [t.cleared(by?.name ?? "")],
  settings: (event, t) => Object.entries(t.settings)
    .filter(([key]) => key in event)
    .map(([key, tell]) => /** @type {(v: any) => string} */ (tell)(event[key])),
  sanction: ({ kind, user, by, until, reason }, t) =>
    (t.sanction[kind] ? [t.sanction[kind](nameOf(user, t), by?.name ?? "", until, reason ?? "")] : []),
  poll: ({ question, options }, t) => [t.poll(question, options ?? [])],
  poll_closed: ({ question, options, votes }, t) => [t.pollClosed(question, options ?? [], votes ?? [])],
  tip: ({ user, amount, currency, text }, t) => [t.tip(nameOf(user, t), amount, currency, text ?? "")],
};

/** @param {User|undefined} user @param {Strings} t */
export function nameOf(user, t) {
  return user?.name || (user?.role === "platform" ? t.platformName : user?.id) || t.somebody;
}
