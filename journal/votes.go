package journal

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Vote is what a user chose in a poll. The last one of a user counts.
type Vote struct {
	Epoch  string // of the life that the poll belongs to
	Poll   uint64 // seq of the event that opened it
	User   string // id of 1 to 1024 bytes
	Option int
}

const (
	maxVoter     = 1024 // bytes of a user's id
	portionVotes = 2048 // read in one transaction at most
)

// PutVote writes a vote in a poll of a life that is open, in place of the one that the
// user may have given before. It never waits. The poll must be an event of the life and
// must not be over. For the errors and done see [Journal.Append].
//
// Votes are kept until an event ends their poll, or retention removes the event that
// opened it.
func (j *Journal) PutVote(v Vote, done func(error)) error {
	if v.User == "" || len(v.User) > maxVoter {
		return fmt.Errorf("the id of a user who votes has %d bytes; it must have 1 to %d", len(v.User), maxVoter)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.admit(refusable); err != nil {
		return err
	}
	l, err := j.index.open(v.Epoch)
	if err != nil {
		return err
	}
	if v.Poll <= l.Ended || v.Poll > l.seq {
		return fmt.Errorf("%w: poll %d of room %q takes no votes: polls up to %d are over, and the newest event is %d", ErrOrder, v.Poll, l.Room, l.Ended, l.seq)
	}
	key := voteKey(l.id, v.Poll, v.User)
	j.accept(write{changes: []change{{bucketVotes, key, encodeVote(key, v.Option)}}, done: done})
	return nil
}

// Votes returns what each user chose in a poll, as it is on the disk; nothing for a poll
// that is over. It reads in portions. For the errors see [Journal.Read].
func (j *Journal) Votes(epoch string, poll uint64) (map[string]int, error) {
	l, err := j.lookUp(epoch)
	if err != nil {
		return nil, err
	}
	votes := make(map[string]int)
	if poll <= l.Ended {
		return votes, nil
	}
	for next := pollKey(l.id, poll); next != nil; {
		next, err = j.portionOfVotes(&l, poll, next, votes)
		if err != nil {
			return nil, err
		}
	}
	return votes, nil
}

// portionOfVotes reads votes of a poll, from a key on, in one short transaction. It
// returns the key to go on from, nil when there are no more.
func (j *Journal) portionOfVotes(l *life, poll uint64, from []byte, votes map[string]int) (next []byte, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketVotes).Cursor()
		read := 0
		for key, value := c.Seek(from); key != nil; key, value = c.Next() {
			owner, of, user, ok := splitVoteKey(key)
			if !ok || owner != l.id || of != poll {
				return nil
			}
			if read == portionVotes {
				next = bytes.Clone(key)
				return nil
			}
			option, err := decodeVote(key, value)
			if err != nil {
				return damagef("vote of %.64q in poll %d of room %q, epoch %q: %v", user, poll, l.Room, l.Epoch, err)
			}
			votes[string(user)] = option
			read++
		}
		return nil
	})
	return next, err
}
