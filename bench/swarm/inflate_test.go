package swarm

import (
	"bytes"
	"compress/flate"
	"strings"
	"testing"
)

// deflate returns a message's payload as RFC 7692 has it.
func deflate(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{0x00, 0x00, 0xff, 0xff})
}

func TestInflate(t *testing.T) {
	var f inflater
	texts := []string{"", "hello", strings.Repeat("hello ", 10_000), "hello"}
	for range 2 {
		for _, text := range texts {
			if got, err := f.inflate(deflate(t, text)); err != nil || string(got) != text {
				t.Errorf("a text of %d bytes became one of %d, %v", len(text), len(got), err)
			}
		}
	}
	if _, err := f.inflate([]byte("this is no stream")); err == nil {
		t.Error("what was never deflated is taken")
	}
}

func TestInflatingAgainAllocatesNothing(t *testing.T) {
	var f inflater
	payload := deflate(t, "hello")
	if n := testing.AllocsPerRun(100, func() { _, _ = f.inflate(payload) }); n > 0 {
		t.Errorf("it allocates %v times", n)
	}
}
