// @ts-check
/** Makes what stands in the list of messages: a message, an announcement, a notice. */
import { colour, el, initial, preview } from "./dom.js";
import { nameOf } from "./notices.js";
import { richText } from "./rich-text.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./protocol.js").User} User */
/** @typedef {import("./rich-text.js").Lexicon} Lexicon */
/** @typedef {import("./strings.js").Strings} Strings */

/** @param {string} text */
export function makeNotice(text) {
  return el("p", { className: "notice", part: "notice", textContent: text });
}

/** @param {LogEvent} event @param {Lexicon} lexicon @param {Strings} t */
export function makeAnnouncement(event, lexicon, t) {
  return el("div", { className: "announcement", part: "announcement", tabIndex: -1 },
    el("p", { className: "head" },
      el("strong", { textContent: event.scope === "global" ? t.announcementAll : t.announcement }),
      event.by?.name ? el("span", { className: "name", dir: "auto", textContent: event.by.name }) : null,
      makeTime(event.time, t)),
    makeText(event.text ?? "", lexicon));
}

/**
 * @param {LogEvent} event a message, or a whisper
 * @param {LogEvent|undefined} parent what it answers, if that is known
 * @param {Lexicon} lexicon
 * @param {Strings} t
 */
export function makeMessage(event, parent, lexicon, t) {
  const user = event.user ?? { id: "" };
  const row = el("div", { className: "row", part: "message", tabIndex: -1, dataset: { seq: String(event.seq) } },
    colour(el("span", { className: "avatar", part: "avatar", aria: { hidden: "true" }, textContent: initial(nameOf(user, t)) }), user.id),
    el("p", { className: "head" }, makeName(user, t), ...makeBadges(user, t),
      event.to ? el("span", { className: "muted", textContent: t.whispersTo(lexicon.isMe(event.to) ? t.you : nameOf(event.to, t)) }) : null,
      makeTime(event.time, t)),
    event.reply_to && !event.redacted ? makeQuote(event.reply_to, parent, t) : null,
    event.redacted
      ? el("p", { className: "text removed", part: "text", textContent: t.removed })
      : makeText(event.text ?? "", lexicon));
  const mine = lexicon.isMe(user);
  const names = row.querySelector(".mention.me") || event.to || (parent?.user && lexicon.isMe(parent.user));
  row.classList.toggle("own", mine);
  row.classList.toggle("for-me", !mine && !event.redacted && !!names);
  return row;
}

/** @param {string} text @param {Lexicon} lexicon */
function makeText(text, lexicon) {
  return el("p", { className: "text", part: "text", dir: "auto" }, richText(text, lexicon));
}

/**
 * The badges of a user's roles.
 * @param {User} user
 * @param {Strings} t
 */
export function makeBadges(user, t) {
  return [user.role, user.member ? "member" : ""].filter((b) => b && t.roles[b])
    .map((b) => el("span", { className: `badge ${b}`, part: `badge badge-${b}`, textContent: t.roles[/** @type {string} */ (b)] }));
}

/** @param {User} user @param {Strings} t */
export function makeName(user, t) {
  return colour(el("span", { className: "name", part: "name", dir: "auto", textContent: nameOf(user, t) }), user.id);
}

/** @param {number} ms @param {Strings} t */
function makeTime(ms, t) {
  const date = new Date(ms);
  const valid = !Number.isNaN(date.getTime());
  return el("time", valid ? { dateTime: date.toISOString(), title: t.fullTime(ms), textContent: t.time(ms) } : {});
}

/** @param {number} seq @param {LogEvent|undefined} parent @param {Strings} t */
function makeQuote(seq, parent, t) {
  return el("button", { type: "button", className: "quote", part: "quote", tabIndex: -1, title: t.showOriginal, dataset: { to: String(seq) } },
    parent?.user ? makeName(parent.user, t) : null,
    " ",
    el("span", { dir: "auto", textContent: parent ? (parent.redacted ? t.removed : preview(parent.text ?? "")) : t.earlierMessage }));
}
