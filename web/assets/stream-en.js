// @ts-check
/** English: what is said in the place of the stream's picture. */

/** @param {import("./strings.js").Tools} tools */
export default ({ number }) => ({
  label: "Stream",
  unmute: "Turn on the sound",
  play: "Play",
  tryNow: "Try now",
  watchAgain: "Watch again",
  open: "Open the stream by itself",
  again: (/** @type {number} */ s) => `Trying again in ${number(s)} s`,
  loading: "The stream is loading…",
  ready: "The stream is ready.",
  missing: "The stream has not started yet.",
  doubtful: "The stream has not started yet, or this browser cannot play it.",
  unreachable: "The stream cannot be reached.",
  interrupted: "The stream was interrupted.",
  stalled: "The stream does not go on at the moment.",
  broken: "Something is wrong with the stream.",
  unscripted: "The player for this stream could not be loaded.",
  unable: "This browser cannot play the stream.",
  over: "The stream is over.",
});
