package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/zap"
)

// fileName is the journal's file in its directory.
const fileName = "journal.db"

// Options say where a [Journal] lives and what it keeps.
type Options struct {
	// Dir is the directory of the journal's file, journal.db. It is made if it
	// is missing.
	Dir string
	// Retention is how long events are kept. 0 is 168 h.
	Retention time.Duration
	// Forward says that [Journal.Forward] will bring everything to a database:
	// what that does not have yet is kept beyond Retention.
	Forward bool
	// Wait is how long Open waits for another process to let go of the file.
	// 0 is 1 s.
	Wait time.Duration
	// Check bounds the time for which Open reads events, to see whether they are as they
	// were written; all else it reads in any case. 0 is 2 s. Below 0 it reads none: for a
	// file that another process has used until now.
	Check time.Duration
	// Gather is the least time between the starts of two transactions; a lone
	// write does not wait for it. 0 is 4 ms.
	Gather time.Duration
	// Queue bounds what waits to be written, in bytes; each write counts 256
	// bytes beside its own. 0 is 64 MiB.
	Queue int
	// Committed is called after each transaction, with the time that it took and the
	// writes in it; it must not block. nil is allowed.
	Committed func(took time.Duration, writes int)
	// Logger gets a line when the disk fails and when it is back, and the same
	// for the database. nil logs nothing.
	Logger *zap.Logger

	beforeCommit func() error // tests make commits fail here
}

func (o Options) withDefaults() Options {
	if o.Retention <= 0 {
		o.Retention = 168 * time.Hour
	}
	if o.Wait <= 0 {
		o.Wait = time.Second
	}
	if o.Check == 0 {
		o.Check = checkBudget
	}
	if o.Gather <= 0 {
		o.Gather = 4 * time.Millisecond
	}
	if o.Queue <= 0 {
		o.Queue = 64 << 20
	}
	if o.Committed == nil {
		o.Committed = func(time.Duration, int) {}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.beforeCommit == nil {
		o.beforeCommit = func() error { return nil }
	}
	return o
}

// Journal is the open store. Its methods are safe from any goroutine.
type Journal struct {
	// Set by Open and never changed.
	opts   Options
	path   string
	log    *zap.Logger
	secret []byte

	// Readers hold file's read lock for one short transaction; the writer takes
	// the lock to replace db, which only it does.
	file sync.RWMutex
	db   *bolt.DB

	// What was accepted; the file follows.
	mu     sync.Mutex
	index  index
	queue  queue
	closed bool

	wake    chan struct{} // holds a token while the queue may have something; the writer receives
	news    chan struct{} // holds a token after a commit; Forward receives
	closing chan struct{} // closed by Close
	stop    context.CancelFunc
	running sync.WaitGroup // the writer and the pruner
	ended   chan struct{}  // closed when both have ended and the file is closed

	outage     atomic.Pointer[outage] // nil while all is well
	forwarding atomic.Bool
	counters   counters
}

// counters are for Stats.
type counters struct {
	commits, failures, events, pruned atomic.Uint64
	fileSize                          atomic.Int64
	lastError                         atomic.Pointer[error]
	sendError                         atomic.Pointer[error] // of Forward; nil while all is well
}

// Open opens the journal in a directory, or makes one there. It reads the file
// before it trusts it; of an error's chain are
//   - [ErrInUse] when another process does not let go of it,
//   - [ErrFormat] when a newer server has written it,
//   - [ErrDamaged] when it is truncated or corrupted,
//   - [ErrNotJournal] when it is another file.
//
// The file is left as it was then.
func Open(o Options) (*Journal, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: no directory to keep it in: %w", err)
	}
	j := &Journal{
		opts:    o,
		path:    filepath.Join(o.Dir, fileName),
		log:     o.Logger,
		wake:    make(chan struct{}, 1),
		news:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	if err := j.openFile(); err != nil {
		return nil, fmt.Errorf("journal %s: %w", j.path, err)
	}
	if err := j.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", j.path, err), j.db.Close())
	}
	j.measure()
	ctx, stop := context.WithCancel(context.Background())
	j.stop = stop
	j.running.Go(newWriter(j).run)
	j.running.Go(func() { j.prune(ctx) })
	return j, nil
}

// Close refuses further writes, commits what waits and closes the file. It returns
// an error that wraps [ErrUnavailable] if the last commit failed, or ctx's when
// that ends before. Closing again returns nil.
func (j *Journal) Close(ctx context.Context) error {
	j.mu.Lock()
	again := j.closed
	j.closed = true
	j.mu.Unlock()
	if !again {
		j.stop()
		close(j.closing)
		go j.finish()
	}
	select {
	case <-j.ended:
	case <-ctx.Done():
		return fmt.Errorf("journal %s: it did not close in time: %w", j.path, ctx.Err())
	}
	if again {
		return nil
	}
	return j.Healthy()
}

// finish closes the file once nobody uses it any more.
func (j *Journal) finish() {
	defer close(j.ended)
	j.running.Wait()
	if out := j.outage.Load(); out != nil && out.final {
		return // a transaction that panicked holds bbolt's lock: Close would hang
	}
	j.file.Lock()
	defer j.file.Unlock()
	if err := j.db.Close(); err != nil {
		j.log.Error("journal was not closed cleanly", zap.String("file", j.path), zap.Error(err))
	}
}

// TokenSecret returns the secret of user tokens: 32 random bytes, made when the
// journal was.
func (j *Journal) TokenSecret() []byte { return bytes.Clone(j.secret) }

// Healthy returns nil while the journal takes writes, else an error that wraps
// [ErrUnavailable]. It costs next to nothing.
func (j *Journal) Healthy() error {
	if out := j.outage.Load(); out != nil {
		return out.err
	}
	return nil
}

// Stats is what the journal has done since it was opened, and how it is.
type Stats struct {
	Commits    uint64        // transactions; each is two fsyncs
	Failures   uint64        // transactions that failed
	Events     uint64        // events written
	Pruned     uint64        // events removed by retention
	Waiting    int           // writes that wait for their commit
	WaitingFor time.Duration // age of the oldest of them; 0: none waits
	Queue      int           // what they count in the queue, in bytes
	FileSize   int64         // bytes, as of the newest commit
	Lives      int           // lives that are known, open ones too
	LastError  error         // of the newest transaction that failed; nil: none did

	// With Options.Forward alone.
	Unsent    uint64        // events that the database does not have yet
	UnsentFor time.Duration // age of the oldest of them, rather too old than too young; 0: none
	SendError error         // why the database took nothing last; nil while it takes what it is given
}

// Stats returns the present numbers. It looks at nothing but memory.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	s := Stats{
		Waiting:    j.queue.length,
		WaitingFor: j.queue.age(),
		Queue:      j.queue.bytes,
		Lives:      len(j.index.lives),
	}
	if j.opts.Forward {
		s.Unsent, s.UnsentFor = j.index.unsent, j.index.unsentFor()
	}
	j.mu.Unlock()
	c := &j.counters
	s.Commits, s.Failures = c.commits.Load(), c.failures.Load()
	s.Events, s.Pruned = c.events.Load(), c.pruned.Load()
	s.FileSize = c.fileSize.Load()
	s.LastError, s.SendError = valueOf(&c.lastError), valueOf(&c.sendError)
	return s
}

func valueOf(p *atomic.Pointer[error]) error {
	if err := p.Load(); err != nil {
		return *err
	}
	return nil
}

// measure notes how large the file is. It is asked where the file may have grown.
func (j *Journal) measure() {
	if info, err := os.Stat(j.path); err == nil {
		j.counters.fileSize.Store(info.Size())
	}
}
