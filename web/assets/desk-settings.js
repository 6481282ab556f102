// @ts-check
/**
 * The form of the room's settings. It shows what is in force, also when others change it; what
 * somebody has typed stays until it is saved or discarded, and only that is sent.
 */
import { el, field, presets } from "./desk-dom.js";
import { webAddress } from "./dom.js";
import { nameOf } from "./notices.js";

/** @typedef {"title"|"stream_url"|"slow_mode"|"members_only"|"emotes_only"|"unique"} Key */

/**
 * @typedef {object} Setting
 * @property {Key} key
 * @property {HTMLInputElement} input
 * @property {(text: string) => void} complain
 * @property {HTMLElement} meanwhile what others have set it to while somebody typed
 * @property {unknown} seen what was in force when typing began, or when that was last told
 */

const LONGEST_TITLE = 200; // characters
const LONGEST_URL = 2048; // bytes
const SLOWEST = 21_600; // s
const PACES = [0, 5, 30, 120]; // s

export class SettingsForm {
  #desk;
  #button;
  #discard;
  #problem = el("p", { className: "problem", role: "alert" });
  /** @type {Setting[]} */ #settings;
  #by = "";

  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    const { words, room, client } = desk;
    this.#desk = desk;
    this.#button = el("button", { id: "desk-save", part: "button", textContent: words.save });
    this.#discard = el("button", { type: "button", className: "quiet", part: "button", textContent: words.discard, onclick: () => this.#reset() });
    const slow = el("input", { type: "number", min: "0", max: String(SLOWEST), step: "1", inputMode: "numeric" });
    const fields = [
      this.#makeField("title", el("input", { type: "text", dir: "auto" })),
      this.#makeField("stream_url", el("input", { type: "url", dir: "ltr", spellcheck: false, inputMode: "url" })),
      this.#makeField("slow_mode", slow, presets(words.settings.slow_mode, PACES.map((s) => [s ? words.durationLabel(s) : words.off, String(s)]), slow)),
      ...(/** @type {Key[]} */ (["members_only", "emotes_only", "unique"])).map((key) => this.#makeSwitch(key)),
    ];
    this.#settings = fields.map(({ setting }) => setting);
    this.node = el("form", { id: "desk-settings", className: "block", noValidate: true, autocomplete: "off", onsubmit: (/** @type {Event} */ e) => this.#save(e) },
      el("h4", { textContent: words.settingsHeading }),
      ...fields.map(({ node }) => node),
      this.#problem,
      el("div", { className: "buttons" }, this.#button, this.#discard));
    this.node.addEventListener("input", () => this.#showButtons());
    room.addEventListener("info", () => this.show());
    client.addEventListener("settings", (e) => {
      this.#by = nameOf(/** @type {CustomEvent} */ (e).detail.by, room.t);
      this.show();
    }, { signal: room.signal });
  }

  // The fields.

  /** @param {Key} key @param {HTMLInputElement} input @param {HTMLElement} [more] */
  #makeField(key, input, more) {
    const { words } = this.#desk;
    input.id = `desk-${key}`;
    const { node, complain } = field(input, words.settings[key], words.settingHints[key]);
    const setting = this.#makeSetting(key, input, complain);
    if (more) node.append(more);
    node.append(setting.meanwhile);
    return { node, setting };
  }

  /** @param {Key} key */
  #makeSwitch(key) {
    const { words } = this.#desk;
    const id = `desk-${key}`;
    const input = el("input", { id, type: "checkbox", role: "switch", aria: { describedby: `${id}-hint` } });
    const problem = el("p", { className: "problem", role: "alert" });
    const setting = this.#makeSetting(key, input, (text) => (problem.textContent = text));
    const node = el("div", { className: "field switch" },
      el("label", { htmlFor: id, textContent: words.settings[key] }),
      input,
      el("p", { id: `${id}-hint`, className: "muted", textContent: words.settingHints[key] }),
      problem,
      setting.meanwhile);
    return { node, setting };
  }

  /** @param {Key} key @param {HTMLInputElement} input @param {(text: string) => void} complain @returns {Setting} */
  #makeSetting(key, input, complain) {
    const meanwhile = el("p", { className: "meanwhile", role: "status", hidden: true });
    /** @type {Setting} */
    const setting = { key, input, complain, meanwhile, seen: undefined };
    return setting;
  }

  /** @param {Key} key */
  #inForce(key) {
    const value = this.#desk.room.settings[key];
    if (key === "slow_mode") return Number(value) || 0;
    return key === "title" || key === "stream_url" ? String(value ?? "") : value === true;
  }

  /** @param {Setting} setting @returns {string|number|boolean} */
  #typed({ key, input }) {
    if (input.type === "checkbox") return input.checked;
    return key === "slow_mode" ? input.valueAsNumber : input.value.trim();
  }

  /** @param {Setting} setting @param {unknown} value */
  #put({ input }, value) {
    if (input.type === "checkbox") input.checked = value === true;
    else if (input.value !== String(value)) input.value = String(value);
  }

  // What is in force, and what is typed.

  /** Shows what is in force, where nothing else was typed. */
  show() {
    for (const setting of this.#settings) {
      const now = this.#inForce(setting.key);
      const typed = this.#typed(setting);
      const untouched = setting.seen === undefined || typed === setting.seen;
      if (untouched || typed === now) {
        this.#put(setting, now);
        setting.seen = now;
        setting.meanwhile.hidden = true;
      } else if (now !== setting.seen) this.#tellMeanwhile(setting, now);
      else setting.meanwhile.hidden = true;
    }
    this.#showButtons();
  }

  /** @param {Setting} setting @param {string|number|boolean} now */
  #tellMeanwhile(setting, now) {
    const { words } = this.#desk;
    const text = words.changedMeanwhile(this.#by, words.settingValue(setting.key, now));
    setting.meanwhile.hidden = false;
    if (setting.meanwhile.firstChild?.textContent === text) return;
    setting.meanwhile.replaceChildren(el("span", { textContent: text }), " ", el("button", {
      type: "button", className: "link", textContent: words.takeOver,
      onclick: () => {
        this.#put(setting, now);
        this.show();
        setting.input.focus();
      },
    }));
  }

  /** What was typed and is not in force. */
  get #changed() {
    return this.#settings.filter((setting) => this.#typed(setting) !== this.#inForce(setting.key));
  }

  #showButtons() {
    const none = this.#changed.length === 0;
    this.#button.disabled = none;
    this.#discard.hidden = none;
  }

  #reset() {
    for (const setting of this.#settings) {
      setting.seen = undefined;
      setting.complain("");
    }
    this.#problem.textContent = "";
    this.show();
    this.#settings[0].input.focus();
  }

  // Saving.

  /** @param {Event} e */
  async #save(e) {
    e.preventDefault();
    const { client, words, room, toasts } = this.#desk;
    const changed = this.#changed;
    this.#problem.textContent = "";
    if (changed.length === 0 || !this.#check(changed)) return;
    const wanted = Object.fromEntries(changed.map((setting) => [setting.key, this.#typed(setting)]));
    const before = Object.fromEntries(changed.map(({ key }) => [key, room.settings[key]]));
    this.#button.disabled = true;
    try {
      await this.#desk.persist(() => client.set(wanted));
      toasts.show(words.saved, { undo: () => this.#desk.act(() => client.set(before), words.undone) });
    } catch (err) {
      this.#failed(err, changed);
    }
    this.show();
  }

  /** Tells what the server will not take. @param {Setting[]} changed @returns {boolean} whether it may */
  #check(changed) {
    const { words } = this.#desk;
    let well = true;
    for (const setting of [...changed].reverse()) {
      const value = this.#typed(setting);
      let problem = "";
      if (setting.key === "title" && [...String(value)].length > LONGEST_TITLE) problem = words.tooLong(LONGEST_TITLE);
      if (setting.key === "stream_url" && value && (!webAddress(String(value)) || String(value).length > LONGEST_URL)) problem = words.badAddress;
      if (setting.key === "slow_mode" && !(Number.isInteger(value) && Number(value) >= 0 && Number(value) <= SLOWEST)) problem = words.badPace(SLOWEST);
      setting.complain(problem);
      if (!problem) continue;
      well = false;
      setting.input.focus();
    }
    return well;
  }

  /** @param {unknown} err @param {Setting[]} changed */
  #failed(err, changed) {
    const reason = this.#desk.reason(err);
    const { code, message } = /** @type {import("./protocol.js").ChatError} */ (err);
    const about = code === "bad_field" && changed.find(({ key }) => message.includes(key));
    if (!about) return (this.#problem.textContent = reason);
    about.complain(reason);
    about.input.focus();
  }
}
