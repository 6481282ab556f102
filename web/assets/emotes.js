// @ts-check
/** The pictures that a room has for some words. */
import { webAddress } from "./dom.js";

/**
 * Asks for them; an empty map where there are none. Only what a page may show is taken:
 * no other protocols, and none without encryption beside what is encrypted.
 * @param {string} base address of the room
 * @returns {Promise<Map<string, string>>} addresses of pictures, by code
 */
export async function loadEmotes(base) {
  const answer = await fetch(new URL("emotes", base), { headers: { Accept: "application/json" }, cache: "no-cache" });
  const { data } = await answer.json();
  const usable = Object.entries(data?.emotes ?? {}).map(([code, url]) => /** @type {const} */ ([code, webAddress(String(url))]))
    .filter(([, url]) => url && (url.startsWith("https:") || location.protocol !== "https:"));
  return new Map(/** @type {[string, string][]} */ (usable));
}
