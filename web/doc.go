// Package web holds the pages that a browser gets: the room's page, the landing
// page, the operators' dashboard, and their style sheets, scripts and images, embedded in the binary.
//
// Everything is plain HTML, CSS and ES modules, served as it stands in this
// folder, but for the comments and the indentation of scripts and style sheets: a phone need
// not load these, and lines keep their numbers. The pages load nothing from elsewhere but a
// room's stream and what plays it, and their policy forbids it; they refer to all else by
// relative paths, so that a page works at the root of a port and under a path of another
// one alike:
//
//	http://HOST:PORT_OF_ROOM/    Room    assets/…   ws   events   join   poll   send
//	http://HOST:PORT/r/NAME/     Room    assets/…   the same
//	http://HOST:PORT/            Landing assets/…   r/NAME/   api/v1/…
//	http://HOST:ADMIN_PORT/      Dashboard assets/…   api/v1/…
//
// The address of a page must therefore end in a slash. A server that answers the
// same address with other media types, as a room does, adds "Vary: Accept" itself.
//
// # Caching
//
// A browser asks every time whether what it has is still good (a strong ETag, the
// hash of the content), and is mostly answered 304: a new binary is seen at once
// and nothing is loaded twice.
//
// # Compression
//
// What a browser takes gzipped is sent so; it was compressed when the program
// started. A middleware that compresses must leave these handlers out.
//
// # The client
//
// assets/chat-client.js and the modules that it imports know nothing of the pages, and
// any page may import them from here (Access-Control-Allow-Origin: *): docs/client.md.
//
// # The chat
//
// assets/chat-room.js is the custom element <chat-room>, which is the chat of the room's page
// and of any other one. It brings its style and its texts along, from where the module came
// from. What a consumer does not need at once (the list of people, the desk of who moderates,
// the transports after WebSocket, other languages) is loaded when it is wanted.
//
// # Policy
//
// No inline script or style, nothing from another origin but streams and the script that
// RoomOptions names, no form that a browser submits by itself. A page's own WebSocket counts
// as 'self' in every browser since Safari 15.4 (2022), which the pages need anyway; to name
// it by its address would mean to repeat the request's Host header in a policy. The page on a room's own port
// may speak to the main port too, which the configuration names. The room's page may
// be framed by any site, for chats are embedded beside players and it holds no
// secret; the landing page and the dashboard, where a key is typed, by none.
package web
