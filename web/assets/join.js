// @ts-check
/** The form that asks for a name, in the place of the chat. */
import { finder, memory } from "./dom.js";

const NAME = "chat.name";
const LONGEST_NAME = 25; // characters

export class Join {
  #t;
  #form;
  #chat;
  #box;
  #cancel;
  #problem;

  /**
   * @param {object} parts
   * @param {ShadowRoot} parts.root
   * @param {import("./strings.js").Strings} parts.t
   * @param {(name: string) => void} parts.onJoin
   * @param {() => void} parts.onShown the chat is shown in its place
   */
  constructor({ root, t, onJoin, onShown }) {
    const $ = finder(root);
    this.#t = t;
    this.#form = $("join");
    this.#chat = $("chat");
    this.#box = /** @type {HTMLInputElement} */ ($("name"));
    this.#cancel = $("join-cancel");
    this.#problem = $("name-problem");
    this.#box.value = memory.get(NAME) ?? "";
    $("join-form").addEventListener("submit", (e) => {
      e.preventDefault();
      if ([...this.name].length > LONGEST_NAME) return this.ask({ problem: t.nameTooLong(LONGEST_NAME) });
      memory.set(NAME, this.name);
      onJoin(this.name);
      onShown();
    });
    this.#cancel.addEventListener("click", () => {
      this.done();
      onShown();
    });
  }

  /** What stands in the form. */
  get name() {
    return this.#box.value.trim();
  }

  /** The name that was used here before; null: none. */
  get remembered() {
    return memory.get(NAME);
  }

  /**
   * @param {object} how
   * @param {string} [how.problem] with the name that was given before
   * @param {boolean} [how.mayCancel] there is a chat to go back to
   * @param {boolean} [how.takeFocus]
   */
  ask({ problem = "", mayCancel = false, takeFocus = true }) {
    this.#form.hidden = false;
    this.#chat.hidden = true;
    this.#cancel.hidden = !mayCancel;
    this.#problem.textContent = problem;
    this.#box.setAttribute("aria-invalid", String(problem !== ""));
    if (!takeFocus) return;
    this.#box.focus();
    this.#box.select();
  }

  /** Shows the chat. */
  done() {
    this.#form.hidden = true;
    this.#chat.hidden = false;
  }
}
