// @ts-check
/** Small helpers around the page. Whatever came from outside is set as text. */

/**
 * Returns what finds the element with an id in a document or shadow root, which has it.
 * @param {Document|ShadowRoot} root
 * @returns {<T extends HTMLElement = HTMLElement>(id: string) => T}
 */
export function finder(root) {
  return (id) => {
    const node = root.getElementById(id);
    if (!node) throw new Error(`there is no #${id}`);
    return /** @type {any} */ (node);
  };
}

/**
 * Makes an element. `props` are its properties; `dataset` and `aria` are spread into
 * attributes, `part` is an attribute, and an undefined value is left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node|string|null)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, { dataset, aria, part, ...props } = {}, ...children) {
  const node = document.createElement(tag);
  if (part) node.setAttribute("part", part);
  for (const [key, value] of Object.entries(props)) if (value !== undefined) /** @type {any} */ (node)[key] = value;
  for (const [key, value] of Object.entries(aria ?? {})) node.setAttribute(`aria-${key}`, value);
  Object.assign(node.dataset, dataset);
  node.append(...children.filter((c) => c !== null));
  return node;
}

/** @param {string} address @returns {string|null} */
export function webAddress(address) {
  try {
    const url = new URL(address);
    const plain = (url.protocol === "https:" || url.protocol === "http:") && !url.username && !url.password;
    return plain ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * A hue that a user keeps (FNV-1a of the id). The style sheet chooses lightness
 * and chroma, so that every hue has the same contrast in either theme.
 * @param {string} id
 */
export function hue(id) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  // Mixed once more: ids that differ in their last digit should not look alike.
  return (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) % 360;
}

/** @param {HTMLElement} node @param {string} id */
export function colour(node, id) {
  node.style.setProperty("--hue", String(hue(id)));
  return node;
}

/** The first letter, as one sees it. @param {string} name */
export function initial(name) {
  return [...name][0]?.toUpperCase() ?? "?";
}

/** @param {string} text on one line, and not too much of it */
export function preview(text) {
  const line = [...text.replace(/\s+/g, " ").trim()];
  return line.length > 120 ? `${line.slice(0, 120).join("")}…` : line.join("");
}

/**
 * What the browser remembers for this site; it may refuse to.
 */
export const memory = {
  /** @param {string} key @returns {string|null} */
  get(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  /** @param {string} key @param {string} value */
  set(key, value) {
    try {
      localStorage.setItem(key, value);
    } catch {
      // It works without.
    }
  },
};
