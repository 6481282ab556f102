package swarm

import (
	"fmt"
	"testing"
	"time"
)

func TestTextsKeepTheirSize(t *testing.T) {
	for _, size := range []int{0, markSize, 64, 500} {
		got := appendText([]byte("before"), size, 3, 42, 5*time.Second)
		if n := len(got) - len("before"); n != max(size, markSize) {
			t.Errorf("a text of %d bytes has %d", size, n)
		}
		m, found := findMark(got)
		if want := (mark{3, 42, 5 * time.Second}); !found || m != want {
			t.Errorf("the mark of a text of %d bytes is %v, %v; want %v", size, m, found, want)
		}
	}
}

func TestObjectsWithoutAMark(t *testing.T) {
	for _, object := range []string{"", "~", `{"text":"hello"}`, `{"text":"~1"}`, "~99000000001000000000000000"} {
		if m, found := findMark([]byte(object)); found {
			t.Errorf("%q has the mark %v", object, m)
		}
	}
}

// text is that of a message in the tests: of sender 2, its 7th, sent after a second.
var text = string(appendText(nil, 64, 2, 7, time.Second))

func TestWires(t *testing.T) {
	m := mark{2, 7, time.Second}
	for _, c := range []struct {
		wire, object string
		want         note
	}{
		{"chatserver", `{"type":"message","seq":12,"time":1,"user":{"id":"a"},"text":"` + text + `"}`, note{kind: delivery, number: 12, mark: m}},
		{"chatserver", `{"type":"message","seq":12,"time":1,"text":"of somebody else"}`, note{}},
		{"chatserver", `{"type":"skipped","from":7,"to":20}`, note{kind: skip, number: 7, to: 20}},
		{"chatserver", `{"type":"welcome","room":"r","epoch":"e","seq":9,"you":{}}`, note{kind: joined, number: 9}},
		{"chatserver", `{"type":"error","code":"busy"}`, note{kind: refusal}},
		{"chatserver", `{"type":"viewers","count":3}`, note{}},
		{"chatserver", ``, note{}},
		{"centrifuge", `{"push":{"channel":"r","pub":{"data":{"text":"` + text + `"}}}}`, note{kind: delivery, stream: 2, number: 7, mark: m}},
		{"centrifuge", `{"id":1,"connect":{"client":"x"}}`, note{}},
		{"centrifuge", `{"id":2,"subscribe":{}}`, note{kind: joined}},
		{"centrifuge", `{"id":3,"publish":{}}`, note{}},
		{"centrifuge", `{"id":3,"error":{"code":103}}`, note{kind: refusal}},
		{"centrifuge", `{}`, note{kind: answer, answer: "{}"}},
		{"socket.io", `0{"sid":"x"}`, note{kind: answer, answer: "40"}},
		{"socket.io", `40{"sid":"x"}`, note{kind: joinNow}},
		{"socket.io", `42["joined"]`, note{kind: joined}},
		{"socket.io", `2`, note{kind: answer, answer: "3"}},
		{"socket.io", `42["message",{"text":"` + text + `"}]`, note{kind: delivery, stream: 2, number: 7, mark: m}},
		{"ws", `{"type":"welcome"}`, note{kind: joined}},
		{"ws", `{"type":"message","text":"` + text + `"}`, note{kind: delivery, stream: 2, number: 7, mark: m}},
	} {
		if got := wires[c.wire].read([]byte(c.object)); got != c.want {
			t.Errorf("%s takes %q for %+v, want %+v", c.wire, c.object, got, c.want)
		}
	}
}

func TestReadingADeliveryAllocatesNothing(t *testing.T) {
	for name, w := range wires {
		object := fmt.Appendf(nil, `{"type":"message","seq":12,"time":1,"text":"%s"}`, text)
		var c tally
		if n := testing.AllocsPerRun(100, func() {
			got := w.read(object)
			c.deliver(got.stream, got.number)
		}); n != 0 {
			t.Errorf("%s: it allocates %v times", name, n)
		}
	}
}
