package room

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// tcpPair returns the two ends of a TCP connection, the other one with a small buffer.
func tcpPair(tb testing.TB) (ours, theirs *net.TCPConn) {
	tb.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	theirs, err = net.DialTCP("tcp", nil, ln.Addr().(*net.TCPAddr))
	if err != nil {
		tb.Fatal(err)
	}
	if ours, err = ln.AcceptTCP(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	if err := theirs.SetReadBuffer(32 << 10); err != nil {
		tb.Fatal(err)
	}
	return ours, theirs
}

// readFrame reads one unmasked frame.
func readFrame(r *bufio.Reader) (opcode byte, payload []byte, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	if head[1] == length16 {
		var long [2]byte
		if _, err := io.ReadFull(r, long[:]); err != nil {
			return 0, nil, err
		}
		n = uint64(binary.BigEndian.Uint16(long[:]))
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return head[0] & frameOpcode, payload, err
}

// TestFramesStayWholeAndInOrder has several writers at one socket that takes little
// at a time: no frame is torn, each writer's frames come in order, and the close
// frame comes last.
func TestFramesStayWholeAndInOrder(t *testing.T) {
	ours, theirs := tcpPair(t)
	var written atomic.Int64
	const limit = 64 << 10
	o := newOutbox(ours, webSocket, limit, &written)
	defer o.close()

	const writers, each = 4, 500
	var sent [writers]atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				payload := fmt.Appendf(nil, "%d %d %0*d", w, i, (i*37)%3000, 0)
				put := func(frame []byte) offered { return o.offer(frame, span{}) }
				if w == 0 {
					put = o.reply
				}
				switch put(textFrame(payload)) {
				case taken:
					sent[w].Add(1)
				case full:
				case gone:
					t.Error("the connection broke")
				}
				o.mu.Lock()
				if o.size > limit+limit/4 {
					t.Errorf("%d bytes pending", o.size)
				}
				o.mu.Unlock()
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		wg.Wait()
		o.end(codeLeft, closeFrame(codeLeft, "bye"))
	}()

	var got, next [writers]int64
	for in := bufio.NewReaderSize(theirs, 512); ; {
		opcode, payload, err := readFrame(in)
		if err != nil {
			t.Fatal(err)
		}
		if opcode == opClose {
			break
		}
		var w, i int64
		if _, err := fmt.Sscanf(string(payload), "%d %d", &w, &i); err != nil || opcode != opText {
			t.Fatalf("torn: opcode %d, %.40q", opcode, payload)
		}
		if i < next[w] {
			t.Fatalf("writer %d: %d comes after %d", w, i, next[w])
		}
		next[w] = i + 1
		got[w]++
	}
	<-ended
	total := int64(0)
	for w := range writers {
		total += got[w]
		if got[w] != sent[w].Load() {
			t.Errorf("writer %d: %d taken, %d received", w, sent[w].Load(), got[w])
		}
	}
	if total == 0 {
		t.Error("nothing was taken")
	}
}

// TestAReaderThatStopsHoldsLittle bounds what waits for one connection: the backlog,
// and the kernel's buffers on both sides.
func TestAReaderThatStopsHoldsLittle(t *testing.T) {
	ours, _ := tcpPair(t)
	var written atomic.Int64
	const limit = 64 << 10
	o := newOutbox(ours, webSocket, limit, &written)
	defer o.close()
	frame := textFrame(make([]byte, 4<<10))
	held := 0
	for o.offer(frame, span{}) != full {
		held += len(frame)
	}
	if most := limit + 2*sendBuffer + 256<<10; held > most {
		t.Errorf("%d KiB wait for a reader with a backlog of %d KiB; want at most %d", held>>10, limit>>10, most>>10)
	}
}

func TestAFullOutboxTellsWhenItHasEmptied(t *testing.T) {
	ours, theirs := tcpPair(t)
	var written atomic.Int64
	o := newOutbox(ours, webSocket, 64<<10, &written)
	defer o.close()
	hungry := make(chan struct{}, 1)
	o.onHungry(func() { hungry <- struct{}{} })
	frame := textFrame(make([]byte, 8<<10))
	taken := 0
	for o.offer(frame, span{}) != full {
		taken++
	}
	if o.offer(frame, span{}) != full || o.reply(frame) == full {
		t.Error("want no room for an event, and some for a reply")
	}
	taken++
	if _, err := io.CopyN(io.Discard, theirs, int64(taken*len(frame))); err != nil {
		t.Fatal(err)
	}
	<-hungry
	if got := o.offer(frame, span{}); got == full {
		t.Error("an empty outbox takes nothing")
	}
}

func TestAnOutboxWhosePeerIsGone(t *testing.T) {
	ours, theirs := tcpPair(t)
	var written atomic.Int64
	o := newOutbox(ours, webSocket, 1<<20, &written)
	defer o.close()
	if err := theirs.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	frame := textFrame(make([]byte, 1<<10))
	for o.offer(frame, span{}) != gone {
		runtime.Gosched()
	}
	<-o.waitForEnd()
	o.end(codeLeft, frame) // is ignored
}

func TestOfferingToAQuickReaderAllocatesNothing(t *testing.T) {
	o, frame := quickReader(t)
	if n := testing.AllocsPerRun(1000, func() { o.offer(frame, span{}) }); n != 0 {
		t.Errorf("%v allocations for each viewer", n)
	}
}

// quickReader returns an outbox whose peer reads all, and a frame for it.
func quickReader(tb testing.TB) (*outbox, []byte) {
	tb.Helper()
	ours, theirs := tcpPair(tb)
	if err := theirs.SetReadBuffer(1 << 20); err != nil {
		tb.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, theirs) // ends with the connection
	}()
	var written atomic.Int64
	o := newOutbox(ours, webSocket, 1<<20, &written)
	tb.Cleanup(func() { o.close(); <-read })
	return o, textFrame(make([]byte, 150))
}

func BenchmarkOffer(b *testing.B) {
	o, frame := quickReader(b)
	b.ReportAllocs()
	for b.Loop() {
		o.offer(frame, span{})
	}
}

// TestALentFrameIsNotKept writes over each frame as soon as it was lent, while the
// socket takes all, a part, or nothing of it.
func TestALentFrameIsNotKept(t *testing.T) {
	ours, theirs := tcpPair(t)
	o := newOutbox(ours, webSocket, 1<<20, new(atomic.Int64))
	defer o.close()
	const size = 3000
	lent := 0
	for pending := false; !pending || lent%10 != 0; lent++ {
		frame := textFrame(bytes.Repeat([]byte{byte(lent)}, size))
		if o.lend(frame, span{}) != taken {
			t.Fatal("not taken")
		}
		clear(frame)
		o.mu.Lock()
		pending = pending || len(o.pending) > 3
		o.mu.Unlock()
	}
	in := bufio.NewReader(theirs)
	for i := range lent {
		if _, payload, err := readFrame(in); err != nil || !bytes.Equal(payload, bytes.Repeat([]byte{byte(i)}, size)) {
			t.Fatalf("frame %d of %d: %v, %.20q", i, lent, err, payload)
		}
	}
}

// TestWhatWaitsCanBeTakenBack takes events back from a reader that does not read yet.
func TestWhatWaitsCanBeTakenBack(t *testing.T) {
	ours, theirs := net.Pipe() // which takes nothing before it is read
	defer theirs.Close()
	o := newOutbox(ours, webSocket, 1<<20, new(atomic.Int64))
	defer o.close()
	for seq := uint64(1); seq < 5; seq++ {
		o.offer(textFrame(fmt.Append(nil, "event ", seq)), span{first: seq, last: seq})
		o.reply(textFrame([]byte("an answer")))
	}
	if from, greeted := o.retract(1); from != 2 || greeted {
		t.Errorf("want what waits behind the first, from event 2 on, got %d, %v", from, greeted)
	}
	if from, _ := o.retract(1); from != 0 {
		t.Errorf("want nothing more to take back, got %d", from)
	}
	in := bufio.NewReader(theirs)
	for i, want := range []string{"event 1", "an answer", "an answer", "an answer", "an answer"} {
		if _, got, err := readFrame(in); err != nil || string(got) != want {
			t.Fatalf("%d: want %s, got %q, %v", i, want, got, err)
		}
	}
}
