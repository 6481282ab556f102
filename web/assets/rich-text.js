// @ts-check
/**
 * The text of a message with its web addresses as links, its emotes as pictures and the
 * people it names set off. Whatever came from outside is set as text.
 */
import { el, webAddress } from "./dom.js";

/** @typedef {import("./protocol.js").User} User */

/**
 * What may stand in a text.
 * @typedef {object} Lexicon
 * @property {Map<string, string>} emotes addresses of pictures, by code
 * @property {Map<string, User>} names who may be meant, by name in lower case
 * @property {(user: User) => boolean} isMe
 */

const LINK_OR_NAME = /https?:\/\/[^\s<>"'\x60]+|@/giu;
const TRAILING = /[.,;:!?…)\]}*_]+$/u;
const WORD = /[\p{L}\p{N}_]/u;
const LONGEST_NAME = 25; // characters

/**
 * @param {string} text
 * @param {Lexicon} lexicon
 */
export function richText(text, lexicon) {
  const out = document.createDocumentFragment();
  let plain = "";
  for (const part of lexicon.emotes.size ? text.split(/(\s+)/u) : [text]) {
    const picture = lexicon.emotes.get(part);
    if (!picture) {
      plain += part;
      continue;
    }
    linksAndNames(out, plain, lexicon);
    out.append(makeEmote(part, picture));
    plain = "";
  }
  linksAndNames(out, plain, lexicon);
  return out;
}

/** @param {string} code @param {string} picture */
export function makeEmote(code, picture) {
  return el("img", { className: "emote", part: "emote", alt: code, title: code, loading: "lazy", decoding: "async", referrerPolicy: "no-referrer", src: picture });
}

/** @param {DocumentFragment} out @param {string} text @param {Lexicon} lexicon */
function linksAndNames(out, text, lexicon) {
  let end = 0;
  for (const { 0: found, index } of text.matchAll(LINK_OR_NAME)) {
    const made = index < end ? null : found === "@" ? makeMention(text, index, lexicon) : makeLink(found);
    if (!made) continue;
    out.append(text.slice(end, index), made);
    end = index + (made.textContent ?? "").length;
  }
  out.append(text.slice(end));
}

/**
 * Only http and https; an address with a user name in it is left as text, for it is
 * mostly there to deceive.
 * @param {string} found
 */
function makeLink(found) {
  const address = trimAddress(found);
  const href = webAddress(address);
  return href && el("a", { href, rel: "noopener noreferrer nofollow", target: "_blank", tabIndex: -1, textContent: address });
}

/** Without the punctuation that ends the sentence around it. @param {string} address */
function trimAddress(address) {
  const trimmed = address.replace(TRAILING, "");
  // A bracket that the address itself opened belongs to it.
  return address[trimmed.length] === ")" && trimmed.includes("(") ? address.slice(0, trimmed.length + 1) : trimmed;
}

/** The longest name that stands behind the sign for it. @param {string} text @param {number} at @param {Lexicon} lexicon */
function makeMention(text, at, { names, isMe }) {
  if (WORD.test(text[at - 1] ?? "")) return null; // a mail address
  for (let end = Math.min(text.length, at + 1 + LONGEST_NAME); end > at + 1; end--) {
    const user = names.get(text.slice(at + 1, end).toLowerCase());
    if (user && !WORD.test(text[end] ?? "")) {
      return el("span", { className: isMe(user) ? "mention me" : "mention", part: "mention", textContent: text.slice(at, end) });
    }
  }
  return null;
}
