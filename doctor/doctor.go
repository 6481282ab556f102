package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/gorilla/websocket"
)

// Options say what to check, and how.
type Options struct {
	// URL is where the deployment is, with a slash at its end.
	URL *url.URL
	// Key is the server's KEY. Without it what needs one is left out.
	Key string
	// Room is an open room to look at. If it is empty the doctor opens rooms of its own:
	// one of Room and Key there must be.
	Room string
	// Origin is of a site whose pages are to connect, such as https://example.com; empty:
	// none in particular.
	Origin string
	// Fast leaves out what takes half a minute.
	Fast bool
}

// Status is how a check ended.
type Status string

// The ends of a check.
const (
	OK      Status = "ok"
	Wrong   Status = "wrong"
	LeftOut Status = "left_out" // Found says why
)

// Finding is the result of a check.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Found  string `json:"found"`            // what was seen, in words
	Change string `json:"change,omitempty"` // what to change, if something is wrong
}

// verdict is a finding without the name of its check.
type verdict struct {
	status        Status
	found, change string
}

func fine(format string, args ...any) verdict {
	return verdict{status: OK, found: fmt.Sprintf(format, args...)}
}

func leftOut(format string, args ...any) verdict {
	return verdict{status: LeftOut, found: fmt.Sprintf(format, args...)}
}

func wrong(change, format string, args ...any) verdict {
	return verdict{status: Wrong, found: fmt.Sprintf(format, args...), change: change}
}

// check is one thing to look at.
type check struct {
	name string
	run  func(*exam, context.Context) verdict
}

// checks are all checks, in their order: those that tell whether it makes sense to go on
// come before those that need it.
var checks = []check{
	{"certificate", (*exam).certificate},
	{"server", (*exam).server},
	{"ready", (*exam).ready},
	{"key", (*exam).key},
	{"clock", (*exam).clock},
	{"address", (*exam).address},
	{"scheme and host", (*exam).schemeAndHost},
	{"compression", (*exam).compression},
	{"room", (*exam).findRoom},
	{"ways in", (*exam).ways},
	{"ports", (*exam).ports},
	{"origins", (*exam).origins},
	{"websocket", (*exam).webSocket},
	{"events", (*exam).events},
	{"polling", (*exam).polling},
	{"idle", (*exam).idle},
}

// exam is an examination under way.
type exam struct {
	Options
	client *http.Client
	dialer *websocket.Dialer

	first    answer // to GET /api/v1/, unless firstErr
	firstErr error
	ill      string // why it makes no sense to go on

	room   string   // that is looked at; empty: there is none
	port   int      // of the room; 0: not known
	paid   bool     // the room may be, and is not the doctor's own
	token  string   // for the room; empty: the doctor is a guest
	opened []string // rooms of the doctor's own
}

// Examine makes all checks, tells each finding as soon as it is there, and reports whether
// nothing is wrong. It takes some seconds, and half a minute more unless Fast is set. When
// ctx ends it stops, tells that by a last finding, and reports false.
func Examine(ctx context.Context, o Options, tell func(Finding)) bool {
	e := &exam{Options: o}
	e.connect()
	defer e.client.CloseIdleConnections()
	e.first, e.firstErr = e.call(ctx, http.MethodGet, "api/v1/", "")
	well := true
	report := func(name string, v verdict) {
		well = well && v.status != Wrong
		tell(Finding{Check: name, Status: v.status, Found: printable(v.found), Change: printable(v.change)})
	}
	for _, c := range checks {
		v := c.run(e, ctx)
		if ctx.Err() != nil {
			break
		}
		report(c.name, v)
		if e.ill != "" {
			report("the rest", leftOut("%s", e.ill))
			break
		}
	}
	if ctx.Err() != nil {
		report("end", wrong("let it run to its end", "it was interrupted"))
	}
	for _, name := range e.opened {
		if err := e.closeRoom(context.WithoutCancel(ctx), name); err != nil {
			report("end", wrong("DELETE /api/v1/room/"+name, "the doctor's room %s could not be closed: %v", name, err))
		}
	}
	return well
}

// printable is a text in one line, without what would do something to a terminal: parts of
// it may be by whoever answered.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// Times.
const (
	patience = 10 * time.Second // for an answer
	soon     = 2 * time.Second  // an event that takes longer was held back
)
