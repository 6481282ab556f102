package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// The server breaks the silence of a connection every 25 s, and answers a poll after that
// time. A proxy that cuts connections off sooner shows within it.
const (
	pingInterval = 25 * time.Second
	// longest is when the server should have said something at the latest.
	longest = pingInterval + 5*time.Second
)

// changeIdle is what to change for connections that are cut off.
const changeIdle = "proxy_read_timeout 90s; in the location of rooms, and more than 25 s in everything else between, such as a load balancer's idle time-out"

// hold keeps a quiet connection to a room until the server breaks the silence. It returns
// the longest silence that the connection has seen.
type hold struct {
	way  string
	keep func(e *exam, ctx context.Context, room, token string) (silence time.Duration, err error)
}

var holds = []hold{
	{"websocket", (*exam).holdWebSocket},
	{"events", (*exam).holdEvents},
	{"polling", (*exam).holdPoll},
}

// idle tells whether quiet connections are left alone until the server says something.
func (e *exam) idle(ctx context.Context) verdict {
	if e.Fast {
		return leftOut("this takes half a minute, and -fast leaves it out")
	}
	ctx, cancel := context.WithTimeout(ctx, longest+patience)
	defer cancel()
	rooms, tokens := make([]string, len(holds)), make([]string, len(holds))
	for i, h := range holds {
		rooms[i], tokens[i] = e.room, e.token
		if !e.own() {
			continue
		}
		// Alone in a room one hears nothing of others who come and go.
		rooms[i] = e.room + "-" + h.way
		if _, err := e.openRoom(ctx, rooms[i]); err != nil {
			return leftOut("no room for quiet connections could be opened: %v", err)
		}
		var err error
		if tokens[i], err = e.mint(ctx, rooms[i]); err != nil {
			return leftOut("no token can be made: %v", err)
		}
	}
	silences, errs := make([]time.Duration, len(holds)), make([]error, len(holds))
	var all sync.WaitGroup
	for i, h := range holds {
		all.Go(func() { silences[i], errs[i] = h.keep(e, ctx, rooms[i], tokens[i]) })
	}
	all.Wait()
	var cut []string
	for i, h := range holds {
		switch {
		case errs[i] == nil:
		case e.noCredit(errs[i]):
			return leftOut(paidFor)
		default:
			cut = append(cut, fmt.Sprintf("%s after %v of silence (%v)", h.way, silences[i].Round(time.Second/10), errs[i]))
		}
	}
	switch shortest := slices.Min(silences); {
	case len(cut) > 0:
		return wrong(changeIdle, "quiet connections do not last until the server's next sign of life, which comes every %v: %s", pingInterval, strings.Join(cut, "; "))
	case shortest < pingInterval-soon:
		return leftOut("the room was not quiet: the longest silence was %v", shortest.Round(time.Second))
	default:
		return fine("websocket, events and polling last through %v of silence", shortest.Round(time.Second/10))
	}
}

// stopwatch measures how long nothing came.
type stopwatch struct {
	last    time.Time // when something came
	longest time.Duration
}

func startWatch() *stopwatch { return &stopwatch{last: time.Now()} }

// heard takes note that something came.
func (w *stopwatch) heard() {
	w.longest = max(w.longest, time.Since(w.last))
	w.last = time.Now()
}

// over returns the longest silence, with the one that ends now.
func (w *stopwatch) over() time.Duration {
	w.heard()
	return w.longest
}

func (e *exam) holdWebSocket(ctx context.Context, room, token string) (time.Duration, error) {
	ws, v := e.dial(ctx, room)
	if ws == nil {
		return 0, fmt.Errorf("%s", v.found)
	}
	defer ws.Close()
	stay := context.AfterFunc(ctx, func() { ws.Close() })
	defer stay()
	if err := e.enter(ws, token); err != nil {
		return 0, err
	}
	watch, pinged := startWatch(), false
	answer := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		pinged = true
		_ = ws.SetReadDeadline(time.Now()) // which ends the reading
		return answer(data)
	})
	if err := ws.SetReadDeadline(time.Now().Add(longest)); err != nil {
		return 0, err
	}
	for {
		_, _, err := ws.ReadMessage()
		switch {
		case pinged:
			return watch.over(), nil
		case err != nil:
			return watch.over(), err
		}
		watch.heard()
	}
}

func (e *exam) holdEvents(ctx context.Context, room, token string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	session, err := e.join(ctx, room, token)
	if err != nil {
		return 0, err
	}
	defer e.leave(ctx, room, session)
	s, err := e.listen(ctx, room, session)
	if err != nil {
		return 0, err
	}
	defer s.got.Body.Close()
	watch := startWatch()
	for {
		line, err := s.line()
		if err != nil || strings.HasPrefix(string(line), ":") { // a comment is the stream's ping
			return watch.over(), err
		}
		watch.heard()
	}
}

func (e *exam) holdPoll(ctx context.Context, room, token string) (time.Duration, error) {
	session, err := e.join(ctx, room, token)
	if err != nil {
		return 0, err
	}
	defer e.leave(ctx, room, session)
	watch := startWatch()
	for begun := time.Now(); time.Since(begun) < pingInterval; {
		t, err := e.poll(ctx, room, session, pingInterval)
		if err != nil || len(t.Events) == 0 {
			return watch.over(), err
		}
		watch.heard()
	}
	return watch.over(), nil
}
