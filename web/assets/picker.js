// @ts-check
/** A small choice of emoji, and the emotes of the room. */
import { el } from "./dom.js";
import { arrows, popUp } from "./popup.js";
import { makeEmote } from "./rich-text.js";

const EMOJI = "👍 ❤️ 😂 🎉 😮 😢 🔥 👏 🙏 👀 💯 🤔 😀 😅 😍 😎 🥳 😴 😡 🤯 👋 💪 🙌 ✨ ⭐ ✅ ❌ ❓ ☕ 🍕 🐱 🐶".split(" ");

/**
 * Opens it beside a button.
 * @param {object} parts
 * @param {HTMLElement} parts.frame positioned: it stays within
 * @param {HTMLElement} parts.button
 * @param {string} parts.label
 * @param {Map<string, string>} parts.emotes addresses of pictures, by code
 * @param {(emoji: string) => void} parts.onPick an emoji, or the code of an emote
 */
export function openPicker({ frame, button, label, emotes, onPick }) {
  const pick = (/** @type {string} */ emoji) => {
    close();
    onPick(emoji);
  };
  const make = (/** @type {string} */ emoji, /** @type {Node|string} */ face) =>
    el("button", { type: "button", tabIndex: -1, title: face === emoji ? undefined : emoji, onclick: () => pick(emoji) }, face);
  const node = el("div", { className: "popup picker", part: "picker", role: "group", aria: { label } },
    ...EMOJI.map((emoji) => make(emoji, emoji)),
    ...[...emotes].map(([code, picture]) => make(code, makeEmote(code, picture))));
  arrows(node, () => getComputedStyle(node).gridTemplateColumns.split(" ").length);
  const close = popUp(frame, button, node);
}
