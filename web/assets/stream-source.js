// @ts-check
/** How a stream gets into a video element: by the browser's own means, or by hls.js. */
import { el } from "./dom.js";

const HLS = "application/vnd.apple.mpegurl";

/**
 * Why nothing plays: `closed` did not open, and the browser tells no more; `missing` is not
 * there; `unreachable` nobody answers; `broken` cannot be decoded; `unscripted` hls.js did not
 * come, or is not what it should be; `unable` this browser has no way. Only the last one
 * is for ever.
 * @typedef {"closed"|"missing"|"unreachable"|"broken"|"unscripted"|"unable"} Trouble
 */

/** @typedef {{url: string, integrity: string}} Script where hls.js is; an empty url: nowhere */

/**
 * Hears once that the element may be told to play, and once at most that there is no more to come.
 * @typedef {{ready: () => void, fail: (trouble: Trouble) => void}} Hearer
 */

/**
 * Lets a stream into a video element.
 * @param {HTMLVideoElement} video
 * @param {string} address of the playlist
 * @param {Script} script
 * @param {Hearer} hearer
 * @returns {() => void} takes it out again; nothing is heard after that
 */
export function feed(video, address, script, hearer) {
  if (video.canPlayType(HLS)) return feedNatively(video, address, hearer);
  if (script.url) return feedByScript(video, address, script, hearer);
  hearer.fail("unable");
  return () => {};
}

/**
 * @param {HTMLVideoElement} video
 * @param {string} address
 * @param {Hearer} hearer
 */
function feedNatively(video, address, { ready, fail }) {
  const over = new AbortController();
  const failed = () => fail(video.error?.code === MediaError.MEDIA_ERR_DECODE ? "broken" : "closed");
  video.addEventListener("error", failed, { once: true, signal: over.signal });
  video.src = address;
  ready();
  return () => {
    over.abort();
    video.removeAttribute("src");
    video.load();
  };
}

/**
 * @param {HTMLVideoElement} video
 * @param {string} address
 * @param {Script} script
 * @param {Hearer} hearer
 */
function feedByScript(video, address, script, { ready, fail }) {
  /** @type {any} */
  let player;
  const over = new AbortController();
  const stop = () => {
    over.abort();
    player?.destroy();
  };
  const failed = (/** @type {Trouble} */ trouble) => {
    if (over.signal.aborted) return;
    over.abort(); // what it says while it is taken down is of no interest
    fail(trouble);
  };
  video.addEventListener("error", () => failed("broken"), { signal: over.signal });
  load(script).then(
    (Hls) => {
      if (over.signal.aborted) return;
      if (!Hls.isSupported()) return failed("unable");
      // A page that is open for hours keeps no more of the past than it needs.
      player = new Hls({ backBufferLength: 30, capLevelToPlayerSize: true, liveDurationInfinity: true });
      player.on(Hls.Events.ERROR, (/** @type {string} */ _, /** @type {any} */ error) => {
        if (error.fatal) failed(troubleOf(Hls, error));
      });
      player.on(Hls.Events.MEDIA_ATTACHED, ready);
      player.loadSource(address);
      player.attachMedia(video);
    },
    () => failed("unscripted"),
  );
  return stop;
}

/**
 * @param {any} Hls
 * @param {{type: string, response?: {code?: number}}} error
 * @returns {Trouble}
 */
function troubleOf(Hls, { type, response }) {
  if (type !== Hls.ErrorTypes.NETWORK_ERROR) return "broken";
  return response?.code === 404 || response?.code === 410 ? "missing" : "unreachable";
}

/** @type {Promise<any>|undefined} hls.js, which a page loads once */
let loaded;

/**
 * Loads hls.js. What failed may be tried again.
 * @param {Script} script
 */
function load({ url, integrity }) {
  loaded ??= new Promise((resolve, reject) => {
    const failed = () => {
      loaded = undefined;
      node.remove();
      reject(new Error(`${url} did not load, or is not what ${integrity} says`));
    };
    const arrived = () => {
      const { Hls } = /** @type {any} */ (globalThis);
      if (Hls) resolve(Hls);
      else failed();
    };
    const node = el("script", { integrity, crossOrigin: "anonymous", onload: arrived, onerror: failed, src: url });
    document.head.append(node);
  });
  return loaded;
}
