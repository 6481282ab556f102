// @ts-check
/** The section of figures over time: who was watching, and how much was said. */
import { drawChart } from "./chart.js";
import { el } from "./desk-dom.js";
import { svg } from "./svg.js";

const MINUTE = 60_000; // ms
const SPANS = [10, 20, 30, 60, 120, 180]; // minutes that are drawn
const AT_ONCE = 10; // portions of the log that are looked through when the section opens
const REFRESH = 5000; // ms
const SOON = 500; // ms
const HEIGHT = 130; // px
const ROWS = 15; // minutes in words

export class GraphsPart {
  #desk;
  #viewers;
  #messages;
  #table = el("tbody");
  #details;
  #isShown = false;
  #looked = false;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #clock;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #soon;

  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    const { words, room, ledger } = desk;
    this.#desk = desk;
    this.#viewers = makeFigure("desk-viewers", words.viewers);
    this.#messages = makeFigure("desk-messages", words.messages);
    this.#details = el("details", { className: "block", ontoggle: () => this.#draw() },
      el("summary", { textContent: words.inNumbers }),
      el("table", {},
        el("thead", {}, el("tr", {}, ...[words.minute, words.viewers, words.messages].map((text) => el("th", { scope: "col", textContent: text })))),
        this.#table));
    this.node = el("div", { className: "section" }, this.#viewers.node, this.#messages.node,
      el("p", { className: "muted", textContent: words.figuresHint }), this.#details);
    new ResizeObserver(() => this.#draw()).observe(this.node);
    ledger.addEventListener("count", () => this.#drawSoon());
    ledger.addEventListener("change", () => this.#drawSoon());
    room.addEventListener("info", () => this.#drawSoon());
    room.signal.addEventListener("abort", () => this.hidden());
  }

  shown() {
    this.#isShown = true;
    this.#draw();
    clearInterval(this.#clock);
    this.#clock = setInterval(() => this.#draw(), REFRESH);
    this.#look();
  }

  hidden() {
    this.#isShown = false;
    clearInterval(this.#clock);
    clearTimeout(this.#soon);
    this.#soon = undefined;
  }

  #drawSoon() {
    if (!this.#isShown) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#draw();
    }, SOON);
  }

  /** What was said before the desk was opened is in the log. */
  async #look() {
    if (this.#looked) return;
    this.#looked = true;
    const { ledger } = this.#desk;
    const begin = Date.now() - 60 * MINUTE;
    try {
      await ledger.lookBack(AT_ONCE, () => ledger.since !== 0 && ledger.since < begin);
    } catch {
      this.#looked = false; // the next time may do
    }
  }

  #draw() {
    if (!this.#isShown) return;
    const { words, room: { t, viewers }, figures, ledger } = this.#desk;
    const now = Date.now();
    const earliest = Math.min(figures.viewers[0]?.time ?? now, Math.max(ledger.since || now, now - 60 * MINUTE));
    const span = SPANS.find((minutes) => now - minutes * MINUTE <= earliest) ?? SPANS[SPANS.length - 1];
    const to = (Math.floor(now / MINUTE) + 1) * MINUTE;
    const from = to - span * MINUTE;
    const width = Math.max(120, this.#viewers.node.clientWidth);
    const perMinute = [...ledger.minutes].map(([minute, value]) => ({ time: minute * MINUTE, value }))
      .filter(({ time }) => time >= from).sort((a, b) => a.time - b.time);
    const common = { from, to, now, step: MINUTE, width, height: HEIGHT, number: t.number, clock: t.time };
    drawChart(this.#viewers.drawing, { ...common, kind: "steps", points: figures.viewers, tell: () => "" });
    drawChart(this.#messages.drawing, {
      ...common, kind: "bars", points: perMinute, tell: (time, value) => `${t.time(time)}: ${words.messagesIn(value)}`,
    });
    const shown = figures.viewers.filter(({ time }) => time >= from);
    const most = Math.max(viewers, ...shown.map(({ value }) => value));
    const thisMinute = ledger.minutes.get(Math.floor(now / MINUTE)) ?? 0;
    const busiest = perMinute.reduce((best, point) => (point.value > best.value ? point : best), { time: now, value: 0 });
    this.#viewers.tell(t.number(viewers), words.viewersAlt(viewers, most, span));
    this.#messages.tell(t.number(thisMinute), words.messagesAlt(thisMinute, busiest.value, busiest.value ? t.time(busiest.time) : "", span));
    if (this.#details.open) this.#fillTable(now);
  }

  /** The newest minutes first. @param {number} now */
  #fillTable(now) {
    const { figures, ledger, room: { t } } = this.#desk;
    const newest = Math.floor(now / MINUTE);
    this.#table.replaceChildren(...Array.from({ length: ROWS }, (_, i) => {
      const minute = newest - i;
      const viewers = figures.viewers.findLast(({ time }) => time < (minute + 1) * MINUTE);
      const said = (minute + 1) * MINUTE > ledger.since && ledger.since ? ledger.minutes.get(minute) ?? 0 : null;
      return el("tr", {},
        el("th", { scope: "row", textContent: t.time(minute * MINUTE) }),
        ...[viewers?.value ?? null, said].map((n) => el("td", { textContent: n === null ? "–" : t.number(n) })));
    }));
  }
}

/** @param {string} id @param {string} heading */
function makeFigure(id, heading) {
  const now = el("strong", { className: "now" });
  const caption = el("p", { className: "muted" });
  const drawing = svg("svg", { class: "chart", "aria-hidden": "true" });
  const node = el("figure", { id, className: "block", aria: { labelledby: `${id}-heading` } },
    el("figcaption", {}, el("h4", { id: `${id}-heading`, textContent: heading }), now),
    drawing, caption);
  return {
    node, drawing,
    /** @param {string} number @param {string} text */
    tell(number, text) {
      now.textContent = number;
      caption.textContent = text;
    },
  };
}
