// @ts-check
/** What a chat is made of before anything has happened. Texts come from the strings. */
import { fill } from "./strings.js";

const HTML = `
<div id="container" part="container">
  <header part="header">
    <div class="titles">
      <h2 id="title" part="title" dir="auto"></h2>
      <p class="muted"><span class="status"><span class="dot"></span><span id="state"></span></span> <span id="room-name" dir="auto"></span> <span id="modes"></span></p>
    </div>
    <div id="tools">
      <button id="people-toggle" class="quiet" part="button" type="button" aria-expanded="false" hidden>
        <svg viewBox="0 0 20 20" width="18" height="18" fill="currentColor" aria-hidden="true"><circle cx="10" cy="6" r="3.5"/><path d="M3 17c0-3.6 3-6 7-6s7 2.4 7 6z"/></svg>
        <span id="viewers"></span>
      </button>
    </div>
  </header>
  <div id="stage">
    <div id="join" hidden>
      <form id="join-form" class="card" part="join" autocomplete="off">
        <h3 data-t="joinHeading"></h3>
        <p id="watching" class="muted"></p>
        <label for="name" data-t="nameLabel"></label>
        <input id="name" part="input" data-t-placeholder="namePlaceholder" autocomplete="nickname" spellcheck="false" autocapitalize="off" enterkeyhint="go" aria-describedby="name-problem name-hint" dir="auto">
        <p id="name-problem" class="problem" role="alert"></p>
        <p id="name-hint" class="muted" data-t="joinHint"></p>
        <div class="buttons">
          <button part="button" data-t="joinButton"></button>
          <button id="join-cancel" class="quiet" part="button" type="button" data-t="cancel" hidden></button>
        </div>
      </form>
    </div>
    <div id="chat" hidden>
      <p id="pinned" part="pinned" hidden><strong data-t="pinned"></strong> <button id="pinned-text" class="plain" type="button" dir="auto" data-t-title="showOriginal"></button></p>
      <div id="scroller">
        <p id="older" class="muted"></p>
        <p id="empty" class="muted" data-t="empty"></p>
        <div id="log" part="log" role="log" tabindex="0" data-t-aria-label="logLabel" aria-describedby="log-hint" aria-live="off"></div>
        <div id="unsent"></div>
      </div>
      <p id="log-hint" class="spoken" data-t="logHint"></p>
      <div class="above"><button id="jump" part="button jump" type="button" hidden></button></div>
      <div id="banner" part="banner" hidden>
        <p id="why" role="status"></p>
        <button id="retry" class="quiet" part="button" type="button" hidden></button>
      </div>
      <form id="composer" part="composer" autocomplete="off">
        <div id="reply-bar" hidden>
          <p><span id="reply-label"></span> <strong id="reply-name" dir="auto"></strong> <span id="reply-text" dir="auto"></span></p>
          <button id="reply-cancel" class="quiet" part="button" type="button" data-t-aria-label="cancelReply">×</button>
        </div>
        <div class="box">
          <button id="emoji" class="quiet" part="button emoji" type="button" aria-haspopup="true" data-t-aria-label="insertEmoji" data-t-title="insertEmoji">☺</button>
          <textarea id="text" part="input" rows="1" enterkeyhint="send" dir="auto" data-t-placeholder="messagePlaceholder" data-t-aria-label="messageLabel" aria-describedby="note counter"></textarea>
          <button id="send" part="button send" data-t="send"></button>
        </div>
        <div class="below">
          <p class="problem"><span id="note" role="alert"></span> <span id="note-wait" aria-hidden="true"></span></p>
          <p id="counter" class="muted"></p>
          <p class="muted as"><span data-t="chattingAs"></span> <strong id="me" dir="auto"></strong> <button id="rename" class="link" type="button" data-t="changeName"></button></p>
        </div>
      </form>
    </div>
  </div>
  <div id="spoken" class="spoken" role="status"></div>
</div>`;

/** A page may demand that whatever makes HTML has a policy: ours lets this text through. */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("chat-room", { createHTML: () => HTML });

/**
 * Fills an empty shadow root.
 * @param {ShadowRoot} root
 * @param {import("./strings.js").Strings} t
 */
export function furnish(root, t) {
  const template = document.createElement("template");
  template.innerHTML = policy?.createHTML("") ?? HTML;
  root.replaceChildren(template.content);
  fill(/** @type {HTMLElement} */ (root.getElementById("container")), t);
}
