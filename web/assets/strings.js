// @ts-check
/**
 * The texts that are shown, in the reader's language. Each language is a module of its own
 * with the same keys, `strings-CODE.js`, of which one alone is loaded; what few people see
 * (`landing-CODE.js`, say) is apart. A further language is such files and a line in LANGUAGES.
 */
import { load, once } from "./loader.js";

/**
 * What the texts of a language are made with, in the reader's own variety of it: British
 * and American clocks differ.
 * @typedef {object} Tools
 * @property {(n: number) => string} number
 * @property {(share: number) => string} percent of 1
 * @property {(n: number, forms: Record<string, string>) => string} plural the form for
 *   that number (zero, one, two, few, many, other), with the number in the place of #
 * @property {(ms: number) => string} time
 * @property {(ms: number) => string} fullTime with the day
 * @property {(ms: number) => string} soon of a time to come; the day is told if it is not clear
 * @property {(items: string[]) => string} list
 */

/**
 * `more` loads the texts of a part, PART-CODE.js. They are the same ones every time.
 * @typedef {ReturnType<typeof import("./strings-en.js").default> & {lang: string, dir: "ltr"|"rtl", more: (part: string) => Promise<any>}} Strings
 */

/** @type {Record<string, "ltr"|"rtl">} directions by code */
const LANGUAGES = { en: "ltr", ar: "rtl" };

const SOON = 12 * 3_600_000; // ms

/** @type {Map<string, Promise<Strings>>} by locale */
const loaded = new Map();

/**
 * The texts in the language that was asked for, else in the first of the reader's
 * languages that there is, else in English.
 * @param {string|null} [asked] a language tag
 * @returns {Promise<Strings>}
 */
export function loadStrings(asked) {
  const [code, locale] = choose([asked ?? "", ...(navigator.languages ?? [])]);
  return once(loaded, locale, () => make(code, locale));
}

/** @param {string} code @param {string} locale @returns {Promise<Strings>} */
async function make(code, locale) {
  const tools = makeTools(locale);
  /** @type {Map<string, Promise<any>>} by name */ const parts = new Map();
  const more = (/** @type {string} */ part) => once(parts, part, async () => (await load(`${part}-${code}`)).default(tools));
  return { ...(await more("strings")), lang: code, dir: LANGUAGES[code], more };
}

/** @param {string[]} wanted language tags @returns {[code: string, locale: string]} */
function choose(wanted) {
  const codeOf = (/** @type {string} */ tag) => tag.toLowerCase().split("-")[0];
  const best = wanted.find((tag) => Object.hasOwn(LANGUAGES, codeOf(tag)) && isTag(tag)) ?? "en";
  const code = codeOf(best);
  // "en" alone leaves the variety to the reader's own settings.
  return [code, best.includes("-") ? best : wanted.find((tag) => codeOf(tag) === code && tag.includes("-") && isTag(tag)) ?? code];
}

/** @param {string} tag */
function isTag(tag) {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

/** @param {string} locale @returns {Tools} */
function makeTools(locale) {
  const numbers = new Intl.NumberFormat(locale);
  const percents = new Intl.NumberFormat(locale, { style: "percent" });
  const rules = new Intl.PluralRules(locale);
  const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
  const full = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
  const list = new Intl.ListFormat(locale, { type: "unit" });
  return {
    number: (n) => numbers.format(n),
    percent: (share) => percents.format(share),
    plural: (n, forms) => (forms[rules.select(n)] ?? forms.other).replace("#", numbers.format(n)),
    time: (ms) => clock.format(ms),
    fullTime: (ms) => full.format(ms),
    soon: (ms) => (ms - Date.now() < SOON ? clock : full).format(ms),
    list: (items) => list.format(items),
  };
}

/**
 * Fills the fixed texts within an element: `data-t` names an element's text, `data-t-X`
 * its attribute X.
 * @param {HTMLElement} within
 * @param {Record<string, any> & {lang: string, dir: "ltr"|"rtl"}} t
 */
export function fill(within, t) {
  const text = (/** @type {string|null|undefined} */ key) => String(t[key ?? ""]);
  within.lang = t.lang;
  within.dir = t.dir;
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll("[data-t]"))) {
    node.textContent = text(node.dataset.t);
  }
  for (const attribute of ["placeholder", "aria-label", "title"]) {
    for (const node of within.querySelectorAll(`[data-t-${attribute}]`)) {
      node.setAttribute(attribute, text(node.getAttribute(`data-t-${attribute}`)));
    }
  }
}
