package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// crowd is how many clients TestComeBack has: go test -run TestComeBack -v ./e2e -crowd 5000
var crowd = flag.Int("crowd", 1000, "clients that come back")

// returner is a client that costs little: it understands what it must.
type returner struct {
	address string // of the room
	conn    net.Conn
	in      *bufio.Reader

	told   time.Duration // when to come back
	heard  time.Time     // when it was told
	back   time.Time     // when it came back
	within time.Time     // when it was in again
}

// enter joins the room.
func (v *returner) enter() error {
	conn, err := net.Dial("tcp", v.address)
	if err != nil {
		return err
	}
	v.conn, v.in = conn, bufio.NewReaderSize(conn, 512)
	if _, err := io.WriteString(conn, upgradeRequest); err != nil {
		return err
	}
	answer, err := http.ReadResponse(v.in, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the handshake was answered by %s", answer.Status)
	}
	if _, err := conn.Write(maskedFrame(`{"type":"join"}`)); err != nil {
		return err
	}
	_, err = v.until(`"type":"welcome"`)
	return err
}

// until reads until something has come, and returns what follows it on its line. It does
// little, since all do it at once.
func (v *returner) until(marker string) (rest string, err error) {
	_ = v.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	for {
		line, err := v.in.ReadSlice('}')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", fmt.Errorf("before %s: %w", marker, err)
		}
		if at := bytes.Index(line, []byte(marker)); at >= 0 {
			return string(line[at+len(marker):]), nil
		}
	}
}

// comeBack waits to be sent away, and returns when it was told to.
func (v *returner) comeBack() error {
	after, err := v.until(`"reason":"restart","reconnect_after":`)
	if err != nil {
		return err
	}
	v.heard = time.Now()
	v.conn.Close()
	ms, err := strconv.Atoi(strings.TrimSuffix(after, "}"))
	if err != nil {
		return err
	}
	v.told = time.Duration(ms) * time.Millisecond
	<-time.After(v.told)
	v.back = time.Now()
	err = v.enter()
	v.within = time.Now()
	return err
}

// all has all of them do something, some at a time.
func all(t *testing.T, crowded []*returner, atATime int, do func(*returner) error) {
	t.Helper()
	places := make(chan struct{}, atATime)
	var doing sync.WaitGroup
	var once sync.Once
	for _, v := range crowded {
		places <- struct{}{}
		doing.Go(func() {
			defer func() { <-places }()
			if err := do(v); err != nil {
				once.Do(func() { t.Errorf("a client: %v", err) })
			}
		})
	}
	doing.Wait()
}

// most returns the largest number of times within any 100 ms, and how many there would be
// if they were spread evenly from the first to the last.
func most(times []time.Time) (largest int, even float64, over time.Duration) {
	const window = 100 * time.Millisecond
	slices.SortFunc(times, time.Time.Compare)
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= window {
			first++
		}
		largest = max(largest, i-first+1)
	}
	over = times[len(times)-1].Sub(times[0])
	return largest, float64(len(times)) * float64(window) / float64(over), over
}

// A crowd that is sent away comes back one by one, over a time that grows with its number,
// and everybody is let in again.
func TestComeBack(t *testing.T) {
	const rooms = 5
	s := startFamily(t, newProgram(t))
	var crowded []*returner
	for i := range rooms {
		address := s.open(fmt.Sprint("room-", i))
		for range *crowd / rooms {
			crowded = append(crowded, &returner{address: address})
		}
	}
	all(t, crowded, 64, (*returner).enter)
	if t.Failed() {
		return
	}
	if status, answer := s.tryRestart(); status != http.StatusAccepted {
		t.Fatalf("restart: %d %s", status, answer)
	}
	all(t, crowded, len(crowded), (*returner).comeBack)
	var told, due, back, in []time.Time
	for _, v := range crowded {
		told, due = append(told, time.Time{}.Add(v.told)), append(due, v.heard.Add(v.told))
		back, in = append(back, v.back), append(in, v.within)
		v.conn.Close()
	}
	// What is due is what clients on machines of their own do; they came as this one had time.
	for what, times := range map[string][]time.Time{"were told to come": told, "were due": due, "came": back, "were in": in} {
		largest, even, over := most(times)
		t.Logf("%d clients: at most %d %s within 100 ms; evenly over the %v it would be %.1f", len(crowded), largest, what, over.Round(time.Millisecond), even)
		if what == "were told to come" && (float64(largest) > even+1 || over < time.Duration(len(crowded))*time.Millisecond) {
			t.Errorf("want them spread evenly, over a time that grows with their number")
		}
	}
	s.wantOnlyHead()
	s.signal(syscall.SIGTERM)
	s.wait("the stop")
}
