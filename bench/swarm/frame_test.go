package swarm

import (
	"bytes"
	"errors"
	"testing"
)

// serverFrame is a frame as a server sends it.
func serverFrame(payload []byte) []byte { return AppendServerFrame(nil, payload) }

func TestFramesInPieces(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 300, 65535} {
		whole := serverFrame(bytes.Repeat([]byte("x"), n))
		for _, cut := range []int{0, 1, 2, 3, len(whole) - 1} {
			if cut >= len(whole) {
				continue
			}
			if _, _, size, err := parseFrame(whole[:cut]); size != 0 || err != nil {
				t.Errorf("%d of %d bytes: size %d, error %v; want to wait for more", cut, len(whole), size, err)
			}
		}
		opcode, payload, size, err := parseFrame(append(whole, "next"...))
		if opcode != opText || len(payload) != n || size != len(whole) || err != nil {
			t.Errorf("%d bytes: opcode %d, payload of %d, size %d, error %v", n, opcode, len(payload), size, err)
		}
	}
}

func TestLargeFrame(t *testing.T) {
	header := []byte{finalBit | opText, length64, 0, 0, 0, 0, 0, 1, 0, 0}
	_, payload, size, err := parseFrame(append(header, make([]byte, 1<<16)...))
	if len(payload) != 1<<16 || size != 1<<16+10 || err != nil {
		t.Errorf("payload of %d, size %d, error %v", len(payload), size, err)
	}
}

func TestFramesThatNoServerSends(t *testing.T) {
	for name, data := range map[string][]byte{
		"not final":     {opText, 1, 'x'},
		"continuation":  {finalBit, 1, 'x'},
		"masked":        {finalBit | opText, maskBit | 1, 0, 0, 0, 0, 'x'},
		"reserved bit":  {finalBit | 0x20 | opText, 1, 'x'},
		"deflated ping": {finalBit | deflatedBit | opPing, 1, 'x'},
		"huge":          {finalBit | opText, length64, 1, 0, 0, 0, 0, 0, 0, 0},
	} {
		if _, _, _, err := parseFrame(data); !errors.Is(err, errFrame) {
			t.Errorf("%s: error %v, want %v", name, err, errFrame)
		}
	}
}

func TestClientFramesAreMasked(t *testing.T) {
	for _, n := range []int{0, 3, 125, 126, 70_000} {
		payload := bytes.Repeat([]byte("abc"), n)[:n]
		f := appendFrame(nil, opText, payload)
		if f[1]&maskBit == 0 {
			t.Fatalf("%d bytes: no mask", n)
		}
		body := bytes.Clone(f[len(f)-n:])
		for i := range body {
			body[i] ^= mask[i%4]
		}
		if !bytes.Equal(body, payload) {
			t.Errorf("%d bytes: unmasked it is another text", n)
		}
		f[1] &^= maskBit // and without the key it is a server's frame
		start := len(f) - n - len(mask)
		f = append(f[:start], payload...)
		if _, got, _, err := parseFrame(f); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: the header is wrong: %v", n, err)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add(serverFrame([]byte("hello")))
	f.Add([]byte{finalBit | opText, length64, 0, 0, 0, 0, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, payload, size, err := parseFrame(data)
		if size > len(data) || len(payload) > size || err != nil && size != 0 {
			t.Errorf("size %d, payload of %d and error %v out of %d bytes", size, len(payload), err, len(data))
		}
	})
}
