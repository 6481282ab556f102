// @ts-check
/** Waiting before the next attempt, and for how long. */

const FIRST = 1000; // ms
const MOST = 30_000;
const LONGEST_TOLD = 3_600_000; // setTimeout fires at once beyond 24 days

/**
 * Exponential, with full jitter: so clients that lost one server come back one by one.
 * @param {number} attempt from 0
 * @param {() => number} [random] from 0 to 1
 * @returns {number} milliseconds
 */
export function backoff(attempt, random = Math.random) {
  return Math.round(random() * Math.min(MOST, FIRST * 2 ** attempt));
}

/** @param {number} ms @returns {Promise<void>} */
export function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

/**
 * A time that the server told, within reason; undefined if it told none.
 * @param {unknown} ms
 * @returns {number|undefined}
 */
export function told(ms) {
  return typeof ms === "number" && Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LONGEST_TOLD) : undefined;
}

/**
 * What a Retry-After header says, in milliseconds; undefined if nothing.
 * @param {string|null} header seconds, or a date
 */
export function retryAfter(header) {
  if (!header) return undefined;
  const seconds = Number(header);
  return told(Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000);
}
