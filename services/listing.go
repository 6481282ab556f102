package services

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/outbound"
)

const (
	lookInterval = 500 * time.Millisecond // between two looks at what has changed
	lookPause    = 50 * time.Millisecond  // between two looks because rooms open and close
	toldPause    = 5 * time.Second        // between two calls for one room
	toldInterval = 30 * time.Second       // after which a room is told again, changed or not
	goneFor      = 5 * time.Minute        // for so long the end of a room is told if that fails
	maxCalls     = 16                     // under way at the same time
)

// Room is what the listing is told of a room.
type Room struct {
	Host      string    `json:"host"` // under which viewers reach the server
	Port      int       `json:"port"` // of the room
	URL       string    `json:"url"`
	Title     string    `json:"title"`
	Viewers   int       `json:"viewers"`
	Producer  *User     `json:"producer"` // null while none is in the room
	StreamURL string    `json:"stream_url"`
	Created   time.Time `json:"created"`
}

// User is somebody in a room.
type User struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
}

// ListingOptions say where the listing is, and what it is told.
type ListingOptions struct {
	// URL is its base URL.
	URL string
	// Key is sent to it as X-API-Key. Empty sends none.
	Key string
	// Rooms returns the rooms that are open, by name. It is asked twice a second, and
	// must not block.
	Rooms func() map[string]Room
	// Logger gets a line when the listing is left alone and when it is back, and at the
	// debug level every other failure. nil logs nothing.
	Logger *zap.Logger

	transport http.RoundTripper // tests put a fake here
}

// Listing tells the platform's listing service which rooms are open. Its methods are safe
// from any goroutine.
type Listing struct {
	// Set at construction and never changed.
	remote  *outbound.Client
	rooms   func() map[string]Room
	logger  *zap.Logger
	changed chan struct{} // holds a token while rooms may have opened or closed

	running atomic.Bool

	// Owned by Run, and by Farewell once Run has returned.
	known    map[string]*listed
	answers  chan answer // from the calls under way; holds all of them
	underWay int
}

// listed is a room as far as the listing was told of it.
type listed struct {
	is   []byte    // as JSON; nil once the room is gone
	told []byte    // what the listing has; nil: nobody knows
	sent bool      // it was told at least once, whatever came of it
	at   time.Time // when a call for it ended last
	next time.Time // no call before that
	gone time.Time // since when it is gone

	calling bool
}

// answer is what became of a call.
type answer struct {
	name string
	said []byte // nil: that the room is gone
	err  error
}

// NewListing returns a listing that is told nothing yet.
func NewListing(o ListingOptions) (*Listing, error) {
	remote, err := newRemote("listing service", o.URL, o.Key, o.Logger, o.transport)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return &Listing{
		remote:  remote,
		rooms:   o.Rooms,
		logger:  o.Logger,
		changed: make(chan struct{}, 1),
		known:   make(map[string]*listed),
		answers: make(chan answer, maxCalls),
	}, nil
}

// Status returns how the listing is, at once.
func (l *Listing) Status() outbound.Status {
	status := l.remote.Status()
	status.Name = "listing"
	return status
}

// Update says that a room was opened or closed, which the listing is then told at once. It
// never blocks.
func (l *Listing) Update() {
	select {
	case l.changed <- struct{}{}:
	default: // a change waits already and will be seen with this one
	}
}

// Run tells the listing of each room when it opens, when anything of it changes, but not
// more than every 5 s, every 30 s, and when it closes, until ctx ends. It returns nil when
// all its goroutines have ended, and an error only if it is running already.
func (l *Listing) Run(ctx context.Context) error {
	if !l.running.CompareAndSwap(false, true) {
		return errors.New("services: the listing is running already")
	}
	defer l.running.Store(false)
	defer l.remote.CloseIdleConnections()
	var calls sync.WaitGroup
	defer func() {
		calls.Wait()
		for l.underWay > 0 {
			l.note(<-l.answers, time.Now())
		}
	}()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	changed := l.changed        // nil while the last look for its sake is a moment ago
	var rested <-chan time.Time // fires when it no longer is
	l.look(time.Now())
	for {
		l.tell(ctx, &calls, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			l.look(time.Now())
		case <-changed:
			l.look(time.Now())
			changed, rested = nil, time.After(lookPause)
		case <-rested:
			changed, rested = l.changed, nil
		case a := <-l.answers:
			l.note(a, time.Now())
		}
	}
}

// look finds out what has changed.
func (l *Listing) look(now time.Time) {
	open := l.rooms()
	for name, room := range open {
		data, err := json.Marshal(room)
		if err != nil { // a time beyond the year 9999
			l.logger.Debug("a room cannot be listed", zap.String("room", name), zap.Error(err))
			continue
		}
		e := l.known[name]
		if e == nil {
			e = new(listed)
			l.known[name] = e
		}
		if e.is == nil {
			e.next, e.told = now, nil
		}
		e.is = data
	}
	for name, e := range l.known {
		if _, isOpen := open[name]; isOpen {
			continue
		}
		if e.is != nil {
			e.is, e.gone, e.next = nil, now, now
		}
		if !e.calling && (!e.sent || now.Sub(e.gone) >= goneFor) {
			delete(l.known, name)
		}
	}
}

// tell makes the calls that are due, as far as there is room for them.
func (l *Listing) tell(ctx context.Context, calls *sync.WaitGroup, now time.Time) {
	for name, e := range l.known {
		if l.underWay == maxCalls || ctx.Err() != nil {
			return
		}
		if !e.due(now) {
			continue
		}
		e.calling, e.sent = true, true
		l.underWay++
		said := e.is
		calls.Go(func() { l.answers <- answer{name, said, l.call(ctx, name, said)} })
	}
}

// due tells whether the listing is to be told of the room now.
func (e *listed) due(now time.Time) bool {
	switch {
	case e.calling || now.Before(e.next):
		return false
	case e.is != nil && bytes.Equal(e.is, e.told):
		return now.Sub(e.at) >= toldInterval
	default:
		return true
	}
}

// call tells the listing what a room is, or that it is gone.
func (l *Listing) call(ctx context.Context, name string, said []byte) error {
	path := "/rooms/" + outbound.Escape(name)
	if said != nil {
		return l.remote.Call(ctx, http.MethodPut, path, json.RawMessage(said), nil)
	}
	err := l.remote.Call(ctx, http.MethodDelete, path, nil, nil)
	if unknown(err) {
		return nil
	}
	return err
}

// note keeps in mind what became of a call.
func (l *Listing) note(a answer, now time.Time) {
	l.underWay--
	e := l.known[a.name]
	e.calling, e.told, e.at = false, nil, now
	if e.is != nil || a.said == nil { // else it has gone meanwhile, which is told at once
		e.next = now.Add(toldPause)
	}
	switch {
	case a.err != nil:
		if !errors.Is(a.err, outbound.ErrOpen) && !errors.Is(a.err, context.Canceled) {
			l.logger.Debug("the listing was not told", zap.String("room", a.name), zap.Error(a.err))
		}
	case a.said != nil:
		e.told = a.said
	case e.is == nil:
		delete(l.known, a.name)
	default: // it is open again
		e.next = now
	}
}

// Carry returns the rooms that the listing was told of and not yet of their end, and since
// when they are gone, now for those that were open at the last look. Another listing goes
// on with them by [Listing.TakeOver]. Run must have returned.
func (l *Listing) Carry() map[string]time.Time {
	told, now := make(map[string]time.Time), time.Now()
	for name, e := range l.known {
		switch {
		case !e.sent:
		case e.is != nil:
			told[name] = now // it may close before the other one looks
		default:
			told[name] = e.gone
		}
	}
	return told
}

// TakeOver goes on from what another listing has handed on: the end of those rooms that are
// not open is told. It must be called before Run.
func (l *Listing) TakeOver(told map[string]time.Time) {
	for name, since := range told {
		l.known[name] = &listed{sent: true, gone: since}
	}
}

// Farewell takes all rooms off the listing, since the server stops. Run must have returned.
// Its error tells how many stay, until the listing forgets whom it does not hear of.
func (l *Listing) Farewell(ctx context.Context) error {
	defer l.remote.CloseIdleConnections()
	names := make(chan string)
	failed := make(chan error, len(l.known)) // holds all there may be
	var calls sync.WaitGroup
	for range min(maxCalls, len(l.known)) {
		calls.Go(func() {
			for name := range names {
				if err := l.call(ctx, name, nil); err != nil {
					failed <- err
				}
			}
		})
	}
	for name, e := range l.known {
		if e.sent {
			names <- name
		}
	}
	close(names)
	calls.Wait()
	if n := len(failed); n > 0 {
		return fmt.Errorf("%d rooms stay on the list: %w", n, <-failed)
	}
	return nil
}
