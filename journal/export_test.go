package journal

import "time"

// What tests of the package from outside may see.
const (
	RetryPause  = retryPause
	PruneEvents = pruneEvents
	BulkEvents  = bulkEvents
	FileName    = fileName
)

// FailCommits makes every commit ask f first.
func FailCommits(o *Options, f func() error) { o.beforeCommit = f }

// OpenTransactions returns how many read transactions are open.
func (j *Journal) OpenTransactions() int {
	j.file.RLock()
	defer j.file.RUnlock()
	return j.db.Stats().OpenTxN
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
