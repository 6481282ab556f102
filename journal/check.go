package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// checkBudget bounds the reading of the pages that hold events, marks and votes. What it
// leaves out is checked when it is read; the pages above them are checked in any case.
const checkBudget = 2 * time.Second

// unbounded are the buckets that grow with what is said.
var unbounded = []string{string(bucketEvents), string(bucketRemoved), string(bucketVotes)}

// checkFile reads a bbolt file without bbolt, which trusts what is in its pages: it
// panics, or reads outside the file, where they make no sense. The error says what
// is wrong, what can still be read, and what to do. Nobody may write to the file
// meanwhile.
func checkFile(path string, budget time.Duration) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	c := &checker{file: f, size: info.Size(), deadline: time.Now().Add(budget)}
	fault := c.check()
	if fault == nil {
		return nil
	}
	if errors.Is(fault, ErrFormat) { // sound, as far as can be told
		return fault
	}
	found := c.salvage()
	if c.foreign && len(found.events)+len(found.lives) == 0 {
		return fmt.Errorf("%w: %w; move the file away, or give this server another directory", ErrNotJournal, fault)
	}
	return fmt.Errorf("%w: %w; %d events and %d rooms' records in it can still be read, but no server runs on it: "+
		"put a backup in its place, or move it away (keep it) and start with an empty journal",
		ErrDamaged, fault, len(found.events), len(found.lives))
}

// checker is one walk over the file.
type checker struct {
	file     io.ReaderAt
	size     int64 // bytes
	deadline time.Time

	foreign bool // nothing says that it is a journal
	format  int  // what it says of its format, 0 before that was read
	meta    meta
	used    []uint64   // a bit for each page that the walk has met
	pages   [][]byte   // buffers, by depth
	trees   []treeRoot // the buckets
}

// treeRoot is where a bucket begins: at a page, or inside the page that names it.
type treeRoot struct {
	name   string
	root   uint64
	inline []byte
}

// check returns the first fault that it finds.
func (c *checker) check() error {
	if err := c.readMeta(); err != nil {
		c.foreign = true
		return err
	}
	c.used = make([]uint64, c.meta.pages/64+1)
	top := walk{checker: c, visit: c.noteBucket}
	if err := top.page(c.meta.root, 0); err != nil {
		return err
	}
	if len(c.trees) == 0 {
		return c.checkFree() // a process ended before it had made anything of the file
	}
	_, ours := c.tree(string(bucketJournal))
	c.foreign = !ours
	if err := c.checkBucket(bucketJournal); err != nil { // it says the format
		return err
	}
	for _, name := range bucketsOf(c.format)[1:] {
		if err := c.checkBucket(name); err != nil {
			return err
		}
	}
	return c.checkFree()
}

func (c *checker) checkBucket(name []byte) error {
	t, ok := c.tree(string(name))
	if !ok {
		return fmt.Errorf("bucket %q is missing", name)
	}
	if err := c.checkTree(t); err != nil {
		return fmt.Errorf("bucket %q: %w", name, err)
	}
	return nil
}

func (c *checker) tree(name string) (treeRoot, bool) {
	for _, t := range c.trees {
		if t.name == name {
			return t, true
		}
	}
	return treeRoot{}, false
}

// noteBucket is called with what is in the topmost tree.
func (c *checker) noteBucket(e element) error {
	if e.flags != bucketFlag || len(e.value) < bucketHeaderSize {
		return fmt.Errorf("%.40q is no bucket", e.key)
	}
	t := treeRoot{name: string(e.key), root: binary.NativeEndian.Uint64(e.value)}
	if t.root == 0 {
		t.inline = bytes.Clone(e.value[bucketHeaderSize:])
	}
	c.trees = append(c.trees, t)
	return nil
}

// checkTree walks over a bucket and checks its records.
func (c *checker) checkTree(t treeRoot) error {
	w := walk{checker: c, mayStop: slices.Contains(unbounded, t.name)}
	w.visit = func(e element) error {
		if e.flags != 0 {
			return fmt.Errorf("key %x holds no record", e.key)
		}
		if t.name == string(bucketJournal) && bytes.Equal(e.key, keyFormat) {
			var err error
			c.format, err = parseFormat(e.value)
			return err
		}
		if err := checkRecord(t.name, e.key, e.value); err != nil {
			return fmt.Errorf("key %x: %w", e.key, err)
		}
		return nil
	}
	if t.inline != nil {
		return w.leaf(t.inline)
	}
	return w.page(t.root, 0)
}

// claim notes that a page and those that continue it are in use.
func (c *checker) claim(id uint64, more uint32) error {
	if id < firstPage || id+uint64(more) >= c.meta.pages {
		return fmt.Errorf("page %d is named, but there are only %d", id+uint64(more), c.meta.pages)
	}
	for n := id; n <= id+uint64(more); n++ {
		if c.isUsed(n) {
			return fmt.Errorf("page %d is in two places", n)
		}
		c.used[n/64] |= 1 << (n % 64)
	}
	return nil
}

func (c *checker) isUsed(id uint64) bool { return c.used[id/64]&(1<<(id%64)) != 0 }

// read returns a page with those that continue it, in the buffer for a depth, and
// claims them.
func (c *checker) read(id uint64, depth int) ([]byte, error) {
	if id < firstPage || id >= c.meta.pages {
		return nil, fmt.Errorf("page %d is named, but there are only %d", id, c.meta.pages)
	}
	if depth >= len(c.pages) {
		c.pages = append(c.pages, make([]byte, c.meta.pageSize))
	}
	buf := c.pages[depth][:c.meta.pageSize]
	if err := c.readAt(buf, id); err != nil {
		return nil, err
	}
	h := readHeader(buf)
	if h.id != id {
		return nil, fmt.Errorf("page %d says that it is page %d", id, h.id)
	}
	if err := c.claim(id, h.more); err != nil {
		return nil, err
	}
	if h.more > 0 {
		buf = make([]byte, (int64(h.more)+1)*c.meta.pageSize)
		c.pages[depth] = buf
		return buf, c.readAt(buf, id)
	}
	return buf, nil
}

func (c *checker) readAt(buf []byte, id uint64) error {
	if _, err := c.file.ReadAt(buf, int64(id)*c.meta.pageSize); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// checkFree checks the list of free pages: bbolt would write over one that is used.
func (c *checker) checkFree() error {
	if c.meta.free == noFreelist {
		return nil
	}
	data, err := c.read(c.meta.free, 0)
	if err != nil {
		return err
	}
	ids, err := freePages(data)
	if err != nil {
		return fmt.Errorf("page %d: %w", c.meta.free, err)
	}
	previous := uint64(firstPage - 1)
	for ; len(ids) > 0; ids = ids[8:] {
		id := binary.NativeEndian.Uint64(ids)
		if id <= previous || id >= c.meta.pages {
			return fmt.Errorf("the list of free pages names page %d after page %d of %d", id, previous, c.meta.pages)
		}
		if c.isUsed(id) {
			return fmt.Errorf("page %d is in use and free", id)
		}
		previous = id
	}
	return nil
}

// walk goes over one tree in the order of its keys.
type walk struct {
	*checker
	visit   func(element) error
	mayStop bool // leaves may be left out when the time is over

	last      []byte // the newest key; nil: none yet
	reached   bool   // last was a record's key, not only the bound of those below a branch
	leafDepth int    // of the leaves, once one was met; the same for all
}

// maxDepth of a tree; with two keys a page it holds more than any disk.
const maxDepth = 64

// page walks over the part of the tree that begins at a page.
func (w *walk) page(id uint64, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d: the tree is too deep", id)
	}
	if w.mayStop && depth > 0 && depth == w.leafDepth && time.Now().After(w.deadline) {
		return w.claim(id, 0)
	}
	data, err := w.read(id, depth)
	if err != nil {
		return err
	}
	h := readHeader(data)
	if h.count == 0 && (depth > 0 || h.flags == branchPage) {
		return fmt.Errorf("page %d is empty", id)
	}
	switch h.flags {
	case leafPage:
		w.leafDepth = depth
		if err := w.leaf(data); err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		return nil
	case branchPage:
		return w.branch(data, depth)
	default:
		return fmt.Errorf("page %d is of the unknown kind %#x", id, h.flags)
	}
}

func (w *walk) leaf(data []byte) error {
	for e, err := range elements(data) {
		if err == nil {
			err = w.advance(e.key, true)
		}
		if err == nil {
			err = w.visit(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) branch(data []byte, depth int) error {
	id := readHeader(data).id
	for e, err := range elements(data) {
		if err == nil {
			err = w.advance(e.key, false)
		}
		if err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		if err := w.page(e.child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// advance checks that keys go up. A branch's key is the lower bound of those below.
func (w *walk) advance(key []byte, record bool) error {
	if order := bytes.Compare(w.last, key); w.last != nil && (order > 0 || order == 0 && w.reached) {
		return fmt.Errorf("key %x does not stand in order", key)
	}
	w.last, w.reached = append(w.last[:0], key...), record
	return nil
}
