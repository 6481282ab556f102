package journal

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	format     = 3  // of the file, as this version writes it
	secretSize = 32 // bytes
)

// openFile examines the file, opens it and makes sure that everything is in it that
// a journal has.
func (j *Journal) openFile() error {
	fresh, err := j.examine()
	if err != nil {
		return err
	}
	if j.db, err = j.openDB(false); err != nil {
		return err
	}
	err = guarded(func() error { return j.db.Update(j.prepare) })
	if err == nil && fresh {
		err = syncDir(j.opts.Dir)
	}
	if err != nil {
		return errors.Join(err, j.db.Close())
	}
	return nil
}

// openDB opens the bbolt file, as it is.
//
// The list of free pages is kept in the file (NoFreelistSync is off). So neither
// opening a large file nor the rollback after a failed commit scans all of it, and
// bbolt starts no goroutine of its own, in which a fault would end the process. It
// costs 8 bytes of writing per free page and transaction; as pages are used again,
// there are few. The map form of that list finds a page in constant time.
func (j *Journal) openDB(readOnly bool) (*bolt.DB, error) {
	var db *bolt.DB
	err := guarded(func() (err error) {
		db, err = bolt.Open(j.path, 0o600, &bolt.Options{
			Timeout:      j.opts.Wait,
			FreelistType: bolt.FreelistMapType,
			ReadOnly:     readOnly,
		})
		return err
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("%w by another process; stop that one, or give this server another directory", ErrInUse)
	}
	return db, err
}

// examine checks the file while holding bbolt's lock, but without trusting bbolt
// with what is in it. fresh is true when there is no file, or an empty one.
func (j *Journal) examine() (fresh bool, err error) {
	info, err := os.Stat(j.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%w: it is no regular file; move it away", ErrNotJournal)
	case info.Size() == 0: // made, but never written
		return true, nil
	}
	db, openErr := j.openDB(true) // this looks at nothing but the first two pages
	if openErr != nil {
		if errors.Is(openErr, ErrInUse) || errors.Is(openErr, os.ErrPermission) {
			return false, openErr
		}
		return false, cmp.Or(checkFile(j.path, j.opts.Check), openErr)
	}
	err = checkFile(j.path, j.opts.Check)
	return false, errors.Join(err, db.Close())
}

// prepare makes what is missing in a new file, and brings the format of an old one
// up to date.
func (j *Journal) prepare(tx *bolt.Tx) error {
	if meta := tx.Bucket(bucketJournal); meta != nil {
		from, err := parseFormat(meta.Get(keyFormat))
		if err != nil {
			return err
		}
		if err := upgrade(tx, from); err != nil {
			return err
		}
		secret, err := decodeSecret(meta.Get(keySecret))
		if err != nil {
			return damagef("the token secret: %v", err)
		}
		j.secret = bytes.Clone(secret)
		return nil
	}
	for _, name := range buckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	j.secret = make([]byte, secretSize)
	if _, err := rand.Read(j.secret); err != nil {
		return err
	}
	meta := tx.Bucket(bucketJournal)
	if err := meta.Put(keyFormat, []byte(strconv.Itoa(format))); err != nil {
		return err
	}
	return meta.Put(keySecret, seal(keySecret, j.secret))
}

// parseFormat reads the format that a file says it has, and refuses one that this
// version does not know.
func parseFormat(value []byte) (int, error) {
	n, err := strconv.Atoi(string(value))
	switch {
	case err != nil || n < 1:
		return 0, damagef("its format is %.20q, which is no number from 1 on", value)
	case n > format:
		return 0, fmt.Errorf("%w: it is %d, this version knows %d; run the newer version that wrote the file, or use another directory", ErrFormat, n, format)
	}
	return n, nil
}

// upgrade is the one place where a file of an older format is brought up to date,
// in the transaction that opens it: a case for each format that ever was.
//
// Format 2 has buckets for removals and for votes, and two more fields in the record of
// a life; format 3 has one for tickets. All that an older one holds is as it was.
func upgrade(tx *bolt.Tx, from int) error {
	switch from {
	case format:
		return nil
	case 1, 2:
		for _, name := range buckets[len(bucketsOf(from)):] {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketJournal).Put(keyFormat, []byte(strconv.Itoa(format)))
	default:
		return fmt.Errorf("%w: it is %d, from which there is no way to %d", ErrFormat, from, format)
	}
}

// load reads the lives and the sanctions into memory.
func (j *Journal) load() error {
	j.index = newIndex()
	return j.view(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if tx.Bucket(name) == nil {
				return damagef("bucket %q is missing", name)
			}
		}
		err := tx.Bucket(bucketLives).ForEach(func(key, value []byte) error {
			r, err := decodeLife(key, value)
			if err != nil {
				return damagef("life %x: %v", key, err)
			}
			l := &life{lifeRecord: r, id: lifeID(key)}
			l.seq = max(newestSeq(tx, l.id), r.Pruned)
			l.Sent = min(max(r.Sent, r.Pruned), l.seq) // it is written now and then
			l.unsentSince = timeOf(tx, l, l.Sent+1)
			j.index.add(l)
			return nil
		})
		if err != nil {
			return err
		}
		return tx.Bucket(bucketSanctions).ForEach(func(key, value []byte) error {
			state, value, err := decodeSanction(key, value)
			if err != nil {
				return damagef("sanction %q: %v", key, err)
			}
			j.index.setSanction(string(key), state, bytes.Clone(value))
			return nil
		})
	})
}

// timeOf returns the time of an event, or of its life if the event cannot be read.
func timeOf(tx *bolt.Tx, l *life, seq uint64) time.Time {
	key := eventKey(l.id, seq)
	if e, err := decodeEvent(key, tx.Bucket(bucketEvents).Get(key)); err == nil {
		return time.UnixMilli(e.Time)
	}
	return time.UnixMilli(l.Created)
}

// view runs a short read transaction. What read returns must not alias the file.
func (j *Journal) view(read func(tx *bolt.Tx) error) error {
	j.file.RLock()
	defer j.file.RUnlock()
	err := guarded(func() error { return j.db.View(read) })
	if !errors.Is(err, berrors.ErrDatabaseNotOpen) && !errors.Is(err, berrors.ErrInvalidMapping) {
		return err
	}
	if out := j.Healthy(); out != nil { // the writer could not open the file anew yet
		return out
	}
	return ErrClosed
}

// reopen replaces a file handle that bbolt has given up.
func (j *Journal) reopen() error {
	j.file.Lock()
	defer j.file.Unlock()
	_ = guarded(j.db.Close) // it is of no use any more
	db, err := j.openDB(false)
	if err == nil {
		j.db = db
	}
	return err
}

// panicError is a panic of bbolt, or a fault of the memory that it maps the file to.
type panicError struct{ reason any }

func (p *panicError) Error() string {
	return fmt.Sprintf("%v: reading it failed with: %.200v", ErrDamaged, p.reason)
}

func (p *panicError) Unwrap() error { return ErrDamaged }

// guarded calls use, and turns what bbolt does with a page that makes no sense, or
// that the disk does not give, into an error.
func guarded(use func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			err = &panicError{reason}
		}
	}()
	return use()
}

// syncDir makes the name of a new file survive a loss of power, where the system
// lets a directory be synced.
func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	_ = d.Sync() // not everywhere possible
	return d.Close()
}
