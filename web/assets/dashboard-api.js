// @ts-check
/**
 * The admin API, with the operator's key. The key is held here alone, for as long as the
 * page is open: it goes out in a header, and nothing else of the page can read it.
 */
import { strings as t } from "./dashboard-strings.js";

const PATIENCE = 8000; // ms, for figures
const ACT_PATIENCE = 25_000; // ms; the server itself waits 20 s for a refresh
const SAME_TIME = 2000; // ms; clocks that differ by less are taken for the same

/** Why a call failed, in words for a person. `status` is 0 when there was no answer. */
export class ApiError extends Error {
  /** @param {string} words @param {number} [status] @param {string} [code] of the problem document */
  constructor(words, status = 0, code = "") {
    super(code ? `${words} (${code})` : words);
    this.status = status;
    this.code = code;
  }
}

export class Api {
  #key = "";
  #ahead = 0; // ms that the server's clock is before this one
  #refused;

  /** @param {(err: ApiError) => void} refused is called when the server takes the key no more */
  constructor(refused) {
    this.#refused = refused;
  }

  get hasKey() {
    return this.#key !== "";
  }

  forget() {
    this.#key = "";
  }

  /** Milliseconds by the server's clock. */
  now() {
    return Date.now() + this.#ahead;
  }

  /** Takes a key if the server does; throws an ApiError. @param {string} key */
  async unlock(key) {
    const header = bytes(key);
    await this.#ask(header, "GET", "status");
    this.#key = header;
  }

  /**
   * Calls the API and returns the `data` of its answer; throws an ApiError.
   * @param {string} method
   * @param {string} path below api/v1/, escaped
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async call(method, path, body) {
    const key = this.#key;
    try {
      return await this.#ask(key, method, path, body);
    } catch (err) {
      if (err instanceof ApiError && err.status === 401 && key === this.#key) {
        this.#key = "";
        this.#refused(err);
      }
      throw err;
    }
  }

  /** @param {string} key @param {string} method @param {string} path @param {object} [body] */
  async #ask(key, method, path, body) {
    let answer;
    try {
      answer = await fetch(`api/v1/${path}`, {
        method,
        headers: { "X-API-Key": key, Accept: "application/json" },
        body: body && JSON.stringify(body),
        cache: "no-store",
        redirect: "error", // the key is for this server alone
        signal: AbortSignal.timeout(method === "GET" ? PATIENCE : ACT_PATIENCE),
      });
    } catch (err) {
      throw new ApiError(/** @type {Error} */ (err).name === "TimeoutError" ? t.silent : t.unreachable);
    }
    const content = await answer.json().catch(() => null);
    if (answer.ok && content?.data !== undefined) {
      this.#setClock(answer.headers.get("Date"));
      return content.data;
    }
    throw new ApiError(String(content?.detail ?? t.unexpected(answer.status)), answer.status || 502, String(content?.code ?? ""));
  }

  /** @param {string|null} date */
  #setClock(date) {
    const ahead = Date.parse(date ?? "") - Date.now();
    this.#ahead = Math.abs(ahead) < SAME_TIME ? 0 : ahead || 0;
  }
}

/** A key as a header's value: its bytes in UTF-8, as curl sends them. @param {string} key */
const bytes = (key) => String.fromCharCode(...new TextEncoder().encode(key.trim()));
