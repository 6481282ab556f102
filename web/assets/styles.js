// @ts-check
/**
 * Style sheets of a shadow root. They are fetched and adopted rather than linked, so that
 * a page with a policy of its own need not allow our styles.
 */
import { once } from "./loader.js";

/** @type {Map<string, Promise<CSSStyleSheet>>} by name, shared by all rooms of a page */
const sheets = new Map();

/**
 * Adds style sheets, which stand beside this module, to a shadow root; settles when they
 * hold. One that cannot be loaded is left out, and tried again when it is next wanted.
 * @param {ShadowRoot} root
 * @param {...string} names
 */
export async function adopt(root, ...names) {
  const found = await Promise.all(names.map((name) => once(sheets, name, () => fetchSheet(name)).catch(() => null)));
  const fresh = found.filter((sheet) => sheet !== null && !root.adoptedStyleSheets.includes(sheet));
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, .../** @type {CSSStyleSheet[]} */ (fresh)];
}

/** @param {string} name */
async function fetchSheet(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return new CSSStyleSheet().replace(await answer.text());
}
