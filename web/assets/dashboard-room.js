// @ts-check
/** One room: its graphs, and what can be done to it. */
import { el, finder, webAddress } from "./dom.js";
import { onAct } from "./dashboard-actions.js";
import { confirm } from "./dashboard-confirm.js";
import { Graph } from "./dashboard-graph.js";
import { strings as t } from "./dashboard-strings.js";
import { set } from "./dashboard-table.js";

const $ = finder(document);

/** @typedef {import("./dashboard-api.js").Api} Api */
/** @typedef {import("./dashboard-history.js").History} History */
/** @typedef {import("./dashboard-history.js").Room} Room */

/** @type {HTMLDialogElement} */ const dialog = $("room");
/** @type {HTMLTextAreaElement} */ const text = $("room-announce-text");
/** @type {HTMLInputElement} */ const user = $("room-user");
/** @type {HTMLAnchorElement} */ const link = $("room-link");

export class RoomPanel {
  #api;
  #history;
  #ring; // of the room as it was last seen; stays when the room is gone
  /** @type {Room|null} */ #room = null;
  #outcomes;
  #graphs = [
    new Graph(t.viewers, [{ name: "viewers" }], t.number),
    new Graph(t.messages, [{ name: "messages" }], t.rate),
    new Graph(t.inbox, [{ name: "inbox" }], t.number),
    new Graph(t.losses, [{ name: "refused", label: t.refused }, { name: "skipped", label: t.skipped }], t.rate),
  ];

  /**
   * @param {Api} api
   * @param {History} history
   * @param {() => void} changed is called after an action
   * @param {(room: string) => void} ban leads to the bans of a room
   */
  constructor(api, history, changed, ban) {
    this.#api = api;
    this.#history = history;
    this.#ring = history.room("");
    $("room-graphs").append(...this.#graphs.map((graph) => graph.node));
    $("room-dismiss").addEventListener("click", () => dialog.close());
    $("room-ban").addEventListener("click", () => {
      dialog.close();
      ban(this.#name);
    });
    const said = onAct(/** @type {HTMLFormElement} */ ($("room-announce")), async () => {
      await api.call("POST", `${this.#path}/message`, { text: text.value });
      text.value = "";
      return t.saidHere;
    });
    const removed = onAct(/** @type {HTMLFormElement} */ ($("room-remove")), async () => {
      const { connections } = await api.call("DELETE", `${this.#path}/user/${encodeURIComponent(user.value)}`);
      user.value = "";
      changed();
      return t.removed(connections);
    });
    this.#outcomes = [said, removed];
    $("room-close").addEventListener("click", () => confirm({
      heading: t.closeHeading(this.#name),
      text: t.closeText(this.#room?.viewers ?? 0),
      button: t.closeRoom,
      act: async () => {
        await api.call("DELETE", `${this.#path}/shutdown`);
        dialog.close();
        changed();
      },
    }));
  }

  get #name() {
    return this.#room?.name ?? "";
  }

  get #path() {
    return `room/${encodeURIComponent(this.#name)}`;
  }

  /** @param {Room} room */
  open(room) {
    if (room.name !== this.#name) text.value = user.value = "";
    for (const outcome of this.#outcomes) outcome.clear();
    this.#room = room;
    $("room-name").textContent = room.name;
    link.href = webAddress(room.url) ?? "";
    dialog.showModal();
    this.#draw(room);
  }

  /** Brings an open panel up to date. @param {Room[]} rooms */
  show(rooms) {
    if (dialog.open) this.#draw(rooms.find((room) => room.name === this.#name));
  }

  /** @param {Room} [room] */
  #draw(room) {
    $("room-gone").hidden = room !== undefined;
    if (!room) return;
    this.#room = room;
    this.#ring = this.#history.room(room.name);
    const more = ["", t.perSecond, t.highWater(room.inbox_high, room.inbox_size), t.perSecond];
    this.#graphs.forEach((graph, i) => graph.draw(this.#history, this.#ring, more[i]));
    facts($("room-facts"), {
      [t.producer]: room.producer ? `${room.producer.name} (${room.producer.id})` : "–",
      [t.age]: `${t.duration(room.age)} · ${t.date(Date.parse(room.created))}`,
      [t.port]: String(room.port),
      [t.events]: t.number(room.seq),
      [t.refused]: t.refusals(room.refused_busy, room.refused_rate_limited),
      [t.skipped]: t.number(room.skipped),
      [t.out]: t.bytes(room.bytes_out),
      [t.panicsLabel]: t.number(room.panics),
      [t.epoch]: room.epoch,
    });
  }
}

/**
 * Fills a list of names and values.
 * @param {HTMLElement} list a dl
 * @param {Record<string, string>} values
 */
export function facts(list, values) {
  const names = Object.keys(values);
  if (list.dataset.names !== names.join()) {
    list.dataset.names = names.join();
    list.replaceChildren(...names.flatMap((name) => [el("dt", { textContent: name }), el("dd")]));
  }
  list.querySelectorAll("dd").forEach((value, i) => set(value, values[names[i]]));
}
