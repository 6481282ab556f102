package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
)

// The buckets of the file, and what they hold. Numbers in keys are big-endian, so
// that the order of keys is the order of numbers.
var (
	bucketJournal   = []byte("journal")   // keyFormat, keySecret
	bucketLives     = []byte("lives")     // number of the life (8 bytes) → lifeRecord as JSON
	bucketEvents    = []byte("events")    // number of the life (8 bytes), seq (8 bytes) → event
	bucketSanctions = []byte("sanctions") // id → sanctionState (1 byte), value
	bucketRemoved   = []byte("removed")   // number of the life, seq of the event that was removed → nothing
	bucketVotes     = []byte("votes")     // number of the life, number of the poll (8 bytes), user → option
	bucketTickets   = []byte("tickets")   // id → value

	keyFormat = []byte("format") // decimal; the one value without a checksum, for all versions to read
	keySecret = []byte("secret") // secretSize bytes
)

// buckets are all of them, in the order in which they came and are checked.
var buckets = [][]byte{bucketJournal, bucketLives, bucketSanctions, bucketEvents, bucketRemoved, bucketVotes, bucketTickets}

// bucketsIn is how many of the buckets a file of a format has, by the format; 0 is that of a
// file which does not say.
var bucketsIn = [format + 1]int{0: 4, 1: 4, 2: 6, 3: 7}

// bucketsOf returns the buckets that a file of a format has.
func bucketsOf(format int) [][]byte { return buckets[:bucketsIn[format]] }

// castagnoli is the CRC that processors compute themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumSize = 4

// seal returns a value as it is stored: a checksum over key and body, and the body.
// The key is part of it so that a record in the wrong place is noticed.
func seal(key, body []byte) []byte {
	value := make([]byte, sumSize, sumSize+len(body))
	return sealed(key, append(value, body...))
}

// sealed fills in the checksum of a value whose first bytes are kept free for it.
func sealed(key, value []byte) []byte {
	binary.BigEndian.PutUint32(value, sum(key, value[sumSize:]))
	return value
}

// unseal returns the body of a stored value, which it aliases.
func unseal(key, value []byte) ([]byte, error) {
	if len(value) < sumSize {
		return nil, errors.New("record too short")
	}
	body := value[sumSize:]
	if binary.BigEndian.Uint32(value) != sum(key, body) {
		return nil, errors.New("wrong checksum")
	}
	return body, nil
}

func sum(key, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, body)
}

const (
	lifeKeySize  = 8
	eventKeySize = 16
)

func lifeKey(life uint64) []byte { return binary.BigEndian.AppendUint64(nil, life) }

// lifeID reads a lifeKey.
func lifeID(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

func eventKey(life, seq uint64) []byte {
	key := make([]byte, 0, eventKeySize)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(key, life), seq)
}

// splitEventKey takes an eventKey apart; ok is false when it is none.
func splitEventKey(key []byte) (life, seq uint64, ok bool) {
	if len(key) != eventKeySize {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(key), binary.BigEndian.Uint64(key[8:]), true
}

// encodeEvent returns the value that is stored for e under key.
func encodeEvent(key []byte, e *Event) []byte {
	size := sumSize + 4*binary.MaxVarintLen64 + len(e.Type) + len(e.User) + len(e.Command) + len(e.Data)
	value := make([]byte, sumSize, size)
	value = binary.AppendVarint(value, e.Time)
	for _, text := range []string{e.Type, e.User, e.Command} {
		value = binary.AppendUvarint(value, uint64(len(text)))
		value = append(value, text...)
	}
	return sealed(key, append(value, e.Data...))
}

// decodeEvent reads what encodeEvent wrote. Seq comes from the key; Epoch and Room
// are left empty. Data aliases value.
func decodeEvent(key, value []byte) (Event, error) {
	_, seq, ok := splitEventKey(key)
	if !ok {
		return Event{}, errors.New("key of an event has the wrong length")
	}
	body, err := unseal(key, value)
	if err != nil {
		return Event{}, err
	}
	time, n := binary.Varint(body)
	if n <= 0 {
		return Event{}, errors.New("event without a time")
	}
	body = body[n:]
	e := Event{Seq: seq, Time: time}
	for _, text := range []*string{&e.Type, &e.User, &e.Command} {
		length, n := binary.Uvarint(body)
		if n <= 0 || length > uint64(len(body)-n) {
			return Event{}, errors.New("event is cut short")
		}
		*text = string(body[n : n+int(length)])
		body = body[n+int(length):]
	}
	e.Data = body
	return e, nil
}

// lifeRecord is what is stored of a life.
type lifeRecord struct {
	Room     string          `json:"room"`
	Epoch    string          `json:"epoch"`
	Port     int             `json:"port"`
	Created  int64           `json:"created"`          // Unix milliseconds
	Closed   int64           `json:"closed,omitempty"` // Unix milliseconds; 0: open
	Settings json.RawMessage `json:"settings,omitempty"`
	// Pruned is the newest seq that retention has removed, so that seq goes on
	// where it was even when no event is left.
	Pruned uint64 `json:"pruned,omitempty"`
	// Sent is the newest seq that the database is known to have. It may lag
	// behind, as it is written now and then.
	Sent uint64 `json:"sent,omitempty"`
	// Cleared is the seq of the newest event that removed all before it.
	Cleared uint64 `json:"cleared,omitempty"`
	// Ended is the newest poll that is over; those before it are, too.
	Ended uint64 `json:"ended,omitempty"`
}

// encodeLife returns the value that is stored for r under key.
func encodeLife(key []byte, r *lifeRecord) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return seal(key, body), nil
}

func decodeLife(key, value []byte) (lifeRecord, error) {
	var r lifeRecord
	if len(key) != lifeKeySize {
		return r, errors.New("key of a life has the wrong length")
	}
	body, err := unseal(key, value)
	if err != nil {
		return r, err
	}
	err = json.Unmarshal(body, &r)
	return r, err
}

// sanctionState says what the database knows of a sanction.
type sanctionState byte

const (
	sanctionUnsent sanctionState = 1 + iota // it does not know the value
	sanctionSent                            // it knows the value
)

func encodeSanction(key []byte, state sanctionState, value []byte) []byte {
	return seal(key, append([]byte{byte(state)}, value...))
}

func decodeSanction(key, value []byte) (sanctionState, []byte, error) {
	body, err := unseal(key, value)
	if err != nil {
		return 0, nil, err
	}
	if len(body) == 0 || sanctionState(body[0]) < sanctionUnsent || sanctionState(body[0]) > sanctionSent {
		return 0, nil, errors.New("sanction in an unknown state")
	}
	return sanctionState(body[0]), body[1:], nil
}

// markKey is the key of the mark that an event is removed: the event's own.
func markKey(life, seq uint64) []byte { return eventKey(life, seq) }

// encodeMark returns the value that is stored under a markKey.
func encodeMark(key []byte) []byte { return seal(key, nil) }

func checkMark(key, value []byte) error {
	if len(key) != eventKeySize {
		return errors.New("key of a mark has the wrong length")
	}
	body, err := unseal(key, value)
	if err == nil && len(body) > 0 {
		err = errors.New("mark with a value")
	}
	return err
}

// pollKey is what the keys of a poll's votes begin with.
func pollKey(life, poll uint64) []byte { return eventKey(life, poll) }

func voteKey(life, poll uint64, user string) []byte { return append(pollKey(life, poll), user...) }

// splitVoteKey takes a voteKey apart; ok is false when it is none.
func splitVoteKey(key []byte) (life, poll uint64, user []byte, ok bool) {
	if len(key) <= eventKeySize {
		return 0, 0, nil, false
	}
	life, poll, ok = splitEventKey(key[:eventKeySize])
	return life, poll, key[eventKeySize:], ok
}

func encodeVote(key []byte, option int) []byte {
	return seal(key, binary.AppendVarint(nil, int64(option)))
}

func decodeVote(key, value []byte) (option int, err error) {
	if _, _, _, ok := splitVoteKey(key); !ok {
		return 0, errors.New("key of a vote is too short")
	}
	body, err := unseal(key, value)
	if err != nil {
		return 0, err
	}
	number, n := binary.Varint(body)
	if n <= 0 || n != len(body) {
		return 0, errors.New("vote without an option")
	}
	return int(number), nil
}

// checkRecord returns an error unless the record is one that this format knows.
func checkRecord(bucket string, key, value []byte) error {
	var err error
	switch bucket {
	case string(bucketEvents):
		_, err = decodeEvent(key, value)
	case string(bucketLives):
		_, err = decodeLife(key, value)
	case string(bucketSanctions):
		_, _, err = decodeSanction(key, value)
	case string(bucketRemoved):
		err = checkMark(key, value)
	case string(bucketVotes):
		_, err = decodeVote(key, value)
	case string(bucketTickets):
		_, err = unseal(key, value)
	case string(bucketJournal):
		if bytes.Equal(key, keySecret) {
			_, err = decodeSecret(value)
		}
	}
	return err
}

func decodeSecret(value []byte) ([]byte, error) {
	body, err := unseal(keySecret, value)
	if err == nil && len(body) != secretSize {
		err = errors.New("token secret has the wrong length")
	}
	return body, err
}
