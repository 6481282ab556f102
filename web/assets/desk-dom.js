// @ts-check
/** What the parts of the desk are built of. */
import { el, finder } from "./dom.js";
import { svg } from "./svg.js";

export { el, finder };

/** Paths in a square of 20. */
const ICONS = {
  shield: "M10 1.5 3.5 4v5.2c0 4.1 2.7 7.6 6.5 9.3 3.8-1.7 6.5-5.2 6.5-9.3V4zm0 2.1 4.6 1.8v3.8c0 3-1.8 5.6-4.6 7.1z",
  room: "M3 5h7a2.5 2.5 0 0 1 4.8 0H17v2h-2.2A2.5 2.5 0 0 1 10 7H3zm0 8h2.2a2.5 2.5 0 0 1 4.8 0h7v2h-7a2.5 2.5 0 0 1-4.8 0H3z",
  poll: "M3 4h9v3H3zm0 4.5h14v3H3zM3 13h6v3H3z",
  sanctions: "M10 2a8 8 0 1 1 0 16 8 8 0 0 1 0-16zm0 2a6 6 0 0 0-4.9 9.5l8.4-8.4A6 6 0 0 0 10 4zm4.9 2.5-8.4 8.4a6 6 0 0 0 8.4-8.4z",
  acts: "M3 4h2v2H3zm4 0h10v2H7zM3 9h2v2H3zm4 0h10v2H7zm-4 5h2v2H3zm4 0h10v2H7z",
  figures: "M3 3h2v12h12v2H3zm4 9 3-4 3 2.5L16.5 5 18 6.3l-4.8 6.9-2.9-2.4L8.6 13z",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 20 20", width: 18, height: 18, fill: "currentColor", "aria-hidden": "true" }, svg("path", { d: ICONS[name], "fill-rule": "evenodd" }));
}

let lastId = 0;

/**
 * A labelled field, with what is to be known of it and what is wrong with it beneath.
 * @template {HTMLInputElement|HTMLTextAreaElement} T
 * @param {T} input
 * @param {string} label
 * @param {string} [hint]
 */
export function field(input, label, hint = "") {
  input.id ||= `desk-field-${++lastId}`;
  input.setAttribute("part", "input");
  const problem = el("p", { id: `${input.id}-problem`, className: "problem", role: "alert" });
  const note = el("p", { id: `${input.id}-hint`, className: "muted", textContent: hint });
  input.setAttribute("aria-describedby", `${problem.id} ${note.id}`);
  input.addEventListener("input", () => complain(""));
  /** @param {string} text empty: nothing is wrong */
  function complain(text) {
    problem.textContent = text;
    input.setAttribute("aria-invalid", String(text !== ""));
  }
  const node = el("div", { className: "field" }, el("label", { htmlFor: input.id, textContent: label }), input, problem, note);
  return { node, input, note, complain };
}

/**
 * Buttons that fill a field.
 * @param {string} label
 * @param {[text: string, value: string][]} presets
 * @param {HTMLInputElement} input
 */
export function presets(label, presets, input) {
  return el("div", { className: "presets", role: "group", aria: { label } }, ...presets.map(([text, value]) => el("button", {
    type: "button", className: "quiet", part: "button", textContent: text,
    onclick: () => {
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    },
  })));
}

/**
 * A choice of how long something lasts: some usual times, or one's own.
 * @param {import("./desk.js").Words} words
 * @param {{label: string, choices: number[], chosen: number, most: number}} options in seconds
 */
export function durationField(words, { label, choices, chosen, most }) {
  const name = `desk-duration-${++lastId}`;
  const count = el("input", { type: "number", min: "1", step: "1", value: "5", inputMode: "numeric", part: "input", aria: { label: words.ownCount } });
  const unit = el("select", { part: "input", aria: { label: words.ownUnit } },
    ...[60, 3600, 86_400].map((seconds) => el("option", { value: String(seconds), textContent: words.units[seconds] })));
  const own = el("div", { className: "own", hidden: true }, count, unit);
  const problem = el("p", { className: "problem", role: "alert" });
  const radios = [...choices, 0].map((seconds) => el("input", { type: "radio", name, value: String(seconds), checked: seconds === chosen }));
  const node = el("fieldset", { className: "field" },
    el("legend", { textContent: label }),
    el("div", { className: "choices" }, ...radios.map((radio) =>
      el("label", {}, radio, el("span", { textContent: Number(radio.value) ? words.durationLabel(Number(radio.value)) : words.own })))),
    own, problem);
  node.addEventListener("change", () => {
    own.hidden = !radios.at(-1)?.checked;
    problem.textContent = "";
  });
  /** How many seconds were chosen; 0: none that will do, which is told. */
  function read() {
    const seconds = Number(radios.find((radio) => radio.checked)?.value) || Math.round(count.valueAsNumber * Number(unit.value));
    if (seconds >= 1 && seconds <= most) return seconds;
    problem.textContent = words.durationProblem(most);
    count.focus();
    return 0;
  }
  return { node, read };
}
