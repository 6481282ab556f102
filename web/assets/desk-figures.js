// @ts-check
/** How many were watching, since the desk was opened. */

const STEP = 10_000; // ms; of what happens within one the most is kept
const MOST = 1080; // steps: three hours

export class Figures {
  /** @type {{time: number, value: number}[]} from each time on */ viewers = [];

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    const note = () => this.#note(Math.floor(Date.now() / STEP) * STEP, room.viewers);
    room.addEventListener("info", note);
    note();
  }

  /** @param {number} time @param {number} value */
  #note(time, value) {
    const last = this.viewers.at(-1);
    if (last?.time === time) last.value = Math.max(last.value, value);
    else if (last?.value !== value) this.viewers.push({ time, value });
    if (this.viewers.length > MOST) this.viewers.shift();
  }
}
