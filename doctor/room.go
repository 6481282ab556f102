package doctor

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// findRoom gets a room to look at, and with the key a token for it, unless the user whom
// that names would be charged.
func (e *exam) findRoom(ctx context.Context) verdict {
	v := e.getRoom(ctx)
	if v.status != OK {
		e.ill = "without a room nothing else can be looked at"
		return v
	}
	if e.Key != "" && !e.paid {
		token, err := e.mint(ctx, e.room)
		if err != nil {
			return wrong(changePassAll, "no token can be made: %v", err)
		}
		e.token = token
	}
	return v
}

func (e *exam) getRoom(ctx context.Context) verdict {
	if e.own() {
		name := "doctor-" + strings.ToLower(rand.Text()[:8])
		port, err := e.openRoom(ctx, name)
		if err != nil {
			return wrong("see above what is wrong with KEY or with the server's readiness; or name an open room: -room NAME", "no room could be opened: %v", err)
		}
		e.room, e.port = name, port
		return fine("%s was opened, and is closed at the end", name)
	}
	if e.Key != "" {
		var open struct {
			Port     int `json:"port"`
			Settings struct {
				Paid bool `json:"paid"`
			} `json:"settings"`
		}
		open.Settings.Paid = true // as long as nobody says otherwise
		if a, err := e.keyed(ctx, http.MethodGet, "api/v1/room/"+url.PathEscape(e.Room), ""); err == nil && a.data(&open) == nil {
			e.port = open.Port
		}
		e.paid = open.Settings.Paid
	}
	a, err := e.call(ctx, http.MethodGet, "r/"+url.PathEscape(e.Room)+"/livez", "")
	if err != nil || a.status != http.StatusOK {
		return wrong("name an open room; or "+changePassAll, "the room %s cannot be reached: %s", e.Room, describe(a, err))
	}
	e.room = e.Room
	return fine("%s is there; the doctor says nothing in it", e.room)
}

// openRoom opens a room of the doctor's own.
func (e *exam) openRoom(ctx context.Context, name string) (port int, err error) {
	e.opened = append(e.opened, name) // also if the answer does not come any more
	a, err := e.keyed(ctx, http.MethodPost, "api/v1/room/"+name, "")
	if err != nil {
		return 0, err
	}
	var made struct {
		Data struct {
			Port    int    `json:"port"`
			Message string `json:"message"`
		} `json:"data"`
	}
	switch err := json.Unmarshal(a.body, &made); {
	case err == nil && made.Data.Port != 0:
		return made.Data.Port, nil
	case err == nil && made.Data.Message != "": // port 0 is how the server says no
		return 0, errors.New(made.Data.Message)
	default:
		return 0, errors.New(a.words())
	}
}

// closeRoom closes a room, if it is open.
func (e *exam) closeRoom(ctx context.Context, name string) error {
	a, err := e.keyed(ctx, http.MethodDelete, "api/v1/room/"+name, "")
	if err != nil || a.code == "room_not_found" {
		return err
	}
	return a.data(&struct{}{})
}

// mint makes a token for a room, so that the doctor is let in where guests are not.
func (e *exam) mint(ctx context.Context, room string) (string, error) {
	a, err := e.keyed(ctx, http.MethodPost, "api/v1/room/"+room+"/token", `{"user":"doctor","name":"doctor","member":true,"ttl":"10m"}`)
	if err != nil {
		return "", err
	}
	var made struct {
		Token string `json:"token"`
	}
	err = a.data(&made)
	return made.Token, err
}

// own tells whether the room is the doctor's, so that it may speak in it.
func (e *exam) own() bool { return e.Room == "" }

// say has the platform say something in the doctor's room.
func (e *exam) say(ctx context.Context, text string) error {
	a, err := e.keyed(ctx, http.MethodPost, "api/v1/room/"+e.room+"/message", fmt.Sprintf(`{"text":%q}`, text))
	if err != nil {
		return err
	}
	return a.data(&struct{}{})
}

// path is that of something of the room, under the main port's.
func (e *exam) path(part string) string { return "r/" + url.PathEscape(e.room) + "/" + part }

// namesRoom tells whether the room itself answers there.
func (e *exam) namesRoom(ctx context.Context, address string) bool {
	a, err := e.callWithin(ctx, patience/4, http.MethodGet, address, "", "Accept", "text/plain")
	return err == nil && a.status == http.StatusOK && string(a.body) == e.room
}

// byPort is the room's address by its port under the main port's, as
// deploy/nginx/chatserver.conf has it.
func (e *exam) byPort(port int) string { return e.at("room-port/" + strconv.Itoa(port) + "/") }

// ways tells by which addresses the room can be reached.
func (e *exam) ways(ctx context.Context) verdict {
	var ways []string
	if e.namesRoom(ctx, e.at(e.path(""))) {
		ways = append(ways, "/r/"+e.room+"/")
	}
	direct := false
	if e.port != 0 {
		if e.namesRoom(ctx, e.byPort(e.port)) {
			ways = append(ways, fmt.Sprintf("/room-port/%d/", e.port))
		}
		direct = e.namesRoom(ctx, "http://"+net.JoinHostPort(e.URL.Hostname(), strconv.Itoa(e.port))+"/")
	}
	if direct && e.URL.Scheme == "http" {
		ways = append(ways, fmt.Sprintf("port %d", e.port))
	}
	var remark string
	switch {
	case direct && e.URL.Scheme == "https" && !e.first.local.IsLoopback():
		remark = fmt.Sprintf("; port %d can be reached without TLS beside it, unless BIND or a firewall closes it to others", e.port)
	case e.port == 0:
		remark = "; its port is told only to who has KEY"
	}
	if len(ways) == 0 {
		return wrong("location /r/ { proxy_pass http://ADDRESS:PORT; } and nothing that changes the path",
			"the room answers neither under /r/%s/ nor elsewhere%s", e.room, remark)
	}
	return fine("the room answers at %s%s", strings.Join(ways, ", "), remark)
}

// ports tells whether the proxy lets a URL name any port.
func (e *exam) ports(ctx context.Context) verdict {
	if e.port == 0 || !e.namesRoom(ctx, e.byPort(e.port)) {
		return leftOut("rooms are not reached by a port in the URL")
	}
	const no = 1 // no room's, and nobody listens there
	a, err := e.callWithin(ctx, patience, http.MethodGet, e.byPort(no), "")
	if err == nil && a.status == http.StatusNotFound && a.code != "" {
		return fine("a URL can name ports of rooms, and no others")
	}
	return wrong(`location ~ "^/room-port/(?<chatserver_port>34[0-9]{3})…" with an expression for ROOM_PORTS alone`,
		"a URL can name ports that are no room's: for port %d the proxy tried (%s), so everything that listens on the server's machine is within reach", no, describe(a, err))
}

// origins tells whether pages of other sites get what browsers ask for.
func (e *exam) origins(ctx context.Context) verdict {
	origin := e.Origin
	if origin == "" {
		origin = "https://doctor.invalid"
	}
	asked, err := e.call(ctx, http.MethodOptions, e.path("join"), "",
		"Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
	if err != nil || asked.status/100 != 2 || asked.header.Get("Access-Control-Allow-Methods") == "" {
		return wrong("pass OPTIONS on like other methods (no limit_except, no if on $request_method)",
			"a browser that asks before it joins (OPTIONS) does not get the server's answer: %s", describe(asked, err))
	}
	module, err := e.call(ctx, http.MethodGet, "assets/chat-client.js", "", "Origin", origin)
	if err != nil || module.status != http.StatusOK {
		return wrong(changePassAll, "GET /assets/chat-client.js: %s", describe(module, err))
	}
	const name = "Access-Control-Allow-Origin"
	allowed := asked.header.Values(name)
	for _, header := range []http.Header{asked.header, module.header} {
		if values := header.Values(name); len(values) > 1 || strings.Contains(strings.Join(values, ""), ",") {
			return wrong("no add_header "+name+" in the proxy: the server sets it", "answers have %s more than once (%q), which browsers refuse", name, values)
		}
	}
	switch {
	case module.header.Get(name) != "*":
		return wrong("no proxy_hide_header "+name, "pages of other sites may not load the browser's client: %s is %q", name, module.header.Get(name))
	case len(allowed) == 0 && e.Origin != "":
		return wrong("ALLOWED_ORIGINS with "+origin+" among them", "pages of %s may not connect", origin)
	case len(allowed) == 0:
		return fine("pages of the sites in ALLOWED_ORIGINS may connect; -origin asks about one")
	case e.Origin != "":
		return fine("pages of %s may connect", origin)
	default:
		return fine("pages of every site may connect (ALLOWED_ORIGINS)")
	}
}
