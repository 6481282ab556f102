// @ts-check
/** What is loaded when it is wanted. */

/** @type {Map<string, number>} by name of a module */
const failures = new Map();

/**
 * Loads the module of that name beside this one. A browser may remember one that it could
 * not load for as long as the page lives, under the address that was asked for: the next
 * attempt asks for another.
 * @param {string} name
 * @returns {Promise<any>}
 */
export async function load(name) {
  const failed = failures.get(name);
  try {
    return await import(`./${name}.js${failed ? `?${failed}` : ""}`);
  } catch (err) {
    failures.set(name, (failed ?? 0) + 1);
    throw err;
  }
}

/**
 * What is made once for a key. If that fails, the next time may do.
 * @template K, T
 * @param {Map<K, Promise<T>>} made
 * @param {K} key
 * @param {() => Promise<T>} make
 * @returns {Promise<T>}
 */
export function once(made, key, make) {
  const known = made.get(key);
  if (known) return known;
  const fresh = make();
  made.set(key, fresh);
  fresh.catch(() => made.delete(key));
  return fresh;
}
