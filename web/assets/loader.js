// @ts-check
/** What is loaded when it is wanted. */

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
