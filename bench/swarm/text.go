package swarm

import (
	"bytes"
	"time"
)

// The text of a message is a mark and filler up to the wanted size. The mark is
//
//	~ SS NNNNNNNNN TTTTTTTTTTTTTTT
//
// without the spaces: the sender in its room, the message's number among that sender's
// (from 1), and the nanoseconds since the process started. No server's own JSON has a
// tilde, so the mark is found by looking for one.
const (
	tilde        = '~'
	senderDigits = 2
	numberDigits = 9
	timeDigits   = 15
	markSize     = 1 + senderDigits + numberDigits + timeDigits

	// MaxSenders is how many senders a room can have.
	MaxSenders = 20
)

// filler pads texts. It has nothing that JSON escapes.
const filler = " and so on, as people in a chat do when they have seen something that they like a lot"

// appendText appends a text of the given size to dst.
func appendText(dst []byte, size, sender int, number uint64, sent time.Duration) []byte {
	start := len(dst)
	dst = append(dst, tilde)
	dst = appendDigits(dst, uint64(sender), senderDigits)
	dst = appendDigits(dst, number, numberDigits)
	dst = appendDigits(dst, uint64(sent), timeDigits)
	for len(dst)-start < size {
		dst = append(dst, filler[:min(len(filler), size-(len(dst)-start))]...)
	}
	return dst
}

func appendDigits(dst []byte, n uint64, digits int) []byte {
	start := len(dst)
	for range digits {
		dst = append(dst, '0')
	}
	for i := start + digits - 1; i >= start; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

// mark is what a text says of its message.
type mark struct {
	sender int
	number uint64
	sent   time.Duration
}

// findMark returns the mark in an object, if it has one.
func findMark(object []byte) (m mark, found bool) {
	at := bytes.IndexByte(object, tilde)
	if at < 0 || len(object) < at+markSize {
		return mark{}, false
	}
	digits := object[at+1 : at+markSize]
	sender, rest := digits[:senderDigits], digits[senderDigits:]
	m = mark{int(number(sender)), number(rest[:numberDigits]), time.Duration(number(rest[numberDigits:]))}
	return m, m.sender < MaxSenders
}

// number reads the digits that data begins with.
func number(data []byte) uint64 {
	var n uint64
	for _, c := range data {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + uint64(c-'0')
	}
	return n
}
