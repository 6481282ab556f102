// @ts-check
/**
 * What every action has in common: while it is under way it cannot be asked for again,
 * what came of it stands beside it, and after a failure nothing that was typed is lost.
 */
import { el } from "./dom.js";
import { strings as t } from "./dashboard-strings.js";

/** Where an action says what came of it. */
export class Outcome {
  #bad = el("p", { className: "problem", role: "alert" });
  #good = el("p", { className: "good", role: "status" });

  /** @param {Element} place at whose end it stands */
  constructor(place) {
    place.append(this.#bad, this.#good);
  }

  clear() {
    this.#bad.textContent = this.#good.textContent = "";
  }

  /** @param {string} words */
  say(words) {
    this.clear();
    this.#good.textContent = words;
  }

  /** @param {unknown} err */
  fail(err) {
    this.clear();
    this.#bad.textContent = err instanceof Error ? err.message : String(err);
  }
}

/**
 * Runs an action when its button is pressed, or its form submitted.
 * @param {HTMLFormElement|HTMLButtonElement} control
 * @param {() => Promise<string>} act returns what it has done, in words
 * @param {Outcome} [outcome] else it stands at the end of the form, or behind the button
 */
export function onAct(control, act, outcome = new Outcome(control instanceof HTMLFormElement ? control : /** @type {Element} */ (control.parentElement))) {
  const button = control instanceof HTMLFormElement ? control.querySelector("button:not([type])") : control;
  let busy = false;
  control.addEventListener(control instanceof HTMLFormElement ? "submit" : "click", async (e) => {
    e.preventDefault();
    if (busy) return;
    busy = true;
    outcome.say(t.busy);
    button?.setAttribute("aria-disabled", "true"); // a disabled one would lose the focus
    try {
      outcome.say(await act());
    } catch (err) {
      outcome.fail(err);
    } finally {
      busy = false;
      button?.removeAttribute("aria-disabled");
    }
  });
  return outcome;
}
