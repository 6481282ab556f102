// @ts-check
/**
 * Loads what was said earlier, as the reader goes back to it, and what came after, as the
 * reader returns; the list itself keeps a bounded part of that.
 */
import { finder } from "./dom.js";
import { MOST_ROWS_READING } from "./log-view.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */
/** @typedef {import("./log-view.js").Direction} Direction */

const PORTION = 60; // events
const AGAIN_AFTER = 2000; // ms, when the server was busy

export class History {
  #room;
  #sign;
  #loading = false;
  #begin = 0; // the oldest seq of the log; 0: not known yet
  #waitUntil = 0;

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    this.#room = room;
    this.#sign = finder(room.root)("older");
    room.client.addEventListener("reset", () => (this.#begin = 0));
  }

  /** @param {Direction} direction */
  async load(direction) {
    const { log, log: { model }, client } = this.#room;
    if (this.#loading || client.state.name !== "live" || Date.now() < this.#waitUntil) return;
    if (direction === "older" && (!model.first || model.first <= Math.max(1, this.#begin))) return;
    this.#loading = true;
    this.#tell(direction === "older" ? this.#room.t.loadingOlder : "");
    try {
      if (direction === "older") await this.#older(model.first);
      else await this.#newer(model.last);
      this.#tell(this.#begin && model.first <= this.#begin ? this.#room.t.beginning : "");
    } catch {
      this.#waitUntil = Date.now() + AGAIN_AFTER;
      setTimeout(() => log.changed(), AGAIN_AFTER); // if the reader is still there, it is asked for again
      this.#tell("");
    } finally {
      this.#loading = false;
    }
  }

  /** Shows a message that may be anywhere in the log. @param {number} seq */
  async show(seq) {
    const { log, log: { model } } = this.#room;
    if (log.show(seq)) return;
    try {
      const isKept = model.tail?.some((entry) => entry.seq === seq);
      const events = isKept ? [] : await this.#ask(seq + PORTION / 2);
      if (!isKept && !events.some((event) => event.seq === seq)) return;
      this.#jump(seq, events);
      log.draw();
      log.show(seq);
    } catch {
      // It can be asked for again.
    }
  }

  /** Leaves what is shown for these events, or for the tail if that has the message. @param {number} seq @param {LogEvent[]} events */
  #jump(seq, events) {
    const { model } = this.#room.log;
    model.detach();
    const end = model.tail?.[0]?.seq ?? Infinity;
    if (seq >= end) return model.skipToTail();
    for (const entry of model.entries) model.forget(entry);
    events = events.filter((e) => e.seq < end); // the tail has the others
    model.entries = model.make(events);
    model.first = events[0].seq;
    model.last = /** @type {LogEvent} */ (events.at(-1)).seq;
  }

  /** @param {number} first */
  async #older(first) {
    const { log, log: { model } } = this.#room;
    const events = await this.#ask(first);
    if (model.first !== first || log.follows) return; // something else is looked at by now
    if (!events.length) this.#begin = first;
    else model.first = events[0].seq;
    model.entries.unshift(...model.make(events));
    if (model.entries.length > MOST_ROWS_READING) {
      model.detach();
      for (const entry of model.entries.splice(MOST_ROWS_READING)) model.forget(entry);
      model.last = model.entries[MOST_ROWS_READING - 1].seq;
    }
    log.changed();
  }

  /** The server looks back only: it may take several looks until there is no hole. @param {number} last */
  async #newer(last) {
    const { log, log: { model } } = this.#room;
    /** @type {LogEvent[]} */
    let events = [];
    for (let before = last + PORTION + 1; before > last + 1; before = events[0].seq) {
      const earlier = (await this.#ask(before, Math.min(PORTION, before - last - 1))).filter((e) => e.seq > last);
      if (!earlier.length) break;
      events = [...earlier, ...events];
    }
    if (model.last !== last || !model.tail) return;
    const end = model.tail[0]?.seq ?? Infinity;
    model.entries.push(...model.make(events.filter((e) => e.seq < end)));
    model.last = Math.min(events.at(-1)?.seq ?? last, end - 1);
    if (model.last + 1 >= end) model.attach();
    model.dropFirst(MOST_ROWS_READING);
    log.changed();
  }

  /** @param {number} before @param {number} [limit] */
  async #ask(before, limit = PORTION) {
    const { events, first, reactions } = await this.#room.client.history({ before, limit });
    this.#begin = first;
    if (reactions) this.#room.reactionsCame(reactions);
    return events;
  }

  /** @param {string} text */
  #tell(text) {
    this.#sign.textContent = text;
  }
}
