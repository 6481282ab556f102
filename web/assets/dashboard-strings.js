// @ts-check
/** Every text of the dashboard. Operators read English; texts that depend on something are functions. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });

/** @param {number} n */
const number = (n) => whole.format(n);
/** @param {number} n with a decimal where it tells something */
const rate = (n) => (Math.abs(n) < 10 ? fine : whole).format(n);
/** @param {number} n @param {string} one @param {string} [many] */
const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/** @param {number} n */
function bytes(n) {
  let unit = 0;
  for (; Math.abs(n) >= 999.5 && unit < 5; unit++) n /= 1000;
  return `${(unit && Math.abs(n) < 99.5 ? fine : whole).format(n)} ${["B", "kB", "MB", "GB", "TB", "PB"][unit]}`;
}

/** @param {number} s seconds */
function duration(s) {
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min` : `${Math.max(0, Math.floor(s))} s`;
}

/** @param {number} s seconds, short ones too */
const seconds = (s) => (s < 1 ? `${whole.format(s * 1000)} ms` : s < 60 ? `${fine.format(s)} s` : duration(s));

/** @param {string} room */
const inRoom = (room) => (room ? `in ${room}` : "in all rooms");
/** @param {number} viewers */
const viewersStay = (viewers) => (viewers === 1 ? "1 viewer is" : `${number(viewers)} viewers are`);

export const strings = {
  lang: "en",
  dir: /** @type {const} */ ("ltr"),
  number, rate, bytes, duration, seconds,
  percent: (/** @type {number} */ n) => `${rate(n)} %`,
  date: (/** @type {number} */ ms) => day.format(ms),
  perSecond: "a second",
  of: (/** @type {string} */ all) => `of ${all}`,

  outOfBytes: (/** @type {number} */ n, /** @type {number} */ all) => `${bytes(n)} of ${bytes(all)}`,

  // The page.
  title: (/** @type {string} */ host, /** @type {boolean} */ lost, /** @type {number} */ viewers) => `${lost ? "✕ unreachable" : `${number(viewers)} watching`} · ${host}`,
  sections: "Sections",
  about: (/** @type {string} */ version, /** @type {number} */ up) => `chatserver ${version} · up ${duration(up)}`,
  acceptingBadge: "Accepting",
  notAcceptingBadge: "Not accepting",
  drainingBadge: "Draining",
  unreachableBadge: "Unreachable",
  forget: "Forget the key",
  forgetHint: "Locks this page; the key has to be typed again",
  lost: (/** @type {string} */ why, /** @type {number} */ since, /** @type {number} */ seen) =>
    `No figures since ${clock.format(since)}: ${why} This page keeps trying. What it shows is of ${clock.format(seen)}.`,
  restarted: (/** @type {number} */ ms) => `The server was started anew at ${clock.format(ms)}.`,
  unreachable: "The server cannot be reached.",
  silent: "The server does not answer.",
  unexpected: (/** @type {number} */ status) => `The server answered with status ${status}.`,
  busy: "…",
  cancel: "Cancel",
  dismiss: "Close this panel",
  optional: "optional",
  set: "Set",

  // The key.
  unlockHeading: "Dashboard",
  key: "Admin key",
  keyHint: "It stays in the memory of this page and is asked for again when the page is loaded anew.",
  unlock: "Open",
  wrongKey: (/** @type {string} */ detail) => `This is not the key of this server: ${detail}`,
  keyRefused: (/** @type {string} */ detail) => `The server does not take the key any more: ${detail}. Nothing that was typed is lost.`,

  // Graphs.
  totals: "Totals",
  viewers: "Viewers",
  messages: "Messages/s",
  inbox: "Inbox",
  losses: "Refused and skipped",
  refused: "Refused",
  skipped: "Skipped",
  out: "Sent",
  cpu: "CPU",
  memory: "Memory",
  resident: "Resident",
  heap: "Heap",
  goroutines: "Goroutines",
  files: "Open files",
  lag: "Lag",
  inRooms: (/** @type {number} */ open, /** @type {number} */ capacity) => `in ${number(open)} of ${plural(capacity, "room")}`,
  fullest: (/** @type {Record<string, any>[]} */ rooms) =>
    rooms.length ? `in the fullest · peak ${number(Math.max(...rooms.map((r) => r.inbox_high)))} of ${number(Math.max(...rooms.map((r) => r.inbox_size)))}` : "",
  highWater: (/** @type {number} */ high, /** @type {number} */ size) => `peak ${number(high)} of ${number(size)}`,
  ofCPUs: (/** @type {number} */ n) => `of ${plural(n, "core")}`,
  ago: (/** @type {number} */ s) => `${s < 120 ? plural(s, "second") : duration(s)} ago`,
  then: (/** @type {string} */ values, /** @type {number} */ s) => (s < 1 ? values : `${values} (${duration(s)} ago)`),
  graph: (/** @type {string} */ label, /** @type {string} */ now, /** @type {string} */ least, /** @type {string} */ most, /** @type {number} */ s) =>
    `${label}: now ${now}; from ${least} to ${most} within ${duration(s)}`,
  graphEmpty: (/** @type {string} */ label) => `${label}: no values yet`,

  // Tables.
  filter: (/** @type {string} */ what) => `Filter: ${what.toLowerCase()}`,
  sortBy: "Sort by",
  ascending: "Ascending ↑",
  descending: "Descending ↓",
  held: "The order waits while you are in the list.",
  previous: "Previous",
  next: "Next",
  range: (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ shown, /** @type {number} */ all) =>
    `${number(from)}–${number(to)} of ${number(shown)}${shown < all ? ` (${number(all)} in all)` : ""}`,
  noMatch: "Nothing passes the filter.",

  // Rooms.
  rooms: "Rooms",
  noRooms: "No room is open.",
  onlyTrouble: "Only those with trouble",
  trouble: "Trouble",
  panics: (/** @type {number} */ n) => plural(n, "panic"),
  panicsLabel: "Panics",
  room: "Room",
  inboxHigh: "Inbox peak",
  age: "Age",
  producer: "Producer",
  growing: (/** @type {number} */ n) => `+${rate(n)}/s `,
  refusals: (/** @type {number} */ busy, /** @type {number} */ fast) => `${number(busy)} busy, ${number(fast)} too fast`,
  port: "Port",
  events: "Events",
  epoch: "Epoch",
  roomLink: "Its page",
  roomGone: "This room is closed. What is shown is the last that was known.",

  // Actions.
  server: "Server",
  acceptingHeading: "New rooms and connections",
  accepting: "They are let in.",
  notAccepting: "They are refused. Those that are on stay.",
  draining: "The server is stopping: they are refused.",
  stopAccepting: "Stop accepting",
  accept: "Accept again",
  acceptsAgain: "They are let in again.",
  acceptsNot: "From now on they are refused.",
  announce: "Announce",
  announceAll: "Announce to all rooms",
  announceRoom: "Announce to this room",
  said: (/** @type {number} */ rooms) => `Said in ${plural(rooms, "room")}.`,
  saidHere: "Said.",
  removeUser: "Remove a user from this room",
  userID: "user id",
  removeHint: "Closes their connections. They may come back, unless they are banned.",
  remove: "Remove",
  removed: (/** @type {number} */ n) => `Removed: ${plural(n, "connection")} closed.`,
  banHere: "Ban somebody here…",
  closeRoomAsk: "Close the room…",
  closeRoom: "Close the room",
  closeHeading: (/** @type {string} */ name) => `Close ${name}?`,
  closeText: (/** @type {number} */ viewers) => `${viewersStay(viewers)} in it. They are told that it is closed, and do not come back. A room of this name that is opened later has a new log.`,

  storesHeading: "Journal and database",
  journal: "Journal",
  journalSize: "Journal's size",
  journalError: "Journal's last error",
  database: "Database",
  databaseError: "Database's last error",
  noDatabase: "none",
  writes: (/** @type {number} */ n, /** @type {number} */ lag) => `${plural(n, "write")} waiting${n ? `, for ${seconds(lag)}` : ""}`,
  behind: (/** @type {number} */ n, /** @type {number} */ lag) => `${plural(n, "event")} waiting${n ? `, the oldest ${seconds(lag)} old` : ""}`,
  cacheHeading: "Cache",
  source: "Source",
  sources: /** @type {Record<string, string>} */ ({ mongodb: "MongoDB", file: "a file", none: "none" }),
  version: "Version",
  cacheAge: "Age",
  counts: "Holds",
  documents: (/** @type {Record<string, number>} */ counts) => Object.entries(counts ?? {}).map(([what, n]) => `${what} ${number(n)}`).join(", "),
  leftOut: "Left out",
  lastError: "Last error",
  refresh: "Refresh now",
  refreshed: "Refreshed.",
  othersHeading: "Load balancers and services",
  othersNone: "None are set up.",
  states: /** @type {Record<string, string>} */ ({ up: "Up", down: "Down", unknown: "Not asked yet" }),
  service: (/** @type {string} */ name, /** @type {string} */ url) => `${name} · ${url}`,
  contact: (/** @type {number|null} */ s, /** @type {number} */ failures) =>
    `${s === null ? "No success yet" : `Last success ${duration(s)} ago`}${failures ? `, ${plural(failures, "failure")} since` : ""}`,
  machineHeading: "Machine",
  cpus: "Cores",
  load: "Load",
  memoryFree: "Free memory",
  cpuTime: "CPU time",
  levelHeading: "Log level",
  levelNow: (/** @type {string} */ level) => `Now ${level}.`,

  stopHeading: "Restart and shutdown",
  stopHint: "Either is asked twice.",
  restart: "Restart…",
  shutdown: "Shut down…",
  restartHeading: (/** @type {string} */ host) => `Restart ${host}?`,
  restartText: (/** @type {number} */ viewers) => `A fresh process takes over; rooms keep their ports and logs. ${viewersStay(viewers)} told when to come back.`,
  restartNow: "Restart",
  restarting: "The server was told to restart.",
  shutdownHeading: (/** @type {string} */ host) => `Shut down ${host}?`,
  shutdownText: (/** @type {number} */ viewers) => `The server ends, and nothing here starts it again. ${viewersStay(viewers)} sent away.`,
  shutdownNow: "Shut down",
  shuttingDown: "The server was told to shut down.",
  typeToConfirm: (/** @type {string} */ word) => `Type ${word} to go on`,
  typeExactly: (/** @type {string} */ word) => `Type ${word}, or cancel.`,
  inSeconds: (/** @type {string} */ button, /** @type {number} */ s) => `${button} (${s})`,
  notYet: "Wait for the button.",

  // Bans.
  bans: "Bans",
  noBans: "Nobody is banned.",
  banHeading: "New ban",
  ban: "Ban",
  banWho: "Who",
  banKind: "Kind",
  banUser: "User id",
  banIP: "IP or CIDR",
  banValue: "User id, IP address or CIDR",
  banRoom: "Room",
  allRooms: "all rooms",
  banReason: "Reason",
  banBy: "By",
  banExpires: "Ends",
  banAt: "At",
  act: "Act",
  kindBan: "ban",
  kindTimeout: "timeout",
  never: "never",
  oneHour: "in an hour",
  oneDay: "in a day",
  sevenDays: "in 7 days",
  thirtyDays: "in 30 days",
  atTime: "at a time…",
  needTime: "Say when the ban ends.",
  until: (/** @type {number} */ ms, /** @type {number} */ s) => (s < 30 * 86400 ? `in ${duration(s)} (${day.format(ms)})` : day.format(ms)),
  banned: (/** @type {string} */ who, /** @type {string} */ room) => `${who} is banned ${inRoom(room)}.`,
  lift: "Lift",
  lifted: (/** @type {string} */ who, /** @type {string} */ room) => `The ban of ${who} ${inRoom(room)} is lifted.`,
};
