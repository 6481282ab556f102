// @ts-check
/** English, for the desk. Texts that depend on something are functions. */

/** @param {import("./strings.js").Tools} tools */
export default ({ number, percent, plural, time, fullTime }) => {
  const SIZES = /** @type {[number, Record<string, string>][]} */ ([
    [86_400, { one: "# day", other: "# days" }],
    [3600, { one: "# hour", other: "# hours" }],
    [60, { one: "# minute", other: "# minutes" }],
    [1, { one: "# second", other: "# seconds" }],
  ]);
  const duration = (/** @type {number} */ s) => {
    const [size, forms] = SIZES.find(([size]) => s >= size && s % size === 0) ?? SIZES[3];
    return plural(s / size, forms);
  };
  const characters = (/** @type {number} */ n) => plural(n, { one: "# character", other: "# characters" });
  const votes = (/** @type {number} */ n) => plural(n, { one: "# vote", other: "# votes" });
  const messages = (/** @type {number} */ n) => plural(n, { one: "# message", other: "# messages" });
  const isToday = (/** @type {number} */ ms) => new Date(ms).toDateString() === new Date().toDateString();

  return {
    desk: "Moderation",
    openDesk: "Moderation desk",
    closeDesk: "Close the moderation desk",
    tabs: { room: "Room", poll: "Poll", sanctions: "Bans", acts: "Log", figures: "Graphs" },
    duration,
    durationLabel: duration,
    clock: (/** @type {number} */ ms) => (isToday(ms) ? time : fullTime)(ms),

    // Acts on messages and people.
    pin: "Pin",
    unpin: "Unpin",
    timeout: "Time out…",
    ban: "Ban…",
    lift: "Lift",
    showActs: "Show in the log",
    removed: (/** @type {string} */ name) => `The message of ${name} was removed.`,
    pinned: "The message is pinned.",
    unpinned: "The pin is gone.",
    undo: "Undo",
    undone: "It was undone.",
    dismiss: "Close this note",
    timeoutHeading: (/** @type {string} */ name) => `Time out ${name}?`,
    timeoutAbout: "They can read on, but not chat until the time is over.",
    timeoutButton: "Time out",
    banHeading: (/** @type {string} */ name) => `Ban ${name}?`,
    banAbout: "They are thrown out at once, and kept out until the ban is lifted.",
    banButton: "Ban",
    howLong: "For how long",
    own: "Other",
    ownCount: "How many",
    ownUnit: "Of what",
    units: /** @type {Record<number, string>} */ ({ 60: "minutes", 3600: "hours", 86400: "days" }),
    durationProblem: (/** @type {number} */ most) => `Choose a time of at most ${duration(most)}.`,
    reason: "Reason (optional)",
    reasonHint: "Everybody in the chat sees it.",
    reasonsBefore: "Reasons that you gave before",

    // The room.
    settingsHeading: "Settings",
    settings: /** @type {Record<string, string>} */ ({
      title: "Title",
      stream_url: "Address of the stream",
      slow_mode: "Slow mode",
      members_only: "Members only",
      emotes_only: "Emotes only",
      unique: "No repeats",
    }),
    settingHints: {
      title: "",
      stream_url: "An HLS playlist (.m3u8). Empty: the chat alone.",
      slow_mode: "Seconds between two messages of the same person. 0: off.",
      members_only: "Others can read.",
      emotes_only: "Messages are emoji and emotes alone.",
      unique: "Nobody may say the same again within 30 seconds.",
    },
    settingValue: (/** @type {string} */ key, /** @type {any} */ value) => {
      if (key === "slow_mode") return value ? duration(value) : "off";
      if (typeof value === "boolean") return value ? "on" : "off";
      return value ? `“${value}”` : "nothing";
    },
    off: "Off",
    save: "Save",
    discard: "Discard changes",
    saved: "The settings are saved.",
    changedMeanwhile: (/** @type {string} */ by, /** @type {string} */ value) => `${by} has set this to ${value} meanwhile.`,
    takeOver: "Take that",
    tooLong: (/** @type {number} */ most) => `That is too long: at most ${characters(most)}.`,
    badAddress: "This is no address that begins with https:// or http://.",
    badPace: (/** @type {number} */ most) => `A whole number from 0 to ${number(most)}.`,
    announceHeading: "Announcement",
    announceLabel: "What to announce",
    announceHint: "It stands out among the messages.",
    announceButton: "Announce",
    announced: "It was announced.",
    clearHeading: "Clear the chat",
    clearHint: "Removes all messages for everybody.",
    clearButton: "Clear the chat…",
    clearFirst: "Clear the chat?",
    clearFirstAbout: "All messages so far go, for everybody.",
    clearGoOn: "Go on",
    clearSecond: "Are you sure?",
    clearSecondAbout: "Nobody can bring the messages back.",
    clearNow: "Remove all messages",
    clearDone: "The chat was cleared.",
    keysHeading: "Keys",
    keys: [
      ["↑ ↓", "choose a message, from the empty box on"],
      ["M", "all that can be done with it"],
      ["Delete", "remove it"],
      ["P", "pin it, or take its pin away"],
      ["T", "time its author out"],
      ["B", "ban its author"],
      ["L", "lift what its author has"],
      ["U", "undo what was done last"],
    ],

    // Polls.
    pollHeading: "New poll",
    noPoll: "No poll is open. The producer can open one.",
    question: "Question",
    option: (/** @type {number} */ n) => `Answer ${number(n)}`,
    addOption: "Add an answer",
    removeOption: (/** @type {number} */ n) => `Take answer ${number(n)} away`,
    howLongPoll: "How long it is open",
    needed: "Something is missing here.",
    openPoll: "Open the poll",
    pollOpened: "The poll is open.",
    closePoll: "Close it now",
    pollClosed: "The poll is closed.",
    newPoll: "New poll",
    pollShare: (/** @type {number} */ share, /** @type {number} */ n) => `${number(n)} · ${percent(share)}`,
    pollOpen: (/** @type {number} */ n, /** @type {number} */ s) =>
      `${votes(n)} · ${s ? `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")} left` : "about to end"}`,
    pollOver: (/** @type {number} */ n) => `${votes(n)} · The poll is over.`,

    // People who may not chat, or not come in.
    sanctionsHint: "What this room’s log tells. What operators or the platform set elsewhere is not in it.",
    noSanctions: "Nobody is timed out or banned, as far as was looked.",
    sanctionKinds: /** @type {Record<string, string>} */ ({ timeout: "Timed out", ban: "Banned" }),
    sanctionBy: (/** @type {string} */ until, /** @type {string} */ by) => `${until ? `until ${until}` : "until it is lifted"} · by ${by}`,

    // The log of acts.
    filterActs: "Filter by person",
    filterLabel: "Show only acts by or on people with this in their name or id",
    noActs: "Nothing of that was done, as far as was looked.",
    acts: {
      deleted: (/** @type {string} */ name) => (name ? `removed a message of ${name}` : "removed a message"),
      deletedOwn: "removed an own message",
      cleared: "cleared the chat",
      timeout: (/** @type {string} */ name, /** @type {string} */ until) => `timed ${name} out until ${until}`,
      ban: (/** @type {string} */ name, /** @type {string} */ until) => `banned ${name}${until ? ` until ${until}` : ""}`,
      unban: (/** @type {string} */ name, /** @type {string} */ _) => `lifted what ${name} had`,
      set: (/** @type {string} */ setting, /** @type {string} */ value) => `${setting}: ${value}`,
      pinned: "pinned a message",
      unpinned: "took the pin away",
      announcement: (/** @type {string} */ text) => `announced: ${text}`,
      poll: (/** @type {string} */ question) => `opened the poll “${question}”`,
      pollClosed: (/** @type {string} */ question) => `closed the poll “${question}”`,
    },
    lookBack: "Look further back",
    looking: "Looking back…",
    lookedBackTo: (/** @type {string} */ when) => `All since ${when}.`,
    lookedBackToBegin: "All since the log began.",
    ledgerFull: (/** @type {number} */ n) => `These are the newest ${number(n)}; no more are kept here.`,

    // Figures over time.
    viewers: "Viewers",
    messages: "Messages a minute",
    messagesIn: messages,
    viewersAlt: (/** @type {number} */ now, /** @type {number} */ most, /** @type {number} */ minutes) =>
      `Now ${number(now)}, at most ${number(most)} in the last ${duration(minutes * 60)}.`,
    messagesAlt: (/** @type {number} */ now, /** @type {number} */ most, /** @type {string} */ when, /** @type {number} */ minutes) =>
      `${messages(now)} in this minute; ${when ? `most in the last ${duration(minutes * 60)}: ${number(most)}, at ${when}` : `none in the last ${duration(minutes * 60)}`}.`,
    figuresHint: "Viewers are counted since you came in; messages also before that, as far as the log was looked through.",
    inNumbers: "In numbers",
    minute: "Minute",

    // What went wrong.
    again: (/** @type {number} */ s) => `It can be tried again in ${duration(s)}.`,
    errors: /** @type {Record<string, string>} */ ({
      offline: "You are not connected. Nothing was done.",
      not_sent: "The connection was lost before it was done.",
      unsure: "The connection was lost; it may have been done or not.",
      no_answer: "The server did not answer.",
      rate_limited: "You do too much at once.",
      busy: "The room is very busy at the moment.",
      timed_out: "You are on a break yourself.",
      forbidden: "You may not do this: your role is not above theirs, or is not what it was.",
      not_found: "It is not there any more.",
      unavailable: "The server cannot store it at the moment.",
      too_long: "That is too long.",
      empty: "There is nothing to read in it.",
      blocked_word: "It has a word that is not allowed here.",
      poll_open: "There is a poll already.",
      poll_closed: "No poll is open any more.",
    }),
  };
};
