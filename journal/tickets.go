package journal

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

const (
	maxTicketID    = 256  // bytes
	portionTickets = 1024 // read in one transaction at most
)

// PutTicket keeps a value under an id of 1 to 256 bytes, in place of the one that may be
// there; nil takes that away. It copies value. The disk may fail meanwhile: the change
// waits for it. For the errors and done see [Journal.Append].
func (j *Journal) PutTicket(id string, value []byte, done func(error)) error {
	if id == "" || len(id) > maxTicketID {
		return fmt.Errorf("the id of a ticket has %d bytes; it must have 1 to %d", len(id), maxTicketID)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.admit(needed); err != nil {
		return err
	}
	c := change{bucketTickets, []byte(id), nil}
	if value != nil {
		c.value = seal(c.key, value)
	}
	j.accept(write{changes: []change{c}, done: done})
	return nil
}

// Tickets returns the values by their ids, as they are on the disk. It reads in portions.
// For the errors see [Journal.Read].
func (j *Journal) Tickets() (map[string][]byte, error) {
	all := make(map[string][]byte)
	for next := []byte{}; next != nil; {
		var err error
		if next, err = j.portionOfTickets(next, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// portionOfTickets reads tickets, from a key on, in one short transaction. It returns the
// key to go on from, nil when there are no more.
func (j *Journal) portionOfTickets(from []byte, all map[string][]byte) (next []byte, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketTickets).Cursor()
		read := 0
		for key, sealed := c.Seek(from); key != nil; key, sealed = c.Next() {
			if read == portionTickets {
				next = bytes.Clone(key)
				return nil
			}
			value, err := unseal(key, sealed)
			if err != nil {
				return damagef("ticket %.64q: %v", key, err)
			}
			all[string(key)] = bytes.Clone(value)
			read++
		}
		return nil
	})
	return next, err
}
