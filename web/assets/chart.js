// @ts-check
/** Draws figures over time: as steps, each of which holds until the next, or as bars. */
import { ceiling, svg } from "./svg.js";

const LEFT = 34; // px, for the figures beside
const BOTTOM = 20; // px, for the times beneath
const TOP = 8; // px
const RIGHT = 4; // px

/**
 * @typedef {object} Chart
 * @property {"steps"|"bars"} kind
 * @property {{time: number, value: number}[]} points by time, Unix milliseconds; a bar
 *   stands for the time from there to `from` + n × `step`
 * @property {number} from
 * @property {number} to
 * @property {number} now where steps end
 * @property {number} step ms of a bar
 * @property {number} width px
 * @property {number} height px
 * @property {(n: number) => string} number
 * @property {(ms: number) => string} clock
 * @property {(time: number, value: number) => string} tell what a bar says in words
 */

/** Fills a drawing anew. @param {Element} node svg @param {Chart} chart */
export function drawChart(node, chart) {
  const { width, height, points, from, to, number, clock } = chart;
  const top = ceiling(Math.max(1, ...points.map(({ value }) => value)));
  const x = (/** @type {number} */ time) => LEFT + ((time - from) / (to - from)) * (width - LEFT - RIGHT);
  const y = (/** @type {number} */ value) => height - BOTTOM - (value / top) * (height - BOTTOM - TOP);
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  node.setAttribute("width", String(width));
  node.setAttribute("height", String(height));
  const levels = top % 2 ? [0, top] : [0, top / 2, top];
  const marks = [from, (from + to) / 2, to];
  node.replaceChildren(
    ...levels.flatMap((value) => [
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    ]),
    ...marks.map((time, i) => svg("text", { x: x(time), y: height - 4, "text-anchor": ["start", "middle", "end"][i] }, clock(time))),
    ...(chart.kind === "bars" ? bars(chart, x, y) : steps(chart, x, y)));
}

/** @typedef {(n: number) => number} Scale */

/** @param {Chart} chart @param {Scale} x @param {Scale} y */
function bars({ points, step, tell }, x, y) {
  return points.filter(({ value }) => value > 0).map(({ time, value }) => {
    const wide = x(time + step) - x(time);
    const gap = wide > 4 ? 1 : 0;
    return svg("rect", { class: "bar", x: x(time) + gap / 2, y: y(value), width: Math.max(1, wide - gap), height: y(0) - y(value), rx: Math.min(2, wide / 4) },
      svg("title", {}, tell(time, value)));
  });
}

/** @param {Chart} chart @param {Scale} x @param {Scale} y */
function steps({ points, from, now }, x, y) {
  const first = points.findLastIndex(({ time }) => time <= from);
  const shown = points.slice(Math.max(0, first));
  if (shown.length === 0) return [];
  const begin = x(Math.max(from, shown[0].time));
  const line = shown.map(({ time, value }, i) => (i ? `H${x(Math.max(from, time))}V${y(value)}` : `M${begin} ${y(value)}`)).join("") + `H${x(now)}`;
  return [
    svg("path", { class: "area", d: `${line}V${y(0)}H${begin}Z` }),
    svg("path", { class: "line", d: line }),
  ];
}
