// @ts-check
/**
 * What moderators and the producer have beside what everybody has. It is loaded when one
 * of them comes in, and shows nothing to somebody who is none any more.
 */

/** @param {import("./room.js").Room} room */
export default function openDesk(room) {
  const { client, t } = room;
  room.messageActions.add({
    id: "remove",
    grave: true,
    label: () => t.removeMessage,
    when: () => ["moderator", "producer"].includes(client.you?.role ?? ""),
    run: (event) => client.delete(event.seq).catch((err) => room.composer.tell(room.reason(err), err.retryAfter)),
  });
}
