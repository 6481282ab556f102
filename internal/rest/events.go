package rest

import (
	"bufio"
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"chatserver/internal/fault"
	"chatserver/internal/serve"
)

// Bounds of an answer with events of a log.
const (
	eventsDefault = 100
	eventsMost    = 1000
	// streamPause is how long a caller of a stream may take for one portion of it.
	streamPause = 30 * time.Second
	// streamPortion is how many events are written before the caller is given more time.
	streamPortion = 256
)

// NDJSON is the media type of JSON objects that are a line each.
const NDJSON = "application/x-ndjson"

// Log is a log that [Events] answers with.
type Log struct {
	Room  string `json:"room"`
	Epoch string `json:"epoch"`
	First uint64 `json:"first"` // seq of the oldest event that is kept
	Seq   uint64 `json:"seq"`   // of the newest one

	// All streams the events after one seq and before another, 0 for no bound.
	All func(after, before uint64) iter.Seq2[json.RawMessage, error] `json:"-"`
	// Newest returns the newest events before a seq, in order.
	Newest func(before uint64, limit int) ([]json.RawMessage, error) `json:"-"`
}

// eventsQuery is which events a caller wants.
type eventsQuery struct {
	after, before uint64
	limit         int // 0: not said
}

// Events answers with events of a log, by the query's after, before and limit: the
// oldest ones after after; with before alone, the newest ones before it. It is a JSON
// object with at most 1,000 of them or, to a caller that accepts [NDJSON], a stream of
// one event a line, without a limit unless the query has one.
func Events(c echo.Context, log Log) error {
	q, err := parseEventsQuery(c)
	if err != nil {
		return err
	}
	if strings.Contains(c.Request().Header.Get(echo.HeaderAccept), NDJSON) {
		return streamEvents(c, log, q)
	}
	if q.limit == 0 {
		q.limit = eventsDefault
	}
	if q.limit > eventsMost {
		return &fault.Error{Code: fault.BadField, Detail: "limit must be 1 to 1000; ask for " + NDJSON + " to have more", Limit: eventsMost, Value: q.limit}
	}
	events, err := q.read(log)
	if err != nil {
		return err
	}
	return Data(c, http.StatusOK, struct {
		Log
		Events []json.RawMessage `json:"events"`
	}{log, events})
}

func parseEventsQuery(c echo.Context) (eventsQuery, error) {
	var q eventsQuery
	for name, value := range c.QueryParams() {
		n, err := strconv.ParseUint(value[0], 10, 63)
		known := true
		switch name {
		case "after":
			q.after = n
		case "before":
			q.before = n
		case "limit":
			q.limit = int(min(n, 1<<31-1))
			if n == 0 && err == nil {
				err = strconv.ErrRange
			}
		default:
			known = false
		}
		if known && err != nil {
			return q, fault.New(fault.BadField, "%s must be a whole number above 0, not %.32q", name, value[0])
		}
	}
	return q, nil
}

// read returns the events of a JSON answer.
func (q eventsQuery) read(log Log) ([]json.RawMessage, error) {
	if q.before > 0 && q.after == 0 {
		events, err := log.Newest(q.before, q.limit)
		return slices.Concat([]json.RawMessage{}, events), err
	}
	events := []json.RawMessage{}
	for e, err := range log.All(q.after, q.before) {
		if err != nil {
			return nil, err
		}
		if events = append(events, e); len(events) == q.limit {
			break
		}
	}
	return events, nil
}

// streamEvents writes one event a line. What goes wrong on the way breaks the
// connection, so that the caller does not take a part for the whole.
func streamEvents(c echo.Context, log Log, q eventsQuery) error {
	serve.Linger(c.Request().Context())
	w := c.Response()
	w.Header().Set(echo.HeaderContentType, NDJSON)
	w.Header().Set("X-Epoch", log.Epoch)
	w.WriteHeader(http.StatusOK)
	control, out := http.NewResponseController(w), bufio.NewWriterSize(w, 32<<10)
	n := 0
	for e, err := range log.All(q.after, q.before) {
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if n%streamPortion == 0 {
			_ = control.SetWriteDeadline(time.Now().Add(streamPause)) // a test's recorder has none
		}
		_, _ = out.Write(e)       // bufio keeps the first error,
		err = out.WriteByte('\n') // which shows here
		n++
		if err != nil || n == q.limit {
			break
		}
	}
	return out.Flush()
}
