package room

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/journal"
)

// bank is a credit service in a bubble. It keeps books, and can be told to fail.
type bank struct {
	begun time.Time

	mu       sync.Mutex
	calls    []string // when, what
	accounts map[string]*bankAccount
	byKey    map[string]string // names of sessions
	tips     map[string]Tip    // by key
	now      int               // calls under way
	most     int               // that ever were

	takes  time.Duration   // for an answer
	left   time.Duration   // for which it allows
	deny   map[string]bool // users
	fails  error           // what it answers to everything; nil: it is well
	loses  bool            // it does what it is asked, and nobody hears the answer
	reason string          // tips are refused for it
}

// bankAccount is a session in its books.
type bankAccount struct {
	user, room string
	begun      time.Time
	used       time.Duration
	ended      bool
}

func newBank() *bank {
	return &bank{
		begun: time.Now(), accounts: map[string]*bankAccount{}, byKey: map[string]string{}, tips: map[string]Tip{},
		left: time.Minute, deny: map[string]bool{},
	}
}

// patience is how long callers wait for the bank, as package services does.
const patience = 3 * time.Second

var errBank = errors.New("the bank is closed")

// set changes how the bank is.
func (b *bank) set(change func(b *bank)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// hang and heal are what tests tell it most.
func (b *bank) hang() { b.set(func(b *bank) { b.takes = time.Hour }) }
func (b *bank) heal() { b.set(func(b *bank) { b.takes, b.fails, b.loses = 0, nil, false }) }

// do carries out a call.
func (b *bank) do(ctx context.Context, call string, carryOut func() error) error {
	b.mu.Lock()
	b.calls = append(b.calls, strings.TrimSpace(fmt.Sprint(time.Since(b.begun).Round(time.Millisecond), " ", call)))
	b.now++
	b.most = max(b.most, b.now)
	takes := b.takes
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer b.set(func(b *bank) { b.now-- })
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	err, lost := b.fails, b.loses
	if err == nil {
		err = carryOut()
	}
	b.mu.Unlock()
	if lost {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (b *bank) grant(user string) Grant {
	if b.deny[user] {
		return Grant{}
	}
	return Grant{Allowed: true, Left: b.left}
}

// Open implements Credit.
func (b *bank) Open(ctx context.Context, key, user, room string) (g Grant, err error) {
	err = b.do(ctx, "open "+user, func() error {
		name, again := b.byKey[key]
		if !again {
			name = fmt.Sprint("s", len(b.byKey)+1)
			b.byKey[key] = name
			b.accounts[name] = &bankAccount{user: user, room: room, begun: time.Now()}
		}
		g = b.grant(user)
		g.Session = name
		return nil
	})
	return g, err
}

// Renew implements Credit.
func (b *bank) Renew(ctx context.Context, session string, used time.Duration) (g Grant, err error) {
	err = b.do(ctx, fmt.Sprint("renew ", session, " ", used.Round(time.Second)), func() error {
		a := b.accounts[session]
		if a == nil || a.ended {
			return ErrNoSession
		}
		a.used = used
		g = b.grant(a.user)
		return nil
	})
	return g, err
}

// End implements Credit.
func (b *bank) End(ctx context.Context, session string, used time.Duration) error {
	return b.do(ctx, fmt.Sprint("end ", session, " ", used.Round(time.Second)), func() error {
		a := b.accounts[session]
		if a == nil {
			return ErrNoSession
		}
		a.used, a.ended = used, true
		return nil
	})
}

// Tip implements Credit.
func (b *bank) Tip(ctx context.Context, key string, t Tip) error {
	return b.do(ctx, fmt.Sprint("tip ", t.User, " ", t.Amount, " ", t.Currency, " ", t.Text), func() error {
		if b.reason != "" {
			return &TipRefusedError{b.reason}
		}
		b.tips[key] = t
		return nil
	})
}

// wantCalls wants these since the last time, in any order of those of the same moment.
func (b *bank) wantCalls(t *testing.T, why string, want ...string) {
	t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.calls
	b.calls = nil
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("%s: the bank heard\n\t%s\nwant\n\t%s", why, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// wantBooks wants all sessions to have ended, and all time that a user was there to stand
// in the books once.
func (b *bank) wantBooks(t *testing.T, why string, want map[string]time.Duration) {
	t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	got := make(map[string]time.Duration)
	for name, a := range b.accounts {
		got[a.user] += a.used.Round(time.Second)
		if !a.ended {
			t.Errorf("%s: session %s of %s goes on", why, name, a.user)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("%s: the books have %v, want %v", why, got, want)
	}
}

// sessions returns how many there ever were.
func (b *bank) sessions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.accounts)
}

// paidWorld is a world with a bank.
type paidWorld struct {
	*world
	bank   *bank
	closed func() // ends the telling of ends
}

// inPaidWorld runs a test in a bubble with a bank. While that fails consumers are let in.
func inPaidWorld(t *testing.T, test func(w *paidWorld), change ...func(*Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBank()
		change = append([]func(*Options){func(o *Options) { o.Credit, o.CreditFailOpen = b, true }}, change...)
		inThisBubble(t, func(w *world) { test(settling(w, b)) }, change...)
	})
}

func failClosed(o *Options) { o.CreditFailOpen = false }

// settling has the bank told of ends until closed, or the end of the test.
func settling(w *world, b *bank) *paidWorld {
	ctx, stop := context.WithCancel(w.Context())
	w.Cleanup(stop)
	go w.SettleTickets(ctx)
	return &paidWorld{w, b, stop}
}

// paid opens a room that charges.
func (w *paidWorld) paid(name string) *testRoom {
	w.Helper()
	r, _, err := w.Create(name, SettingsPatch{Paid: new(true)})
	if err != nil {
		w.Fatal(err)
	}
	return &testRoom{Room: r, w: w.world}
}

// at waits until so long after the beginning.
func (w *paidWorld) at(d time.Duration) {
	w.Helper()
	<-time.After(d - time.Since(w.bank.begun))
	synctest.Wait()
}

// restart ends the server in order and starts it anew.
func (w *paidWorld) restart(test func(w *paidWorld)) {
	w.Helper()
	w.closed()
	w.stop()
	w.restarted(func(next *world) { test(settling(next, w.bank)) })
}

// crash is restart with what the journal had at this moment.
func (w *paidWorld) crash(test func(w *paidWorld)) {
	w.Helper()
	w.closed()
	synctest.Wait()
	kept, err := w.journal.Tickets()
	if err != nil {
		w.Fatal(err)
	}
	w.stop()
	w.journal.mu.Lock()
	w.journal.tickets = kept
	w.journal.mu.Unlock()
	w.restarted(func(next *world) { test(settling(next, w.bank)) })
}

// handOver is restart for a server that hands its rooms over: when that is done the
// journal is not its any more.
func (w *paidWorld) handOver(test func(w *paidWorld)) {
	w.Helper()
	w.closed()
	w.FinishTips(w.Context())
	if err := w.HandOver(w.Context()); err != nil {
		w.Fatal(err)
	}
	w.journal.set(false, journal.ErrClosed)
	w.stop()
	w.journal.set(false, nil)
	w.restarted(func(next *world) { test(settling(next, w.bank)) })
}

// arrive opens a WebSocket and joins with a token, without a wait for the welcome.
func (r *testRoom) arrive(token string) *client {
	r.w.Helper()
	c := r.connect()
	c.send(obj{"type": "join", "token": token})
	synctest.Wait()
	return c
}

// pay is joinAs for who is asked for at a bank that answers at once.
func (r *testRoom) pay(token string) *client {
	r.w.Helper()
	c := r.arrive(token)
	r.w.pass(time.Microsecond) // the journal has the ticket before the bank hears of it
	c.welcome = c.want("a welcome", "welcome")
	return c
}

func (j *memoryJournal) PutTicket(id string, value []byte, done func(error)) error {
	return j.write(done, func() error {
		if j.tickets == nil {
			j.tickets = make(map[string][]byte)
		}
		if j.tickets[id] = value; value == nil {
			delete(j.tickets, id)
		}
		return nil
	})
}

func (j *memoryJournal) Tickets() (map[string][]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.tickets), nil
}
