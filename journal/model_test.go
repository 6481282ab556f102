package journal_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/journal"
)

// model is what a journal should hold.
type model struct {
	lives     []*modelLife // in the order of opening
	sanctions map[string]string
	disk      breakable
	random    *rand.Rand
}

type modelLife struct {
	room, epoch string
	port        int
	settings    string
	closed      bool
	events      uint64
	removed     map[uint64]bool
	poll        uint64         // that goes on; 0: none
	votes       map[string]int // in it
}

// next returns the next event of a life, which may remove others, or end or begin a
// poll.
func (m *model) next(l *modelLife) journal.Event {
	e := event(l.epoch, l.events+1)
	switch what := m.random.IntN(60); {
	case l.events == 0:
	case what == 0:
		e.Clears = true
		for seq := uint64(1); seq <= l.events; seq++ {
			l.removed[seq] = true
		}
	case what < 10:
		for range 1 + m.random.IntN(3) {
			seq := 1 + m.random.Uint64N(l.events)
			e.Removes = append(e.Removes, seq)
			l.removed[seq] = true
		}
	case what < 15:
		e.Ends, l.poll = l.poll, 0
	case what < 25 && l.poll == 0:
		l.poll, l.votes = e.Seq, map[string]int{}
	}
	l.events++
	return e
}

// open returns the open life of a room, or nil.
func (m *model) open(room string) *modelLife {
	for _, l := range m.lives {
		if l.room == room && !l.closed {
			return l
		}
	}
	return nil
}

// TestModel does at random what servers do, on a disk that fails now and then, and
// holds the journal to a model of it after every restart.
func TestModel(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				m := model{sanctions: make(map[string]string), random: rand.New(rand.NewPCG(seed, 0))}
				s := open(t, dir, m.disk.option)
				for range 1500 {
					if m.random.IntN(100) > 0 {
						m.step(t, s)
						continue
					}
					m.disk.broken.Store(false)
					pass(journal.RetryPause)
					s.close()
					s = open(t, dir, m.disk.option)
					m.compare(t, s)
				}
				m.disk.broken.Store(false)
				pass(journal.RetryPause)
				m.compare(t, s)
				s.close()
			})
		})
	}
}

// step does one thing to both. Nothing is waited for: the next commit takes it.
func (m *model) step(t *testing.T, s *store) {
	t.Helper()
	m.disk.broken.Store(m.random.IntN(20) == 0)
	room, id := fmt.Sprint("room", m.random.IntN(6)), fmt.Sprint("s", m.random.IntN(10))
	l := m.open(room)
	switch what := m.random.IntN(20); {
	case l == nil:
		l = &modelLife{room: room, epoch: fmt.Sprint("epoch", len(m.lives)), port: m.random.IntN(1000), removed: map[uint64]bool{}}
		m.lives = append(m.lives, l)
		m.write(t, func() error {
			return s.OpenRoom(journal.Room{Name: room, Epoch: l.epoch, Port: l.port, Created: time.Now()}, nil)
		})
	case what < 15:
		for range 1 + m.random.IntN(30) {
			e := m.next(l)
			m.write(t, func() error { return s.Append(e, nil) })
			if l.poll == 0 {
				continue
			}
			v := journal.Vote{Epoch: l.epoch, Poll: l.poll, User: id, Option: m.random.IntN(8)}
			l.votes[id] = v.Option
			m.write(t, func() error { return s.PutVote(v, nil) })
		}
	case what == 15:
		l.closed = true
		m.write(t, func() error { return s.CloseRoom(l.epoch, nil) })
	case what == 16:
		l.port, l.settings = m.random.IntN(1000), fmt.Sprintf(`{"slow_mode":%d}`, m.random.IntN(100))
		m.write(t, func() error {
			return s.UpdateRoom(journal.Room{Epoch: l.epoch, Port: l.port, Settings: []byte(l.settings)}, nil)
		})
	case what == 17:
		delete(m.sanctions, id)
		m.write(t, func() error { return s.DeleteSanction(id, nil) })
	default:
		m.sanctions[id] = strconv.FormatUint(m.random.Uint64(), 10)
		m.write(t, func() error { return s.PutSanction(id, []byte(m.sanctions[id]), nil) })
	}
	pass(time.Duration(m.random.IntN(5)) * time.Millisecond)
}

// write repairs the disk when a write is refused, and does it again.
func (m *model) write(t *testing.T, do func() error) {
	t.Helper()
	err := do()
	if errors.Is(err, journal.ErrUnavailable) {
		m.disk.broken.Store(false)
		pass(journal.RetryPause)
		err = do()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// compare demands that the journal holds what the model does.
func (m *model) compare(t *testing.T, s *store) {
	t.Helper()
	var open, wantOpen []string
	for _, r := range s.OpenRooms() {
		open = append(open, fmt.Sprint(r.Name, r.Epoch, r.Port, string(r.Settings), r.Seq))
	}
	for _, l := range m.lives {
		if !l.closed {
			wantOpen = append(wantOpen, fmt.Sprint(l.room, l.epoch, l.port, l.settings, l.events))
		}
		s.wantLog(l.epoch, 1, l.events)
		s.wantRemoved("like the model", l.epoch, slices.Sorted(maps.Keys(l.removed))...)
		if l.poll > 0 {
			s.wantVotes("like the model", l.epoch, l.poll, l.votes)
		}
	}
	if !slices.Equal(open, wantOpen) {
		t.Fatalf("open rooms: got %q, want %q", open, wantOpen)
	}
	for room := range 6 {
		var lives, wantLives []string
		for _, l := range s.Lives(fmt.Sprint("room", room)) {
			lives = append(lives, fmt.Sprint(l.Epoch, l.Closed.IsZero(), l.Seq))
		}
		for _, l := range slices.Backward(m.lives) {
			if l.room == fmt.Sprint("room", room) {
				wantLives = append(wantLives, fmt.Sprint(l.epoch, !l.closed, l.events))
			}
		}
		if !slices.Equal(lives, wantLives) {
			t.Fatalf("lives of room %d: got %q, want %q", room, lives, wantLives)
		}
	}
	sanctions := map[string]string{}
	for _, x := range s.Sanctions() {
		sanctions[x.ID] = string(x.Value)
	}
	if fmt.Sprint(sanctions) != fmt.Sprint(m.sanctions) {
		t.Fatalf("sanctions: got %v, want %v", sanctions, m.sanctions)
	}
}
