package room

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/serve"
)

// The routes for clients that cannot use WebSocket, but for the stream of events.

// Bounds of a poll's wait.
const (
	pollMost = 25 * time.Second
	// pollPause is when to ask again after events, so that some gather; pollIdle is that
	// for clients which do not wait.
	pollPause = 200 * time.Millisecond
	pollIdle  = 2 * time.Second
	// answerTime is how long the room may take to answer a command.
	answerTime = 10 * time.Second
)

// serveJoin makes a session. It answers with its name, the greeting and the events that
// the client is owed.
func (r *Room) serveJoin(w http.ResponseWriter, req *http.Request) {
	body, err := readBody(w, req)
	var join joinRequest
	if err == nil {
		err = parse(body, &join)
	}
	if err != nil {
		r.fail(w, err)
		return
	}
	if !r.readers.enter() {
		r.fail(w, r.over())
		return
	}
	defer r.readers.leave()
	s, objects, err := r.newSession(req, &join, true)
	flush := r.lastWords(w)
	defer flush()
	if err != nil {
		r.fail(w, err)
		return
	}
	writeObjects(w, `"session":`+strconv.Quote(s.name)+`,`, objects, "")
}

// newSession lets a client in over HTTP. With read it returns what the client hears
// first.
func (r *Room) newSession(req *http.Request, join *joinRequest, read bool) (*session, [][]byte, error) {
	addr := r.opts.TrustedProxies.Addr(req)
	if err := r.admission.enter(addr); err != nil {
		return nil, nil, err
	}
	s := newSession(r, addr)
	a, err := r.arrivalOf(req.Context(), join, addr)
	if err != nil {
		s.giveBack()
		return nil, nil, err
	}
	if a.claims != nil {
		s.expires = a.claims.Expires
	}
	a.session, a.delivery = s, deliverPolled
	a.aside = stepAside(req.Context())
	q := newQuestion(func(r *Room, tell func([][]byte, error)) { //nolint:contextcheck // the member outlives the request
		r.enter(a, func(_ *member, err error) {
			var objects [][]byte
			if err == nil && read {
				objects = r.portionOf(s, nil)
			}
			tell(objects, err)
		})
	})
	//nolint:contextcheck // whoever is gone, the place on the server must be given back
	r.arrive(q)
	objects, err := q.wait(context.Background(), r) //nolint:contextcheck // likewise
	if err != nil {
		s.giveBack()
		return nil, nil, err
	}
	by := OverEvents
	if read {
		by = OverPolling
	}
	r.opts.Observer.Joined(by)
	return s, objects, nil
}

// servePoll answers with the events that a session has not had, as soon as there are
// some, or when the time to wait is over.
func (r *Room) servePoll(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodHead { // it would take away what nobody sees
		w.Header().Set("Content-Type", "application/json")
		return
	}
	query := req.URL.Query()
	since, err := parseSeq("since", query.Get("since"))
	if err != nil {
		r.fail(w, err)
		return
	}
	wait, err := parseWait(query.Get("wait"))
	if err != nil {
		r.fail(w, err)
		return
	}
	if !r.readers.enter() {
		r.fail(w, r.over())
		return
	}
	defer r.readers.leave()
	serve.Linger(req.Context())
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // else net/http takes the end of its time for the end of the caller
	objects, err := r.pollFor(req.Context(), query.Get("session"), since, wait)
	flush := r.lastWords(w)
	defer flush()
	if err != nil {
		r.fail(w, err)
		return
	}
	after := time.Duration(0)
	switch {
	case len(objects) > 0:
		after = pollPause
	case wait == 0:
		after = pollIdle
	}
	writeObjects(w, "", objects, `,"poll_after":`+strconv.FormatInt(after.Milliseconds(), 10))
}

// lastWords bounds the time that a caller has for an answer which the room's end waits for,
// and returns what has it out before the room may close the connection.
func (r *Room) lastWords(w http.ResponseWriter) (flush func()) {
	patience := answerTime
	if r.stopping.Err() != nil {
		patience = closeGrace
	}
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(patience)) // where that cannot be, the server's own holds
	return func() { _ = control.Flush() }
}

// pollFor returns the objects that a session has not had, and waits for them if there
// are none.
func (r *Room) pollFor(ctx context.Context, name string, since *uint64, wait time.Duration) ([][]byte, error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	var s *session
	ask := func(since *uint64) ([][]byte, error) {
		q := atOnce(func(r *Room) (objects [][]byte, err error) {
			s, objects, err = r.readSession(name, since)
			return objects, err
		})
		if err := r.offer(q); err != nil {
			return nil, err
		}
		return q.wait(ctx, r)
	}
	for {
		objects, err := ask(since)
		if err != nil || len(objects) > 0 || wait == 0 {
			return objects, err
		}
		since = nil
		select {
		case <-s.news:
		case <-s.ended:
			if bye := s.farewell(); bye.reason != reasonNone {
				return [][]byte{bye.object()}, nil
			}
			return nil, nil
		case <-over.C:
			return nil, nil
		case <-ctx.Done():
			return nil, nil // the caller is gone
		}
	}
}

// serveSend carries out one command of a session, and answers with its answer.
func (r *Room) serveSend(w http.ResponseWriter, req *http.Request) {
	body, err := readBody(w, req)
	if err != nil {
		r.fail(w, err)
		return
	}
	s, err := r.findSession(req.Context(), req.URL.Query().Get("session"))
	if err != nil {
		r.fail(w, err)
		return
	}
	answer, err := s.say(req.Context(), body)
	if s.isOver() {
		r.post(leave{s.member}) //nolint:contextcheck // it must come about
	}
	if err != nil {
		r.fail(w, err)
		return
	}
	writeObjects(w, "", [][]byte{answer}, "")
}

// findSession asks the room for a session.
func (r *Room) findSession(ctx context.Context, name string) (*session, error) {
	q := atOnce(func(r *Room) (*session, error) { return r.find(name) })
	if err := r.offer(q); err != nil {
		return nil, err
	}
	return q.wait(ctx, r)
}

// answerBox takes the one answer to a command.
type answerBox chan []byte

// answer keeps the first answer.
func (b answerBox) answer(v any) { b.hand(encode(v)) }

// hand keeps the first answer: nothing is sent before it.
func (b answerBox) hand(object []byte) bool {
	select {
	case b <- object:
	default:
	}
	return true
}

// say carries out a command, and returns the answer to it.
func (s *session) say(ctx context.Context, line []byte) ([]byte, error) {
	box := make(answerBox, 1)
	s.command(box, line)
	patience := time.NewTimer(answerTime)
	defer patience.Stop()
	select {
	case answer := <-box:
		return answer, nil
	case <-s.ended:
	case <-patience.C:
	case <-ctx.Done():
	}
	select {
	case answer := <-box: // it was first
		return answer, nil
	default:
		return nil, &fault.Error{Code: fault.Busy, Detail: "the room did not answer in time; send this again under the same id", RetryAfter: busyRetry}
	}
}

// command hands a command to the room, which answers to the box.
func (s *session) command(box answerBox, line []byte) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.speaker.asker = box
	kind, id, err := parseRequest(line)
	now := time.Now()
	if wait := s.speaker.count(now); wait > 0 {
		err = tooFast(wait)
	} else if err == nil && kind == "join" {
		err = fault.New(fault.BadCommand, "this session has joined already")
	} else if err == nil {
		err = s.speaker.do(kind, id, line, now)
	}
	if err == nil {
		return
	}
	s.room.refuse(box, id, err)
	if fault.From(err).Code == fault.RateLimited && s.speaker.floods(time.Now()) {
		s.end(farewell{code: codeFlooding, text: string(fault.RateLimited)})
	}
}

// readBody reads a request's body, which is bounded as a message is.
func readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxMessage))
	switch {
	case err == nil:
		return body, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.New(fault.RequestTimeout, "the body did not arrive within 10 s; send it again")
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, err
	}
	return nil, fault.New(fault.BadRequest, "the body could not be read; send it again")
}

// writeObjects answers with objects as they go over every transport, byte for byte.
// before and after are further members of the answer.
func writeObjects(w http.ResponseWriter, before string, objects [][]byte, after string) {
	var b bytes.Buffer
	b.WriteString(`{"data":{` + before + `"events":[`)
	b.Write(bytes.Join(objects, []byte{','}))
	b.WriteString(`]` + after + "}}\n")
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	_, _ = w.Write(b.Bytes()) // the peer may be gone
}

// parseSeq reads a seq of a query, nil if it is absent.
func parseSeq(field, value string) (*uint64, error) {
	if value == "" {
		return nil, nil //nolint:nilnil // absent is no error
	}
	seq, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return nil, fault.New(fault.BadField, "%s must be a whole number, not %.32q", field, value)
	}
	return &seq, nil
}

// parseWait reads how long a poll is to wait: a time such as 25s, or a number of
// seconds.
func parseWait(value string) (time.Duration, error) {
	if value == "" {
		return pollMost, nil
	}
	wait, err := time.ParseDuration(value)
	if err != nil {
		var seconds int
		if seconds, err = strconv.Atoi(value); err == nil {
			wait = time.Duration(seconds) * time.Second
		}
	}
	if err != nil || wait < 0 {
		return 0, fault.New(fault.BadField, "wait must be a time such as 25s, not %.32q", value)
	}
	return min(wait, pollMost), nil
}
