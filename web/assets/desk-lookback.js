// @ts-check
/** Looks further back in the log of acts, and tells how far it goes. */
import { el } from "./desk-dom.js";

/**
 * @param {import("./desk.js").Desk} desk
 * @param {number} portions of the log that are looked through at a time, at most
 * @param {() => number} [found] how many there are to show; a look ends when there are some more
 * @param {number} [enough] that is, so many more
 */
export function makeLookBack(desk, portions, found = () => 0, enough = Infinity) {
  const { ledger, words } = desk;
  let looking = false;
  const state = el("p", { className: "muted", role: "status" });
  const problem = el("p", { className: "problem", role: "alert" });
  const button = el("button", { type: "button", className: "quiet", part: "button", textContent: words.lookBack, onclick: () => look() });
  const node = el("div", { className: "lookback" }, state, problem, button);

  function draw() {
    button.hidden = !ledger.goesOn;
    button.disabled = looking;
    const text = looking ? words.looking
      : ledger.goesOn ? (ledger.since ? words.lookedBackTo(words.clock(ledger.since)) : "")
      : ledger.isFull ? words.ledgerFull(ledger.acts.length) : words.lookedBackToBegin;
    if (state.textContent !== text) state.textContent = text;
  }

  async function look() {
    if (looking || !ledger.goesOn) return;
    looking = true;
    problem.textContent = "";
    draw();
    const before = found();
    try {
      await ledger.lookBack(portions, () => found() >= before + enough);
    } catch (err) {
      problem.textContent = desk.reason(err);
    } finally {
      looking = false;
      draw();
    }
  }
  return { node, draw, look };
}
