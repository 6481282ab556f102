// @ts-check
/** The message that is pinned, above the others. */
import { finder, preview } from "./dom.js";
import { nameOf } from "./notices.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */

export class Pinned {
  #room;
  #bar;
  #text;
  /** @type {LogEvent|null} one that the list does not have */ #old = null;
  #asked = 0;

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    const $ = finder(room.root);
    this.#room = room;
    this.#bar = $("pinned");
    this.#text = $("pinned-text");
    this.#text.addEventListener("click", () => room.show(this.#seq));
    room.addEventListener("info", () => this.#show());
    room.client.addEventListener("caughtup", () => this.#show());
    room.client.addEventListener("event", (e) => {
      const { target, seq, type } = /** @type {CustomEvent} */ (e).detail;
      if (target === this.#old?.seq || type === "cleared") this.#old = null;
      if ([seq, target].includes(this.#seq) || type === "cleared") this.#show();
    });
    this.#show();
  }

  get #seq() {
    return Number(this.#room.settings.pinned) || 0;
  }

  #show() {
    const seq = this.#seq;
    const message = this.#room.log.message(seq) ?? (this.#old?.seq === seq ? this.#old : null);
    this.#bar.hidden = !seq || message?.redacted === true;
    this.#text.textContent = message && !message.redacted
      ? this.#room.t.pinnedText(nameOf(message.user, this.#room.t), preview(message.text ?? ""))
      : this.#room.t.earlierMessage;
    if (seq && !message) this.#ask(seq);
  }

  /** It may be older than all that is shown. @param {number} seq */
  async #ask(seq) {
    if (this.#asked === seq || this.#room.client.state.name !== "live") return;
    this.#asked = seq;
    try {
      const { events } = await this.#room.client.history({ before: seq + 1, limit: 1 });
      if (events[0]?.seq === seq) this.#old = events[0];
    } catch {
      this.#asked = 0;
      return;
    }
    this.#show();
  }
}
