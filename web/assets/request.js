// @ts-check
/** One HTTP request to a room, with a time limit and failures as {@link HttpError}. */
import { retryAfter, told } from "./backoff.js";
import { ChatError } from "./protocol.js";

/**
 * Why a request failed: the `code` of the server's problem document, or
 * `unreachable` (no answer at all; `status` is 0) or `bad_answer` (somebody who is
 * no chat server has answered).
 */
export class HttpError extends ChatError {
  /**
   * @param {string} code
   * @param {number} [status] 0: there was no answer
   * @param {string} [message]
   * @param {number} [after] milliseconds
   */
  constructor(code, status = 0, message = "", after = 0) {
    super(code, message, after);
    this.status = status;
  }
}

/**
 * Asks, and returns the `data` of the answer.
 *
 * A body is sent as plain text, which the server reads as JSON all the same: so a
 * browser need not ask first whether a page of another origin may send it.
 *
 * @param {typeof fetch} fetch
 * @param {string} url
 * @param {object} how
 * @param {number} how.within milliseconds
 * @param {object} [how.body] makes it a POST
 * @param {AbortSignal} [how.signal]
 * @param {boolean} [how.keepalive] it outlives the page
 * @returns {Promise<any>}
 */
export async function request(fetch, url, { within, body, signal, keepalive }) {
  const stop = new AbortController();
  const abort = () => stop.abort();
  const timer = setTimeout(abort, within);
  signal?.addEventListener("abort", abort);
  try {
    const answer = await fetch(url, {
      method: body ? "POST" : "GET",
      body: body && JSON.stringify(body),
      headers: { Accept: "application/json" },
      cache: "no-store",
      signal: stop.signal,
      keepalive,
    });
    const content = await answer.json().catch(() => null);
    if (answer.ok && content?.data) return content.data;
    throw problem(answer, content);
  } catch (err) {
    throw err instanceof HttpError ? err : new HttpError("unreachable");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** @param {Response} answer @param {any} content */
function problem(answer, content) {
  const code = typeof content?.code === "string" ? content.code : "bad_answer";
  const after = told(content?.retry_after) ?? retryAfter(answer.headers.get("Retry-After")) ?? 0;
  return new HttpError(code, answer.status, String(content?.detail ?? ""), after);
}
