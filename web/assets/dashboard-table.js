// @ts-check
/**
 * A table that is sorted, filtered and paged, and filled anew every few seconds: rows are
 * kept and changed in place, only those of the page exist, and the order waits while
 * somebody is about to press something in it. On narrow screens its rows are cards.
 */
import { el } from "./dom.js";
import { strings as t } from "./dashboard-strings.js";

/**
 * @template T
 * @typedef {object} Column
 * @property {string} label
 * @property {(item: T) => string|number} [by] what to sort by; without it the column is not sorted
 * @property {boolean} [down] sorts the largest first
 * @property {(item: T) => string} [text] what the cell says
 * @property {(cell: HTMLElement) => (item: T) => void} [fill] furnishes a cell, and returns how it is brought up to date
 * @property {string} [className]
 */

const PAGE = 50; // rows
const CARDS = 20; // on narrow screens, where a row is a card
const narrow = matchMedia("(max-width: 60rem)"); // as in dashboard.css
const hovers = matchMedia("(hover: hover)");
const order = new Intl.Collator("en", { numeric: true });

/** @param {string|number} a @param {string|number} b */
const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : order.compare(String(a), String(b)));

/** @template T */
export class Table {
  /** @type {T[]} */ #items = [];
  /** @type {string[]} */ #order = []; // keys, as they were last sorted
  /** @type {Map<string, {node: HTMLElement, update: (item: T) => void}>} */ #rows = new Map();
  #page = 0;
  #down;
  #columns;
  #sorted;
  #key;
  #matches;
  #none;
  #only;
  /** @type {HTMLElement[]} */ #heads = [];
  #body = el("tbody", { role: "rowgroup" });
  #filter = el("input", { type: "search", autocomplete: "off", spellcheck: false });
  #choice = el("select");
  #turn = el("button", { type: "button", className: "quiet" });
  #count = el("p", { className: "muted count" });
  #spoken = el("p", { className: "spoken", role: "status" }); // what the user's own act came to
  #held = el("p", { className: "muted held", textContent: t.held, hidden: true });
  #back = el("button", { type: "button", className: "quiet", textContent: t.previous });
  #next = el("button", { type: "button", className: "quiet", textContent: t.next });

  /**
   * @param {object} how
   * @param {string} how.label of the table
   * @param {Column<T>[]} how.columns the first one heads the row
   * @param {number} how.sorted the column to begin with
   * @param {(item: T) => string} how.key tells items apart
   * @param {(item: T) => string} how.matches the text that the filter looks into
   * @param {{label: string, is: (item: T) => boolean}} [how.only] a further filter
   * @param {string} how.none what a table without items says
   */
  constructor({ label, columns, sorted, key, matches, only, none }) {
    this.#columns = columns;
    this.#sorted = sorted;
    this.#down = columns[sorted].down ?? false;
    this.#key = key;
    this.#matches = matches;
    this.#none = none;
    this.#only = only && { is: only.is, box: el("input", { type: "checkbox" }) };
    this.#filter.ariaLabel = this.#filter.placeholder = t.filter(label);
    for (const control of [this.#filter, this.#only?.box]) control?.addEventListener("input", () => this.#turnTo(0));
    this.#back.addEventListener("click", () => this.#turnTo(this.#page - 1));
    this.#next.addEventListener("click", () => this.#turnTo(this.#page + 1));
    narrow.addEventListener("change", () => this.#turnTo(0));
    this.#choice.addEventListener("change", () => this.#sort(Number(this.#choice.value)));
    this.#turn.addEventListener("click", () => this.#sort(this.#sorted));
    columns.forEach(({ label, by }, i) => by && this.#choice.append(el("option", { value: String(i), textContent: label })));
    this.node = el("div", { className: "list" },
      el("div", { className: "tools" },
        this.#filter,
        only ? el("label", { className: "check" }, /** @type {any} */ (this.#only).box, only.label) : null,
        el("label", { className: "sort" }, t.sortBy, this.#choice),
        this.#turn),
      el("div", { className: "scroll" },
        el("table", { role: "table", ariaLabel: label },
          el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...columns.map((column, i) => this.#head(column, i)))),
          this.#body)),
      el("div", { className: "pager" }, this.#count, this.#spoken, this.#held, this.#back, this.#next));
    this.#mark();
  }

  /** @param {Column<T>} column @param {number} i */
  #head({ label, by, className = "" }, i) {
    const head = el("th", { scope: "col", role: "columnheader", className });
    if (by) {
      const button = el("button", { type: "button", textContent: label });
      button.addEventListener("click", () => this.#sort(i));
      head.append(button);
    } else {
      head.append(label);
    }
    this.#heads.push(head);
    return head;
  }

  /** Sorts by a column; by the same one again, the other way round. @param {number} i */
  #sort(i) {
    this.#down = i === this.#sorted ? !this.#down : (this.#columns[i].down ?? false);
    this.#sorted = i;
    this.#mark();
    this.#turnTo(0);
  }

  #mark() {
    this.#heads.forEach((head, i) => (head.ariaSort = i !== this.#sorted ? null : this.#down ? "descending" : "ascending"));
    this.#choice.value = String(this.#sorted);
    this.#turn.textContent = this.#down ? t.descending : t.ascending;
  }

  /** @param {number} page */
  #turnTo(page) {
    this.#page = page;
    this.#order = [];
    this.#draw();
    this.#spoken.textContent = this.#count.textContent;
  }

  /** Shows these items in place of the former ones. @param {T[]} items */
  show(items) {
    this.#items = items;
    this.#draw();
  }

  #draw() {
    const shown = this.#arrange();
    const size = narrow.matches ? CARDS : PAGE;
    const pages = Math.max(1, Math.ceil(shown.length / size));
    this.#page = Math.min(this.#page, pages - 1);
    const from = this.#page * size;
    const here = shown.slice(from, from + size);
    this.#count.textContent = here.length ? t.range(from + 1, from + here.length, shown.length, this.#items.length) : this.#items.length ? t.noMatch : this.#none;
    this.#back.hidden = this.#next.hidden = pages === 1;
    this.#back.disabled = this.#page === 0;
    this.#next.disabled = this.#page === pages - 1;
    this.#fill(here);
  }

  /** The items that pass the filter, in order. */
  #arrange() {
    const wanted = this.#filter.value.trim().toLowerCase();
    const passes = this.#items.filter((item) => this.#matches(item).toLowerCase().includes(wanted) && (!this.#only?.box.checked || this.#only.is(item)));
    const held = this.#order.length > 0 && this.#isBusy();
    this.#held.hidden = !held;
    if (held) {
      const place = new Map(this.#order.map((key, i) => [key, i]));
      const of = (/** @type {T} */ item) => place.get(this.#key(item)) ?? Infinity;
      passes.sort((a, b) => of(a) - of(b) || 0);
    } else {
      const by = this.#columns[this.#sorted].by ?? this.#key;
      const sign = this.#down ? -1 : 1;
      passes.sort((a, b) => sign * compare(by(a), by(b)) || order.compare(this.#key(a), this.#key(b)));
    }
    this.#order = passes.map(this.#key);
    return passes;
  }

  /** Is the pointer or the keyboard in the rows? */
  #isBusy() {
    return this.#body.matches(hovers.matches ? ":hover, :focus-within" : ":focus-within");
  }

  /** @param {T[]} items */
  #fill(items) {
    const rows = new Map();
    const focused = this.#body.contains(document.activeElement);
    items.forEach((item, i) => {
      const key = this.#key(item);
      const row = this.#rows.get(key) ?? this.#row();
      row.update(item);
      rows.set(key, row);
      const there = this.#body.children[i];
      if (there !== row.node) this.#body.insertBefore(row.node, there ?? null);
    });
    while (this.#body.children.length > items.length) this.#body.lastElementChild?.remove();
    this.#rows = rows;
    if (focused && !this.#body.contains(document.activeElement)) this.#filter.focus(); // its row is gone
  }

  #row() {
    const node = el("tr", { role: "row" });
    const updates = this.#columns.map(({ label, text, fill, className = "" }, i) => {
      const cell = i ? el("td", { role: "cell", className }) : el("th", { scope: "row", role: "rowheader", className });
      cell.dataset.label = label;
      node.append(cell);
      if (fill) return fill(cell);
      return (/** @type {T} */ item) => set(cell, text?.(item) ?? "");
    });
    return { node, update: (/** @type {T} */ item) => updates.forEach((update) => update(item)) };
  }
}

/** Sets a text, if it is another one: so nothing is laid out for nothing. @param {Node} node @param {string} text */
export function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
