// @ts-check
/**
 * The commands that wait for an answer, and what becomes of them when the connection
 * breaks before it has come.
 */
import { ChatError, sameText } from "./protocol.js";

/** @typedef {import("./protocol.js").LogEvent} LogEvent */

const ANSWER_WITHIN = 20_000; // ms, for questions
const RESEND_WITHIN = 120_000; // well inside the server's memory of ids

/** Commands that change nothing: their answer is worth nothing later. */
const QUESTIONS = new Set(["who", "history", "ping"]);

/**
 * A command that waits for its answer.
 * @typedef {object} Call
 * @property {string} id
 * @property {Record<string, any>} command
 * @property {(answer: any) => void} resolve
 * @property {(err: ChatError) => void} reject
 * @property {ReturnType<typeof setTimeout>} [timer]
 * @property {string} sentAs user id
 * @property {number} sentAt
 * @property {number} after the newest seq when it was sent
 * @property {number} [seen] the seq under which a message was seen in the log
 * @property {boolean} lost the connection broke before the answer
 */

export class Calls {
  /** @type {Map<string, Call>} in the order of sending */ #calls = new Map();
  #idPrefix = newIdPrefix();
  #lastId = 0;

  /**
   * Gives a command an id, unless it has one, and waits for what is answered to it.
   * @param {Record<string, any>} command
   * @param {string} sentAs our user id
   * @param {number} after the newest seq
   * @returns {{command: Record<string, any>, id: string, done: Promise<any>}}
   */
  add(command, sentAs, after) {
    const { id = `${this.#idPrefix}-${++this.#lastId}` } = command;
    const full = { ...command, id };
    const done = new Promise((resolve, reject) => {
      /** @type {Call} */
      const call = { id, command: full, resolve, reject, sentAs, sentAt: Date.now(), after, lost: false };
      // What changes something has no deadline: the answer comes, or the connection breaks.
      if (QUESTIONS.has(command.type)) call.timer = setTimeout(() => this.settle(id, new ChatError("no_answer")), ANSWER_WITHIN);
      this.#calls.set(id, call);
    });
    return { command: full, id, done };
  }

  /**
   * Answers a command; false when none of this id waits.
   * @param {string|undefined} id
   * @param {ChatError|object} answer
   */
  settle(id, answer) {
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (!call) return false;
    this.#calls.delete(call.id);
    clearTimeout(call.timer);
    if (answer instanceof ChatError) call.reject(answer);
    else call.resolve(answer);
    return true;
  }

  /** @param {ChatError} err */
  failAll(err) {
    for (const id of [...this.#calls.keys()]) this.settle(id, err);
  }

  /** The connection broke: questions have failed, the rest waits for the next one. */
  lose() {
    for (const call of [...this.#calls.values()]) {
      if (QUESTIONS.has(call.command.type)) this.settle(call.id, new ChatError("offline"));
      else call.lost = true;
    }
  }

  /** The connection goes on as it was: the answers will come. */
  goOn() {
    for (const call of this.#calls.values()) call.lost = false;
  }

  /**
   * Finds the message of ours that `event` is.
   * @param {LogEvent} event
   * @returns {{id: string, seq: number}|null}
   */
  recognise(event) {
    if (event.type !== "message" || !event.user) return null;
    for (const call of this.#calls.values()) {
      const ours = call.command.type === "message" && call.seen === undefined && call.sentAs === event.user.id && event.seq > call.after;
      if (!ours || !(event.redacted || sameText(call.command.text, event.text ?? ""))) continue;
      call.seen = event.seq;
      return { id: call.id, seq: event.seq };
    }
    return null;
  }

  /**
   * The log goes on differently after `seq`: what stood there was not said.
   * @param {number} seq
   */
  forgetSeenBeyond(seq) {
    for (const call of this.#calls.values()) {
      if (call.seen !== undefined && call.seen > seq) call.seen = undefined;
    }
  }

  /**
   * The replay is complete: decides about each command that was lost, and returns
   * those to send again.
   * @param {boolean} complete nothing is missing between before and now
   * @param {string} userId ours now
   * @returns {Record<string, any>[]}
   */
  settleLost(complete, userId) {
    const again = [];
    for (const call of [...this.#calls.values()].filter((c) => c.lost)) {
      // With the same id the server knows a repeat; of a guest's message the replay
      // tells; of what else a guest did nothing does.
      const certain = call.sentAs === userId || (complete && call.command.type === "message");
      if (call.seen !== undefined) this.settle(call.id, { type: "ack", id: call.id, seq: call.seen });
      else if (!certain) this.settle(call.id, new ChatError("unsure"));
      else if (Date.now() - call.sentAt > RESEND_WITHIN) this.settle(call.id, new ChatError("not_sent"));
      else {
        call.lost = false;
        call.sentAs = userId;
        again.push(call.command);
      }
    }
    return again;
  }
}

/** Random enough that no other page of this user has the same; works without TLS. */
function newIdPrefix() {
  return [...crypto.getRandomValues(new Uint32Array(2))].map((n) => n.toString(36)).join("");
}
