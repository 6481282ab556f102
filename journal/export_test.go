package journal

import (
	"time"

	bolt "go.etcd.io/bbolt"
)

// What tests of the package from outside may see.
const (
	RetryPause  = retryPause
	PruneEvents = pruneEvents
	BulkEvents  = bulkEvents
	FileName    = fileName

	PortionEvents = portionEvents
	PortionVotes  = portionVotes
)

// FailCommits makes every commit ask f first.
func FailCommits(o *Options, f func() error) { o.beforeCommit = f }

// OpenTransactions returns how many read transactions are open.
func (j *Journal) OpenTransactions() int {
	j.file.RLock()
	defer j.file.RUnlock()
	return j.db.Stats().OpenTxN
}

// Records counts what is in a bucket of the file.
func (j *Journal) Records(bucket string) (count int, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bucket)).ForEach(func(_, _ []byte) error {
			count++
			return nil
		})
	})
	return count, err
}

// DropFile closes the file under the journal's feet, as bbolt does when it cannot
// map it.
func (j *Journal) DropFile() error { return j.db.Close() }

// CheckFile checks a file as Open does, with a limit to the time for leaves.
func CheckFile(path string, budget time.Duration) error { return checkFile(path, budget) }

// EncodeEvent and DecodeEvent are the record's coder.
func EncodeEvent(life uint64, e Event) (key, value []byte) {
	key = eventKey(life, e.Seq)
	return key, encodeEvent(key, &e)
}

func DecodeEvent(key, value []byte) (Event, error) { return decodeEvent(key, value) }

// Seal puts a checksum before a record's body.
func Seal(key, body []byte) []byte { return seal(key, body) }
