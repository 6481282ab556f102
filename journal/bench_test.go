package journal_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"chatserver/journal"
)

// BenchmarkAppend has rooms that each append as soon as their former event is
// acknowledged, and one case that is bound by the queue alone.
func BenchmarkAppend(b *testing.B) {
	for _, rooms := range []int{1, 10, 100} {
		for _, ahead := range []int{1, 20} {
			b.Run(fmt.Sprintf("rooms=%d/waiting=%d", rooms, ahead), appending(rooms, ahead))
		}
	}
}

// appending keeps up to ahead events of each room unacknowledged.
func appending(rooms, ahead int) func(b *testing.B) {
	return func(b *testing.B) {
		s := openNew(b)
		for i := range rooms {
			s.room(fmt.Sprint("room", i))
		}
		before := s.Stats()
		latencies := make([][]time.Duration, rooms)
		var all sync.WaitGroup
		b.ResetTimer()
		for i := range rooms {
			all.Go(func() {
				epoch := fmt.Sprintf("room%d-1", i)
				free := make(chan struct{}, ahead)
				for seq := range uint64((b.N + rooms - 1) / rooms) {
					free <- struct{}{}
					e, start := event(epoch, seq+1), time.Now()
					err := s.Append(e, func(error) {
						latencies[i] = append(latencies[i], time.Since(start)) // one goroutine calls them all
						<-free
					})
					if err != nil {
						b.Error(err)
						return
					}
				}
				for range ahead {
					free <- struct{}{}
				}
			})
		}
		all.Wait()
		b.StopTimer()
		merged := slices.Sorted(slices.Values(slices.Concat(latencies...)))
		commits := s.Stats().Commits - before.Commits
		b.ReportMetric(float64(len(merged))/b.Elapsed().Seconds(), "acks/s")
		b.ReportMetric(float64(merged[len(merged)/2])/1e6, "p50-ms")
		b.ReportMetric(float64(merged[len(merged)*99/100])/1e6, "p99-ms")
		b.ReportMetric(float64(commits)/b.Elapsed().Seconds(), "commits/s")
	}
}

// BenchmarkGather has 100 rooms that together append an event each 500 µs, whatever
// the disk does, with several least times between transactions.
func BenchmarkGather(b *testing.B) {
	for _, gather := range []time.Duration{time.Nanosecond, 2 * time.Millisecond, 4 * time.Millisecond, 8 * time.Millisecond} {
		b.Run(gather.String(), func(b *testing.B) {
			const rooms = 100
			s := openNew(b, func(o *journal.Options) { o.Gather = gather })
			for i := range rooms {
				s.room(fmt.Sprint("room", i))
			}
			before := s.Stats()
			var latencies []time.Duration
			var waiting sync.WaitGroup
			start, n := time.Now(), 0
			for b.Loop() {
				<-time.After(time.Until(start.Add(time.Duration(n) * 500 * time.Microsecond)))
				waiting.Add(1)
				appended := time.Now()
				err := s.Append(event(fmt.Sprintf("room%d-1", n%rooms), uint64(n/rooms)+1), func(error) {
					latencies = append(latencies, time.Since(appended))
					waiting.Done()
				})
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			waiting.Wait()
			slices.Sort(latencies)
			b.ReportMetric(float64(latencies[len(latencies)/2])/1e6, "p50-ms")
			b.ReportMetric(float64(latencies[len(latencies)*99/100])/1e6, "p99-ms")
			b.ReportMetric(float64(s.Stats().Commits-before.Commits)/time.Since(start).Seconds(), "commits/s")
		})
	}
}

// BenchmarkRestore opens a journal of 500 open rooms with 1,000,000 events and
// reads what a server needs to go on: the newest 100 events of each room and the
// commands of the last 10 minutes.
func BenchmarkRestore(b *testing.B) {
	const rooms, events = 500, 1_000_000
	dir := b.TempDir()
	s := open(b, dir)
	for i := range rooms {
		s.room(fmt.Sprint("room", i))
	}
	for seq := uint64(1); seq <= events/rooms; seq++ {
		var done result
		for i := range rooms {
			done = s.write(func(done func(error)) error {
				e := event(fmt.Sprintf("room%d-1", i), seq)
				e.Time -= (events/rooms - int64(seq)) * 5000 // one in 5 s
				return s.Append(e, done)
			})
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	size := s.Stats().FileSize
	s.close()
	var opening time.Duration
	for b.Loop() {
		start := time.Now()
		s := open(b, dir)
		opening += time.Since(start)
		for _, r := range s.OpenRooms() {
			newest, err := s.Newest(r.Epoch, 0, 100)
			if err != nil || len(newest) != 100 || newest[99].Seq != r.Seq {
				b.Fatalf("newest events: %v", err)
			}
			commands, err := s.Commands(r.Epoch, time.Now().Add(-10*time.Minute))
			if err != nil || len(commands) == 0 {
				b.Fatalf("%d commands: %v", len(commands), err)
			}
		}
		s.close()
	}
	b.ReportMetric(float64(size)/events, "file-bytes/event")
	b.ReportMetric(opening.Seconds()/float64(b.N), "open-s")
}

// BenchmarkAll streams a log of 100,000 events, of which none, every tenth or all are
// removed, by marks or by a clear.
func BenchmarkAll(b *testing.B) {
	const events = 100_000
	for _, bb := range []struct {
		name  string
		every uint64 // of the events that get a mark; 0: none
		clear bool
	}{{"none removed", 0, false}, {"every tenth", 10, false}, {"all", 1, false}, {"cleared", 0, true}} {
		b.Run(bb.name, func(b *testing.B) {
			s := openNew(b)
			epoch := s.room("a")
			s.say(epoch, 1, events)
			s.sayThat(epoch, events+1, func(e *journal.Event) {
				for seq := bb.every; bb.every > 0 && seq <= events; seq += bb.every {
					e.Removes = append(e.Removes, seq)
				}
				e.Clears = bb.clear
			})
			for b.Loop() {
				read := 0
				for _, err := range s.All(epoch, 0, 0) {
					if err != nil {
						b.Fatal(err)
					}
					read++
				}
				if read != events+1 {
					b.Fatalf("read %d events", read)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}

// BenchmarkVotes is a poll in which 100,000 users vote, and the reading of their votes.
func BenchmarkVotes(b *testing.B) {
	const voters = 100_000
	s := openNew(b)
	epoch := s.room("a")
	s.say(epoch, 1, 1)
	votes := make([]journal.Vote, voters)
	for i := range votes {
		votes[i] = journal.Vote{Epoch: epoch, Poll: 1, User: rand.Text(), Option: i % 8}
	}
	b.Run("put", func(b *testing.B) {
		for b.Loop() {
			for _, v := range votes[1:] {
				if err := s.PutVote(v, nil); err != nil {
					b.Fatal(err)
				}
			}
			s.must(func(done func(error)) error { return s.PutVote(votes[0], done) })
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/voters, "ns/vote")
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if got, err := s.Votes(epoch, 1); err != nil || len(got) != voters {
				b.Fatalf("read %d votes, error %v", len(got), err)
			}
		}
	})
}
