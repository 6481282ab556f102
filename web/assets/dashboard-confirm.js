// @ts-check
/** The second question before what cannot be taken back. */
import { finder } from "./dom.js";
import { onAct } from "./dashboard-actions.js";
import { strings as t } from "./dashboard-strings.js";

const $ = finder(document);

/**
 * @typedef {object} Question
 * @property {string} heading
 * @property {string} text what will happen
 * @property {string} button
 * @property {() => Promise<void>} act
 * @property {string} [word] that has to be typed first
 * @property {number} [pause] seconds until the button can be pressed
 */

/** @type {HTMLDialogElement} */ const dialog = $("confirm");
/** @type {HTMLInputElement} */ const word = $("confirm-word");
/** @type {HTMLButtonElement} */ const button = $("confirm-do");
/** @type {Question|null} */ let asked = null;
let left = 0; // seconds of the pause
let timer = 0;

const outcome = onAct(/** @type {HTMLFormElement} */ ($("confirm-form")), async () => {
  const question = asked;
  if (!question || !armed()) throw new Error(question?.word ? t.typeExactly(question.word) : t.notYet);
  await question.act();
  if (question === asked) dialog.close();
  return "";
});
word.addEventListener("input", arm);
$("confirm-cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => clearInterval(timer));

/** Asks, and does it when told to; a failure stands in the question. @param {Question} question */
export function confirm(question) {
  asked = question;
  left = question.pause ?? 0;
  $("confirm-heading").textContent = question.heading;
  $("confirm-text").textContent = question.text;
  $("confirm-typing").hidden = !question.word;
  $("confirm-label").textContent = t.typeToConfirm(question.word ?? "");
  word.value = "";
  button.className = question.word ? "bad" : "warn";
  outcome.clear();
  arm();
  timer = window.setInterval(tick, 1000);
  dialog.showModal();
  (question.word ? word : $("confirm-cancel")).focus();
}

function tick() {
  if (left > 0) left--;
  arm();
  if (left === 0) clearInterval(timer);
}

const armed = () => left === 0 && (!asked?.word || word.value.trim() === asked.word);

function arm() {
  button.setAttribute("aria-disabled", String(!armed()));
  button.textContent = left > 0 ? t.inSeconds(asked?.button ?? "", left) : (asked?.button ?? "");
}
