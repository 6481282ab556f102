// A chat server of a few lines on ws, for the bench to compare with: whoever joins a
// room gets what is said there. An event is encoded once. Compression is off, as it is
// by default.
'use strict';

const { createServer } = require('node:http');
const { WebSocketServer } = require('ws');

const rooms = new Map();
let guests = 0;
let seq = 0;

const server = createServer();
const wss = new WebSocketServer({ server, perMessageDeflate: false });

wss.on('connection', (socket) => {
  const id = `guest-${++guests}`;
  let room = null;
  socket.on('message', (data) => {
    const said = JSON.parse(data);
    if (said.type === 'join') {
      if (!rooms.has(said.room)) rooms.set(said.room, new Set());
      room = rooms.get(said.room);
      room.add(socket);
      socket.send('{"type":"welcome"}');
    } else if (room) {
      const event = Buffer.from(JSON.stringify({
        type: 'message', seq: ++seq, time: Date.now(), user: { id, name: id, role: 'consumer' }, text: said.text,
      }));
      for (const client of room) client.send(event, { binary: false });
    }
  });
  socket.on('close', () => room?.delete(socket));
  socket.on('error', () => {});
});

server.listen(0, '127.0.0.1', 4096, () => console.log(`127.0.0.1:${server.address().port}`));
