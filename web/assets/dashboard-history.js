// @ts-check
/**
 * What the page remembers of the last minutes: a ring of samples, for the server and for
 * each room that is open. Nothing of it outlives the page.
 */

/** @typedef {Record<string, any>} Status the answer of `status` */
/** @typedef {Record<string, any>} Room one of the answer of `rooms` */

export const EVERY = 2000; // ms between two samples
const LENGTH = 300; // samples: 10 minutes
const GAP = 3 * EVERY; // ms; across more than that no line is drawn

const ROOM = ["viewers", "messages", "inbox", "busy", "refused", "skipped"];
const SERVER = ["viewers", "messages", "inbox", "refused", "skipped", "out", "cpu", "resident", "heap", "goroutines", "files", "journal", "database"];

export class Ring {
  /** @param {string[]} names */
  constructor(names) {
    /** @type {Record<string, Float32Array>} */
    this.values = Object.fromEntries(names.map((name) => [name, new Float32Array(LENGTH).fill(NaN)]));
  }
}

/** The ring of a room, and its counters at the last sample. */
class RoomRing extends Ring {
  /** @param {Room} room */
  constructor(room) {
    super(ROOM);
    this.epoch = room.epoch;
    this.seen = counters(room);
  }
}

export class History {
  #times = new Float64Array(LENGTH).fill(NaN);
  #at = -1; // the newest sample
  #cpu = NaN; // seconds at the last sample
  /** @type {Map<string, RoomRing>} */
  #rooms = new Map();
  server = new Ring(SERVER);

  /** @param {string} name */
  room(name) {
    return this.#rooms.get(name);
  }

  /**
   * Adds a sample.
   * @param {number} now milliseconds, by a clock that is never set
   * @param {Status} status
   * @param {Room[]} rooms
   */
  add(now, status, rooms) {
    const first = this.#at < 0;
    const seconds = (now - this.#times[this.#at]) / 1000;
    this.#at = (this.#at + 1) % LENGTH;
    this.#times[this.#at] = now;
    const sums = { messages: 0, inbox: 0, refused: 0, skipped: 0, out: 0 };
    const before = this.#rooms;
    this.#rooms = new Map();
    for (const room of rooms) {
      let ring = before.get(room.name);
      const known = ring?.epoch === room.epoch;
      if (!ring || !known) ring = new RoomRing(room);
      this.#rooms.set(room.name, ring);
      const is = counters(room);
      // A room that was opened since the last sample has counted all of it since then.
      const seen = known ? ring.seen : first ? is : { busy: 0, refused: 0, skipped: 0, out: 0 };
      ring.seen = is;
      const busy = growth(seen.busy, is.busy) / seconds; // NaN in the first sample
      const refused = growth(seen.refused, is.refused) / seconds;
      const skipped = growth(seen.skipped, is.skipped) / seconds;
      this.#put(ring, { viewers: room.viewers, messages: room.message_rate, inbox: room.inbox_depth, busy, refused, skipped });
      sums.messages += room.message_rate;
      sums.inbox = Math.max(sums.inbox, room.inbox_depth);
      sums.refused += refused;
      sums.skipped += skipped;
      sums.out += growth(seen.out, is.out) / seconds;
    }
    const p = status.process;
    this.#put(this.server, {
      ...sums,
      viewers: status.viewers,
      cpu: (100 * growth(this.#cpu, p.cpu_seconds)) / seconds / (status.machine?.cpus || 1),
      resident: p.resident,
      heap: p.heap,
      goroutines: p.goroutines,
      files: p.open_files,
      journal: status.journal?.lag ?? NaN,
      database: status.database?.lag ?? NaN,
    });
    this.#cpu = p.cpu_seconds;
  }

  /** @param {Ring} ring @param {Record<string, number>} values */
  #put(ring, values) {
    for (const [name, series] of Object.entries(ring.values)) series[this.#at] = values[name];
  }

  /** The newest value; NaN before there is one. @param {Ring} ring @param {string} name */
  last(ring, name) {
    return ring.values[name][this.#at] ?? NaN;
  }

  /**
   * The samples of some series, oldest first, as lists without a gap in them.
   * @param {Ring} ring
   * @param {string} name
   * @param {number} [within] ms; older ones are left out
   * @returns {{time: number, value: number}[][]}
   */
  runs(ring, name, within = Infinity) {
    const runs = [];
    let run = null;
    let last = NaN;
    const from = this.newest - within;
    for (let n = 1; n <= LENGTH; n++) {
      const i = (this.#at + n) % LENGTH;
      const time = this.#times[i];
      const value = ring.values[name][i];
      if (!(time >= from) || Number.isNaN(value)) continue;
      if (!run || time - last > GAP) runs.push((run = /** @type {{time: number, value: number}[]} */ ([])));
      run.push({ time, value });
      last = time;
    }
    return runs;
  }

  /** When the newest sample was taken. */
  get newest() {
    return this.#times[this.#at] ?? NaN;
  }

  /** How long ago the oldest sample is, in milliseconds. */
  get length() {
    const oldest = this.#times[(this.#at + 1) % LENGTH];
    return this.newest - (Number.isNaN(oldest) ? this.#times[0] : oldest);
  }
}

/** @param {Room} room */
function counters(room) {
  return { busy: room.refused_busy, refused: room.refused_busy + room.refused_rate_limited, skipped: room.skipped, out: room.bytes_out };
}

/** By how much a counter grew; one that fell began again at 0. @param {number} from @param {number} to */
const growth = (from, to) => (to < from ? to : to - from);
