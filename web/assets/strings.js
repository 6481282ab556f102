// @ts-check
/**
 * Every text that a page shows. A second language is a second object with the
 * same keys, chosen here by `navigator.languages`; nothing else changes.
 * Texts that depend on something are functions.
 */

const LANGUAGE = "en";

// The reader's own variety of it: British and American clocks differ.
const locale = navigator.languages?.find((l) => l.split("-")[0] === LANGUAGE) ?? LANGUAGE;
const number = new Intl.NumberFormat(locale);
const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

/**
 * @param {number} n
 * @param {string} one
 * @param {string} many
 */
const plural = (n, one, many) => `${number.format(n)} ${n === 1 ? one : many}`;

/** @param {number} s */
const seconds = (s) => (s < 120 ? plural(s, "second", "seconds") : plural(Math.ceil(s / 60), "minute", "minutes"));

/** @param {number} ms a time to come; the day is told if it is not clear */
const soon = (ms) => (ms - Date.now() < 12 * 3_600_000 ? clock : full).format(ms);

/** @param {string} by @param {string} reason */
const because = (by, reason) => `${by ? ` (${by})` : ""}${reason ? `: ${reason}` : "."}`;

export const strings = {
  number: (/** @type {number} */ n) => number.format(n),
  time: (/** @type {number} */ ms) => clock.format(ms),
  fullTime: (/** @type {number} */ ms) => full.format(ms),

  // The room: getting in.
  chat: "Live chat",
  joinHeading: "Join the chat",
  joinHint: "Leave it empty to chat as a guest.",
  nameLabel: "Your name",
  namePlaceholder: "Guest",
  joinButton: "Join",
  nameTooLong: (/** @type {number} */ most) => `A name has at most ${most} characters.`,
  cancel: "Cancel",
  chattingAs: "Chatting as",
  changeName: "Change name",
  pageTitle: (/** @type {string} */ room, /** @type {number} */ unread) => `${unread ? `(${unread}) ` : ""}${room} · Live chat`,

  // The room: the connection.
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "Reconnecting…",
  reconnectingIn: (/** @type {number} */ s) => `Reconnecting in ${number.format(s)} s`,
  reconnected: "You are back in the chat.",
  retryNow: "Try now",
  joinAgain: "Join again",
  notJoined: "Not joined yet",
  waits: /** @type {Record<string, string>} */ ({
    shutdown: "The server is being restarted.",
    restart: "The server is being restarted.",
    full: "The room is full at the moment.",
    too_slow: "Your connection could not keep up.",
    flooding: "Too many messages were sent too fast.",
    busy: "The room is busy at the moment.",
    not_accepting: "The server lets nobody in at the moment.",
    unavailable: "The server is busy with itself at the moment.",
    rate_limited: "Too much was sent too fast.",
    no_token: "Your ticket for this room could not be renewed.",
    lost: "The connection was lost.",
  }),
  tokenRefused: "Your ticket for this room is not valid any more. Reload the page that you came from.",
  closed: /** @type {Record<string, string>} */ ({
    no_join: "The room waited too long for this page.",
    unauthorized: "This room is not open to guests.",
    forbidden: "You may not enter this room.",
    banned: "You are banned from this room.",
    removed: "A moderator has removed you from this room.",
    room_closed: "This room is closed.",
    replaced: "The chat is open in too many places; this one was closed.",
    credit: "Your credit for this room is used up.",
    other: "The server has ended the connection.",
  }),
  closedState: "Closed",

  // The room: its messages.
  logLabel: "Messages",
  logHint: "With the arrow keys you choose a message; Enter replies to it.",
  empty: "No messages yet. Say hello!",
  reply: "Reply",
  replyTo: (/** @type {string} */ name) => `Reply to ${name}`,
  replyingTo: "Replying to",
  cancelReply: "Cancel the reply",
  showOriginal: "Show the message that this answers",
  earlierMessage: "an earlier message",
  removed: "Message removed",
  announcement: "Announcement",
  announcementAll: "Announcement to all rooms",
  roles: /** @type {Record<string, string>} */ ({ producer: "Producer", moderator: "Moderator", platform: "Official", member: "Member" }),
  platformName: "Platform",
  newMessages: (/** @type {number} */ n) => plural(n, "new message", "new messages"),
  toNewest: "Newest messages",
  skipped: (/** @type {number} */ n) => `${plural(n, "message was", "messages were")} skipped because the connection could not keep up.`,
  missed: "You were away for a while. These are the newest messages.",
  newLog: "The room was opened again. Earlier messages are gone.",
  cleared: (/** @type {string} */ by) => (by ? `${by} has cleared the chat.` : "The chat was cleared."),
  settings: {
    title: (/** @type {string} */ v) => (v ? `The title is now “${v}”.` : "The title was removed."),
    slow_mode: (/** @type {number} */ v) => (v ? `Slow mode is on: one message every ${seconds(v)}.` : "Slow mode is off."),
    members_only: (/** @type {boolean} */ v) => (v ? "Only members may chat now." : "Everyone may chat again."),
    emotes_only: (/** @type {boolean} */ v) => (v ? "Only emotes may be sent now." : "All messages are welcome again."),
    unique: (/** @type {boolean} */ v) => (v ? "The same message may not be sent twice in a row now." : "Messages may be repeated again."),
    pinned: (/** @type {number|null} */ v) => (v ? "A message was pinned." : "No message is pinned any more."),
  },
  pinned: "Pinned:",
  pinnedText: (/** @type {string} */ name, /** @type {string} */ text) => (name ? `${name}: ${text}` : text),
  sanction: /** @type {Record<string, (name: string, by: string, until: number, reason: string) => string>} */ ({
    timeout: (name, by, until, reason) => `${name} may not chat until ${soon(until)}${because(by, reason)}`,
    ban: (name, by, until, reason) => `${name} was banned${until ? ` until ${full.format(until)}` : ""}${because(by, reason)}`,
    unban: (name, by, _, reason) => `${name} may chat here again${because(by, reason)}`,
  }),
  somebody: "Somebody",
  poll: (/** @type {string} */ question, /** @type {string[]} */ options) => `Poll: ${question} (${options.join(" · ")})`,
  pollClosed: (/** @type {string} */ question, /** @type {string[]} */ options, /** @type {number[]} */ votes) =>
    `The poll is over: ${question} (${options.map((option, i) => `${option}: ${number.format(votes[i] ?? 0)}`).join(" · ")})`,
  tip: (/** @type {string} */ name, /** @type {number} */ amount, /** @type {string} */ currency, /** @type {string} */ text) =>
    `${name} gives ${number.format(amount)} ${currency}${text ? `: ${text}` : "."}`,
  whisper: (/** @type {string} */ from, /** @type {string} */ to, /** @type {string} */ text) => `${from} whispers to ${to}: ${text}`,
  modes: {
    slow_mode: (/** @type {number} */ v) => `Slow mode: ${seconds(v)}`,
    members_only: () => "Members only",
    emotes_only: () => "Emotes only",
  },

  // The room: writing.
  messageLabel: "Message",
  messagePlaceholder: "Say something",
  send: "Send",
  sending: "Sending…",
  sendingLater: "Waiting for the connection…",
  sendAgain: "Send again",
  discard: "Discard",
  charactersLeft: (/** @type {number} */ n) => (n < 0 ? `${plural(-n, "character", "characters")} too many` : `${plural(n, "character", "characters")} left`),
  tooManyLines: (/** @type {number} */ most) => `A message has at most ${most} lines.`,
  again: (/** @type {number} */ s) => `You can send again in ${seconds(s)}.`,
  errors: /** @type {Record<string, string>} */ ({
    offline: "You are not connected. Your message stays here until you are.",
    not_sent: "Your message was not sent before the connection was lost.",
    unsure: "The connection was lost; your message may or may not have arrived.",
    no_answer: "The server did not answer.",
    too_long: "Your message is too long.",
    rate_limited: "You are sending too fast.",
    busy: "The room is very busy at the moment.",
    slow_mode: "Slow mode is on.",
    duplicate: "You have just said the same.",
    members_only: "Only members may chat at the moment.",
    emotes_only: "Only emotes may be sent at the moment.",
    guests_read_only: "Guests can read here, but not chat.",
    timed_out: "A moderator has put you on a break.",
    blocked_word: "A word in your message is not allowed here.",
    not_found: "The message that you answered is gone.",
    unavailable: "Your message could not be stored.",
    forbidden: "You may not do this here.",
    unauthorized: "You are not logged in here.",
    banned: "You are banned from this room.",
    empty: "There is nothing to read in your message.",
    poll_open: "There is a poll already.",
    poll_closed: "This poll is over.",
    tip_refused: "Your tip was not accepted.",
    internal: "The server failed. Please try again.",
  }),
  otherError: "Your message was not accepted.",

  // The room: who is in it.
  people: "People",
  peopleLabel: (/** @type {number} */ n) => `${plural(n, "person", "people")} here. Show who`,
  watching: (/** @type {number} */ n) => `${number.format(n)} watching`,
  closePeople: "Close the list of people",
  searchPeople: "Search by name",
  searchLabel: "Search people whose name starts with",
  nobody: "Nobody of that name is here.",
  morePeople: (/** @type {number} */ n) => `and ${number.format(n)} more`,
  peopleOffline: "The list comes back with the connection.",
  you: "you",

  // The landing page.
  landingHeading: "Live chat beside your stream",
  landingLead: "Every stream gets a room of its own: open one with an API call, share its link, and talk.",
  enterHeading: "Enter a room",
  roomLabel: "Room",
  roomPlaceholder: "testroom",
  roomRule: "Letters, digits, dots, dashes and underscores; the first is a letter or a digit.",
  enterButton: "Enter",
  noSuchRoom: (/** @type {string} */ name) => `No room “${name}” is open.`,
  createHeading: "Create a room",
  keyLabel: "API key",
  keyHint: "Sent to this server only, and forgotten when you leave the page.",
  createButton: "Create",
  creating: "Creating…",
  created: (/** @type {string} */ name) => `“${name}” is open.`,
  existed: (/** @type {string} */ name) => `“${name}” was open already.`,
  ownPort: "On its own port",
  underPath: "Under this address",
  noMoreRooms: "No more rooms can be created here at the moment.",
  curlHeading: "The same from a terminal",
  copy: "Copy",
  copied: "Copied",
  openRooms: "Open rooms",
  noRooms: "No room is open.",
  refresh: "Refresh",
  needKey: "Enter the API key.",
  badRoom: "This is no name for a room.",
  unreachable: "The server cannot be reached.",
  unexpected: (/** @type {number} */ status) => `The server answered with status ${status}.`,
};

/**
 * Fills the page's fixed texts: `data-t` names an element's text, `data-t-X` its
 * attribute X.
 * @param {Document} page
 */
export function fill(page) {
  const text = (/** @type {string|undefined} */ key) => String(strings[/** @type {keyof typeof strings} */ (key)]);
  page.documentElement.lang = LANGUAGE;
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (page.querySelectorAll("[data-t]"))) {
    node.textContent = text(node.dataset.t);
  }
  for (const attribute of ["placeholder", "aria-label", "title"]) {
    for (const node of page.querySelectorAll(`[data-t-${attribute}]`)) {
      node.setAttribute(attribute, text(node.getAttribute(`data-t-${attribute}`) ?? ""));
    }
  }
}
