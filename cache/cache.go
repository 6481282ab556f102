package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Source is where documents come from.
type Source interface {
	// Name is what [Status] calls it: "mongodb", "file".
	Name() string
	// Load reads everything. It bounds how long it takes and how much it reads.
	// Documents that did not change may be the same as those returned before. The
	// text of its error holds no secret and may stand in a log line.
	Load(ctx context.Context) (*Documents, error)
}

// Watcher is a [Source] that can tell when it changed.
type Watcher interface {
	Source
	// Watch calls changed once it watches, for something may have changed before,
	// and after each change, until ctx ends or it fails. [ErrCannotWatch] says
	// that it is no use to try again. The function does not block.
	Watch(ctx context.Context, changed func()) error
}

// ErrCannotWatch is the outcome of Watch where the database has no change streams.
var ErrCannotWatch = errors.New("has no change streams")

const (
	firstRetry = time.Second            // after a refresh that failed; it doubles each time
	gathering  = 100 * time.Millisecond // between a change and the refresh, for more changes to come
	maxPause   = 5 * time.Second        // of gathering, when refreshes take long
	maxReopen  = 10 * time.Second       // between two attempts to watch
)

// Options say what a [Cache] holds.
type Options struct {
	// Source is what is read. nil leaves the snapshot empty for ever.
	Source Source
	// Refresh is the time between two readings. 0 is 30 s.
	Refresh time.Duration
	// Refreshed is called after each reading, with the time that it took and what came
	// of it; it must not block. nil is allowed.
	Refreshed func(took time.Duration, err error)
	// Logger gets a line when the source fails and when it is back, for each new
	// snapshot, and for documents that are left out. nil logs nothing.
	Logger *zap.Logger
}

// Cache holds the snapshot in force and refreshes it. Its methods are safe from any
// goroutine.
type Cache struct {
	// Set by New and never changed.
	source    Source
	refresh   time.Duration
	refreshed func(time.Duration, error)
	logger    *zap.Logger

	// wake holds a token while a refresh was asked for, changed while the source
	// told of a change. Run takes them away.
	wake, changed chan struct{}
	stopped       chan struct{} // closed by Run as its last act

	current atomic.Pointer[Snapshot] // stored under publishing

	publishing sync.Mutex
	base       *Snapshot  // what the source says
	sanctions  *sanctions // nil until Keep

	mu        sync.Mutex
	asked     *refreshing // the refresh that callers of Refresh wait for, nil if none do
	confirmed time.Time   // when the snapshot was last found to be what the source says
	lastError error       // of the last refresh
}

// refreshing is a refresh that somebody waits for. The error is set before done is
// closed.
type refreshing struct {
	done chan struct{}
	err  error
}

// New returns a cache with an empty snapshot. [Cache.Run] fills it.
func New(o Options) *Cache {
	if o.Refresh <= 0 {
		o.Refresh = 30 * time.Second
	}
	if o.Refreshed == nil {
		o.Refreshed = func(time.Duration, error) {}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	c := &Cache{
		source:    o.Source,
		refresh:   o.Refresh,
		refreshed: o.Refreshed,
		logger:    o.Logger,
		wake:      make(chan struct{}, 1),
		changed:   make(chan struct{}, 1),
		stopped:   make(chan struct{}),
		confirmed: time.Now(),
	}
	c.base = Empty()
	c.current.Store(c.base)
	return c
}

// Snapshot returns the snapshot in force. It is never nil. To follow it, wait for
// [Snapshot.Replaced] and call Snapshot again.
func (c *Cache) Snapshot() *Snapshot { return c.current.Load() }

// Refresh reads the source now and returns what came of it. Callers that come while
// a reading is under way share the next one, for what they know of may have happened
// after it began. It needs [Cache.Run].
func (c *Cache) Refresh(ctx context.Context) error {
	c.mu.Lock()
	if c.asked == nil {
		c.asked = &refreshing{done: make(chan struct{})}
	}
	asked := c.asked
	c.mu.Unlock()
	post(c.wake)
	select {
	case <-asked.done:
		return asked.err
	case <-c.stopped:
		return errors.New("the cache is not refreshed any more: the server stops")
	case <-ctx.Done():
		return fmt.Errorf("the refresh goes on, nobody waits for it: %w", ctx.Err())
	}
}

// post puts a token into a channel that has room for one.
func post(token chan<- struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

func drain(token <-chan struct{}) {
	select {
	case <-token:
	default:
	}
}

// Run reads the source at once, every [Options.Refresh], when Refresh asks for it,
// and when the source tells of a change. After a failure it tries again sooner. It
// returns when ctx has ended, and must be called once.
func (c *Cache) Run(ctx context.Context) error {
	defer close(c.stopped)
	if c.source == nil {
		c.logger.Info("no database and no cache file: nothing is known of rooms, bans, words and emotes")
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	if w, ok := c.source.(Watcher); ok {
		watching.Go(func() { c.watch(ctx, w) })
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for failures := 0; ; {
		begun := time.Now()
		if err := c.read(ctx); err != nil {
			failures++
		} else {
			failures = 0
		}
		timer.Reset(c.wait(failures))
		if err := c.untilDue(ctx, timer, time.Since(begun)); err != nil {
			return err
		}
	}
}

// wait returns the time until the next regular refresh.
func (c *Cache) wait(failures int) time.Duration {
	if failures == 0 || failures > 16 {
		return c.refresh
	}
	return min(c.refresh, firstRetry<<(failures-1))
}

// untilDue waits until the next refresh is due. One for a change waits for more
// changes, as long as a refresh takes, so that refreshes take half the time at most.
func (c *Cache) untilDue(ctx context.Context, timer *time.Timer, took time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	case <-c.wake:
		return nil
	case <-c.changed:
	}
	timer.Reset(min(max(gathering, took), maxPause))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.wake:
	case <-timer.C:
	}
	return nil
}

// read reads the source and tells those who wait.
func (c *Cache) read(ctx context.Context) error {
	drain(c.wake) // what came before is served by this reading
	drain(c.changed)
	c.mu.Lock()
	asked := c.asked
	c.asked = nil
	c.mu.Unlock()

	begun := time.Now()
	err := c.load(ctx)
	if ctx.Err() == nil {
		c.note(err)
		c.refreshed(time.Since(begun), err)
	}
	if asked != nil {
		asked.err = err
		close(asked.done)
	}
	return err
}

// load reads the source and publishes what is new. A fault of ours on a document
// that nobody thought of must not stop the server.
func (c *Cache) load(ctx context.Context) (err error) {
	if c.source == nil {
		c.tidy()
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			c.logger.Error("a refresh panicked", zap.Any("panic", p), zap.Stack("stack"))
			err = errors.New("the refresh panicked; the log has the details")
		}
	}()
	docs, err := c.source.Load(ctx)
	if err != nil {
		return err
	}
	c.publish(docs)
	return nil
}

// publish puts a new snapshot in force, unless it would say what the present one
// says. It is for Run's goroutine alone, which so may read base without the lock.
func (c *Cache) publish(docs *Documents) {
	if c.base.version == docs.version() {
		c.tidy()
		return
	}
	s := NewSnapshot(docs, time.Now()) // takes a while, for which nobody else waits
	c.replace(s)
	c.logger.Info("new snapshot", zap.String("source", c.source.Name()), zap.String("version", s.version),
		zap.Any("counts", s.counts), zap.Int("left_out", s.leftOut))
	for _, l := range docs.LeftOut {
		c.logger.Warn("a document is left out", zap.String("collection", l.Collection), zap.String("id", l.ID), zap.String("why", l.Why))
	}
	if more := docs.Malformed - len(docs.LeftOut); more > 0 {
		c.logger.Warn("more documents are left out", zap.Int("more", more))
	}
}

// replace puts in force what the source says now.
func (c *Cache) replace(base *Snapshot) {
	c.publishing.Lock()
	defer c.publishing.Unlock()
	c.base = base
	if c.sanctions != nil {
		now := time.Now()
		c.sanctions.meet(base, now)
		c.sanctions.forget(c.lastRead(), now)
	}
	c.put()
}

// tidy forgets bans that were set or lifted here and count no more.
func (c *Cache) tidy() {
	c.publishing.Lock()
	defer c.publishing.Unlock()
	if c.sanctions != nil {
		c.sanctions.forget(c.lastRead(), time.Now())
	}
}

// put has what the source says in force, with the bans that were set and lifted here.
// The caller holds publishing.
func (c *Cache) put() {
	s := c.base
	if c.sanctions != nil {
		s = c.sanctions.over()
	}
	if old := c.current.Swap(s); old != s {
		close(old.replaced)
	}
}

// lastRead returns when the source was last read, zero if it never was. No source is one
// that is read all the time. The caller holds publishing.
func (c *Cache) lastRead() time.Time {
	switch {
	case c.source == nil:
		return time.Now()
	case c.base.version == "":
		return time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.confirmed
}

// note keeps the outcome of a refresh, and logs when it is another than before.
func (c *Cache) note(err error) {
	c.mu.Lock()
	before := c.lastError
	c.lastError = err
	if err == nil {
		c.confirmed = time.Now()
	}
	c.mu.Unlock()
	switch {
	case err != nil && before == nil:
		c.logger.Warn("cannot refresh; the last snapshot stays in force", zap.Error(err))
	case err != nil:
		c.logger.Debug("cannot refresh", zap.Error(err))
	case before != nil:
		c.logger.Info("refreshed again")
	}
}

// watch lets the source tell of changes for as long as it can. After a failure it
// begins anew, with growing pauses.
func (c *Cache) watch(ctx context.Context, w Watcher) {
	for pause := firstRetry; ; pause = min(2*pause, maxReopen) {
		opened := time.Now()
		err := w.Watch(ctx, func() { post(c.changed) })
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrCannotWatch):
			c.logger.Info("changes come with the regular refresh", zap.Duration("every", c.refresh), zap.Error(err))
			return
		}
		if time.Since(opened) > maxReopen {
			pause = firstRetry
		}
		log := c.logger.Debug
		if pause == firstRetry {
			log = c.logger.Info
		}
		log("lost sight of changes; until that is mended they come with the regular refresh", zap.Error(err))
		jittered := pause/2 + rand.N(pause) //nolint:gosec // nobody gains by guessing it
		timer := time.NewTimer(jittered)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}
