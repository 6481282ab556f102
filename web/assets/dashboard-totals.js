// @ts-check
/** The graphs of the whole server. */
import { finder } from "./dom.js";
import { Graph } from "./dashboard-graph.js";
import { strings as t } from "./dashboard-strings.js";

const $ = finder(document);

/** @typedef {import("./dashboard-history.js").History} History */
/** @typedef {import("./dashboard-history.js").Status} Status */
/** @typedef {import("./dashboard-history.js").Room} Room */

/** @type {[Graph, (status: Status, rooms: Room[]) => string][]} each with what it says beside its values */
const graphs = [
  [new Graph(t.viewers, [{ name: "viewers" }], t.number), ({ rooms }) => t.inRooms(rooms.open, rooms.capacity)],
  [new Graph(t.messages, [{ name: "messages" }], t.rate), () => t.perSecond],
  [new Graph(t.inbox, [{ name: "inbox" }], t.number), (_, rooms) => t.fullest(rooms)],
  [new Graph(t.losses, [{ name: "refused", label: t.refused }, { name: "skipped", label: t.skipped }], t.rate), () => t.perSecond],
  [new Graph(t.out, [{ name: "out" }], t.bytes), () => t.perSecond],
  [new Graph(t.cpu, [{ name: "cpu" }], t.percent), ({ machine }) => (machine ? t.ofCPUs(machine.cpus) : "")],
  [new Graph(t.memory, [{ name: "resident", label: t.resident }, { name: "heap", label: t.heap }], t.bytes), ({ machine }) => (machine ? t.of(t.bytes(machine.memory_total)) : "")],
  [new Graph(t.goroutines, [{ name: "goroutines" }], t.number), () => ""],
  [new Graph(t.files, [{ name: "files" }], t.number), ({ process }) => (process.max_files ? t.of(t.number(process.max_files)) : "")],
  [new Graph(t.lag, [{ name: "journal", label: t.journal }, { name: "database", label: t.database }], t.seconds), () => ""],
];
$("graphs").append(...graphs.map(([graph]) => graph.node));

/** @param {History} history @param {Status} status @param {Room[]} rooms */
export function drawTotals(history, status, rooms) {
  for (const [graph, more] of graphs) graph.draw(history, history.server, more(status, rooms));
}
