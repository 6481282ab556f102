// @ts-check
/** The server as a whole: its state, what it depends on, and its switches. */
import { el, finder } from "./dom.js";
import { onAct } from "./dashboard-actions.js";
import { confirm } from "./dashboard-confirm.js";
import { facts } from "./dashboard-room.js";
import { strings as t } from "./dashboard-strings.js";
import { set } from "./dashboard-table.js";

const $ = finder(document);

/** @typedef {import("./dashboard-api.js").Api} Api */
/** @typedef {import("./dashboard-history.js").Status} Status */
/** @typedef {{url: string, name?: string, state: string, last_success: string|null, failures: number, last_error: string}} Other a load balancer or a service */

const PAUSE = 3; // seconds before a restart can be confirmed

/** @type {HTMLTextAreaElement} */ const text = $("announce-text");
/** @type {HTMLSelectElement} */ const level = $("level-choice");

/** @param {string} id @returns {HTMLFormElement} */
const form = (id) => $(id);

export class Server {
  #api;
  #accepting = true;
  #viewers = 0;
  #level = "";

  /**
   * @param {Api} api
   * @param {() => string} host the server's name
   * @param {() => void} changed is called after an action
   * @param {(news: string) => void} tell says what goes on
   */
  constructor(api, host, changed, tell) {
    this.#api = api;
    onAct(form("accepting"), async () => {
      const { accepting } = await api.call("PUT", "accepting", { accepting: !this.#accepting });
      changed();
      return accepting ? t.acceptsAgain : t.acceptsNot;
    });
    onAct(form("announce"), async () => {
      const { rooms } = await api.call("POST", "message", { text: text.value });
      text.value = "";
      return t.said(rooms);
    });
    onAct(form("cache"), async () => {
      await api.call("POST", "cache/refresh");
      changed();
      return t.refreshed;
    });
    onAct(form("level"), async () => {
      this.#showLevel(await api.call("PUT", "log-level", { level: level.value }));
      return "";
    });
    $("restart").addEventListener("click", () => confirm({
      heading: t.restartHeading(host()),
      text: t.restartText(this.#viewers),
      button: t.restartNow,
      pause: PAUSE,
      act: async () => {
        await api.call("POST", "restart");
        tell(t.restarting);
        changed();
      },
    }));
    $("shutdown").addEventListener("click", () => confirm({
      heading: t.shutdownHeading(host()),
      text: t.shutdownText(this.#viewers),
      button: t.shutdownNow,
      word: host(),
      act: async () => {
        await api.call("DELETE", "shutdown");
        tell(t.shuttingDown);
        changed();
      },
    }));
  }

  /** Reads what changes seldom. */
  async load() {
    try {
      this.#showLevel(await this.#api.call("GET", "log-level"));
    } catch {
      // It stays as it was; that the server fails is said elsewhere.
    }
  }

  /** @param {{level: string}} now */
  #showLevel(now) {
    if (level.value === this.#level || !this.#level) level.value = now.level; // else somebody is choosing
    this.#level = now.level;
    $("level-now").textContent = t.levelNow(now.level);
  }

  /** @param {Status} status */
  show(status) {
    this.#viewers = status.viewers;
    this.#accepting = status.accepting;
    set($("accepting-now"), status.draining ? t.draining : status.accepting ? t.accepting : t.notAccepting);
    set($("accepting-button"), status.accepting ? t.stopAccepting : t.accept);
    this.#showStores(status);
    this.#showCache(status.cache);
    this.#showOthers([...(status.loadbalancers ?? []), ...(status.services ?? [])]);
    this.#showMachine(status);
  }

  /** @param {Status} status */
  #showStores({ journal, database }) {
    facts($("stores"), {
      [t.journal]: journal ? t.writes(journal.waiting, journal.lag) : "–",
      [t.journalSize]: journal ? t.bytes(journal.size) : "–",
      ...(journal?.last_error && { [t.journalError]: journal.last_error }),
      [t.database]: database ? t.behind(database.waiting, database.lag) : t.noDatabase,
      ...(database?.last_error && { [t.databaseError]: database.last_error }),
    });
  }

  /** @param {any} cache */
  #showCache(cache) {
    if (!cache) return;
    facts($("cache-facts"), {
      [t.source]: t.sources[cache.source] ?? cache.source,
      [t.cacheAge]: t.duration(cache.age),
      [t.version]: cache.version || "–",
      [t.counts]: t.documents(cache.counts),
      ...(cache.left_out && { [t.leftOut]: t.number(cache.left_out) }),
      ...(cache.last_error && { [t.lastError]: cache.last_error }),
    });
  }

  /** @param {Other[]} others */
  #showOthers(others) {
    $("others-none").hidden = others.length > 0;
    const list = $("others");
    while (list.children.length > others.length) list.lastElementChild?.remove();
    others.forEach((other, i) => {
      const item = list.children[i] ?? list.appendChild(el("li", {}, el("span"), el("strong"), el("p", { className: "muted" }), el("p", { className: "problem" })));
      const [state, name, more, problem] = /** @type {HTMLElement[]} */ ([...item.children]);
      state.className = `badge ${{ up: "good", down: "bad" }[other.state] ?? ""}`;
      set(state, t.states[other.state] ?? other.state);
      set(name, other.name ? t.service(other.name, other.url) : other.url);
      set(more, t.contact(other.last_success ? (this.#api.now() - Date.parse(other.last_success)) / 1000 : null, other.failures));
      set(problem, other.last_error ?? "");
    });
  }

  /** @param {Status} status */
  #showMachine({ machine, process }) {
    if (!machine) return;
    facts($("machine"), {
      [t.cpus]: t.number(machine.cpus),
      [t.load]: machine.load?.map(t.rate).join(" · ") ?? "–",
      [t.memoryFree]: t.outOfBytes(machine.memory_free, machine.memory_total),
      [t.cpuTime]: t.duration(process.cpu_seconds),
    });
  }
}
