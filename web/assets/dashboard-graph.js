// @ts-check
/** Lines over time, drawn as SVG: a sparkline, and a graph with a scale and values in words. */
import { el } from "./dom.js";
import { EVERY } from "./dashboard-history.js";
import { strings as t } from "./dashboard-strings.js";
import { ceiling, svg } from "./svg.js";

/** @typedef {import("./dashboard-history.js").History} History */
/** @typedef {import("./dashboard-history.js").Ring} Ring */
/** @typedef {{name: string, label?: string}} Line a series of a ring; with several, each has a label */

const WIDTH = 300;
const HEIGHT = 64;
const SHORTEST = 60_000; // ms; the axis is never shorter
const SPARK = 300_000; // ms; what a sparkline shows at most

/** The time from one end of the axis to the other, in milliseconds. @param {History} history @param {number} [most] */
const axis = (history, most = Infinity) => Math.min(Math.max(history.length, SHORTEST), most);

/**
 * The path of a line whose right end is now. Where it is `most` it touches the upper edge.
 * @param {{time: number, value: number}[][]} runs
 * @param {number} newest
 * @param {number} length
 * @param {number} most
 */
function path(runs, newest, length, most) {
  const point = (/** @type {{time: number, value: number}} */ s) =>
    `${(WIDTH * (1 - (newest - s.time) / length)).toFixed(1)} ${(HEIGHT - 1 - (HEIGHT - 2) * (s.value / most)).toFixed(1)}`;
  return runs.map((run) => `M${run.map(point).join("L")}${run.length === 1 ? "h.1" : ""}`).join("");
}

/** A line beside a number that says the same. */
export class Sparkline {
  #line = svg("path", { class: "line a" });
  node = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.#line);

  /** @param {History} history @param {Ring|undefined} ring @param {string} name */
  draw(history, ring, name) {
    const length = axis(history, SPARK);
    const runs = ring ? history.runs(ring, name, length) : [];
    this.#line.setAttribute("d", path(runs, history.newest, length, Math.max(1, ...runs.flat().map((s) => s.value))));
  }
}

/** A graph with its name, its present values in words, and others under the pointer. */
export class Graph {
  #label;
  #lines;
  #say;
  #value = el("strong", { className: "value" });
  #more = el("span", { className: "muted more" });
  #most = el("span", { className: "most", ariaHidden: "true" });
  #span = el("span", { className: "span", ariaHidden: "true" });
  #cursor = svg("path", { class: "cursor" });
  #paths;
  #svg;
  /** @type {{time: number, value: number}[][]} the samples of each line, as they were drawn */
  #drawn = [];
  #newest = NaN;
  #length = SHORTEST;
  #now = "";
  #pointed = NaN; // where the pointer is, from 0 to 1 of the width

  /**
   * @param {string} label
   * @param {Line[]} lines
   * @param {(n: number) => string} say a value in words
   */
  constructor(label, lines, say) {
    this.#label = label;
    this.#lines = lines;
    this.#say = say;
    this.#paths = lines.map((_, i) => svg("path", { class: `line ${"ab"[i]}` }));
    this.#svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, ...this.#paths, this.#cursor);
    const plot = el("div", { className: "plot" }, this.#svg, this.#most, this.#span);
    plot.addEventListener("pointermove", (e) => this.#point(e.offsetX / plot.clientWidth));
    plot.addEventListener("pointerleave", () => this.#point(NaN));
    const legend = lines.filter((line) => line.label).map((line, i) => el("span", { className: `key ${"ab"[i]}`, textContent: line.label }));
    this.node = el("figure", { className: "graph" },
      el("figcaption", {}, el("span", { className: "label", textContent: label }), this.#value, this.#more, ...legend), plot);
  }

  /**
   * @param {History} history
   * @param {Ring|undefined} ring
   * @param {string} [more] what else there is to say of the present
   */
  draw(history, ring, more = "") {
    const runs = this.#lines.map((line) => (ring ? history.runs(ring, line.name) : []));
    this.#drawn = runs.map((r) => r.flat());
    this.#newest = history.newest;
    this.#length = axis(history);
    const values = this.#drawn.flat().map((s) => s.value);
    const most = ceiling(Math.max(0, ...values));
    runs.forEach((r, i) => this.#paths[i].setAttribute("d", path(r, this.#newest, this.#length, most)));
    this.#most.textContent = this.#say(most);
    this.#span.textContent = t.ago(this.#length / 1000);
    this.#now = this.#words(this.#lines.map((line) => (ring ? history.last(ring, line.name) : NaN)));
    this.#more.textContent = more;
    this.#svg.setAttribute("aria-label", values.length
      ? t.graph(this.#label, this.#now, this.#say(Math.min(...values)), this.#say(Math.max(...values)), this.#length / 1000)
      : t.graphEmpty(this.#label));
    this.#point(this.#pointed);
  }

  /** @param {number[]} values one for each line */
  #words(values) {
    return values.map((value) => (Number.isNaN(value) ? "–" : this.#say(value))).join(" / ");
  }

  /** Shows the values at a place, from 0 to 1 of the width; NaN: the present ones. @param {number} x */
  #point(x) {
    this.#pointed = x;
    const time = this.#newest - (1 - x) * this.#length;
    const near = this.#drawn.map((samples) => samples.find((s) => Math.abs(s.time - time) <= EVERY / 2 + 100));
    const hit = near.find((s) => s);
    if (!hit) {
      this.#cursor.removeAttribute("d");
      this.#value.textContent = this.#now;
      return;
    }
    this.#cursor.setAttribute("d", `M${WIDTH * (1 - (this.#newest - hit.time) / this.#length)} 0V${HEIGHT}`);
    this.#value.textContent = t.then(this.#words(near.map((s) => s?.value ?? NaN)), (this.#newest - hit.time) / 1000);
  }
}
