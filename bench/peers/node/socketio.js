// A chat server of a few lines on socket.io, for the bench to compare with: whoever
// joins a room gets what is said there. WebSocket alone; compression is off, as it is by
// default.
'use strict';

const { createServer } = require('node:http');
const { Server } = require('socket.io');

let guests = 0;
let seq = 0;

const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });

io.on('connection', (socket) => {
  const id = `guest-${++guests}`;
  let room = '';
  socket.on('join', (name) => {
    room = name;
    socket.join(room);
    socket.emit('joined');
  });
  socket.on('message', (text) => {
    io.to(room).emit('message', {
      type: 'message', seq: ++seq, time: Date.now(), user: { id, name: id, role: 'consumer' }, text,
    });
  });
});

server.listen(0, '127.0.0.1', 4096, () => console.log(`127.0.0.1:${server.address().port}`));
