// @ts-check
/** The section of people who may not chat, or not come in, as far as the log of acts tells. */
import { lift } from "./desk-acts.js";
import { el } from "./desk-dom.js";
import { makeLookBack } from "./desk-lookback.js";
import { nameOf } from "./notices.js";
import { makeName } from "./row.js";

/** @typedef {import("./desk-ledger.js").Act} Act */

const AT_ONCE = 10; // portions of the log that are looked through when the section opens
const LONGEST_TIMER = 2 ** 31 - 1; // ms

export class SanctionsPart {
  #desk;
  #list = el("ul", { id: "desk-sanctioned", className: "entries" });
  #none;
  #lookBack;
  #isShown = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;

  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    const { words, ledger, room } = desk;
    this.#desk = desk;
    this.#none = el("p", { className: "muted", textContent: words.noSanctions });
    this.#lookBack = makeLookBack(desk, AT_ONCE);
    this.node = el("div", { className: "section" }, el("p", { className: "muted", textContent: words.sanctionsHint }), this.#list, this.#none, this.#lookBack.node);
    ledger.addEventListener("change", () => this.#isShown && this.#draw());
    room.signal.addEventListener("abort", () => this.hidden());
  }

  shown() {
    this.#isShown = true;
    this.#draw();
    this.#lookBack.look();
  }

  hidden() {
    this.#isShown = false;
    clearTimeout(this.#timer);
  }

  #draw() {
    const { ledger, room } = this.#desk;
    const { sanctions } = ledger;
    const focused = /** @type {HTMLElement|null} */ (room.root.activeElement)?.dataset.user;
    this.#list.replaceChildren(...sanctions.map((sanction) => this.#makeEntry(sanction)));
    if (focused) /** @type {HTMLElement|null} */ (this.#list.querySelector(`[data-user="${CSS.escape(focused)}"]`))?.focus();
    this.#none.hidden = sanctions.length > 0;
    this.#lookBack.draw();
    clearTimeout(this.#timer);
    const next = Math.min(...sanctions.map(({ until }) => until ?? Infinity));
    if (next < Infinity) this.#timer = setTimeout(() => this.#draw(), Math.min(LONGEST_TIMER, Math.max(0, next - Date.now()) + 1));
  }

  /** @param {Act} sanction */
  #makeEntry(sanction) {
    const { words, room: { t } } = this.#desk;
    const user = sanction.user ?? { id: "" };
    return el("li", {},
      el("div", { className: "what" },
        el("p", {}, makeName(user, t), " ", el("span", { className: `badge ${sanction.kind}`, textContent: words.sanctionKinds[sanction.kind] })),
        el("p", { className: "muted", textContent: words.sanctionBy(sanction.until ? words.clock(sanction.until) : "", nameOf(sanction.by, t)) }),
        sanction.reason ? el("p", { className: "reason", dir: "auto", textContent: sanction.reason }) : null),
      this.#desk.maySanction(user) ? el("button", {
        type: "button", className: "quiet", part: "button", textContent: words.lift, dataset: { user: user.id },
        aria: { label: t.actionOn(words.lift, nameOf(user, t)) },
        onclick: () => lift(this.#desk, user),
      }) : null);
  }
}
