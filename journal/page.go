package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"os"
)

// bbolt's file format, version 2, as far as a check of it needs: pages of equal
// size, numbered from 0, in the byte order of the machine. A page begins with a
// header; a record may go on into the pages after it. The first two pages are
// written in turn and say where the present state begins.
//
//	header   id 8, kind 2, count of elements 2, further pages 4
//	meta     magic 4, version 4, page size 4, flags 4, root 8, sequence 8,
//	         list of free pages 8, count of pages 8, transaction 8, FNV-1a of these 8
//	leaf     elements: flags 4, offset from the element 4, key size 4, value size 4
//	branch   elements: offset from the element 4, key size 4, page 8
//	free     numbers of pages 8 each; a count of 0xffff says that the first is the count
//	bucket   the value of an element with bucketFlag: root 8, sequence 8; where root
//	         is 0, the bucket's only page follows
const (
	pageHeaderSize   = 16
	elementSize      = 16
	bucketHeaderSize = 16
	metaSize         = 64
	metaSummed       = metaSize - 8 // bytes of it that its checksum is over

	branchPage = 0x01 // kinds of pages
	leafPage   = 0x02
	freePage   = 0x10

	bucketFlag    = 0x01
	boltMagic     = 0xED0CDAED
	boltVersion   = 2
	noFreelist    = 1<<64 - 1
	firstPage     = 2 // after the two meta pages
	countOverflow = 0xffff
)

var errShortPage = errors.New("an element reaches beyond its page")

type header struct {
	id    uint64
	flags uint16
	count uint16
	more  uint32 // pages that continue this one
}

// readHeader reads the start of a page, which must have pageHeaderSize bytes.
func readHeader(data []byte) header {
	return header{
		id:    binary.NativeEndian.Uint64(data),
		flags: binary.NativeEndian.Uint16(data[8:]),
		count: binary.NativeEndian.Uint16(data[10:]),
		more:  binary.NativeEndian.Uint32(data[12:]),
	}
}

// element is a record of a leaf, or what leads from a branch to another page. Its
// slices alias the page.
type element struct {
	flags      uint32
	key, value []byte
	child      uint64
}

// elements returns what is in a leaf or a branch. bbolt writes keys and values one
// after the other, directly behind the elements; a page that looks otherwise has a
// wrong count, or wrong sizes, and is an error.
func elements(data []byte) iter.Seq2[element, error] {
	return func(yield func(element, error) bool) {
		if len(data) < pageHeaderSize {
			yield(element{}, errShortPage)
			return
		}
		h := readHeader(data)
		at, next := pageHeaderSize, pageHeaderSize+int(h.count)*elementSize
		if h.count == 0 && len(data) >= pageHeaderSize+elementSize && !allZero(data[at:at+elementSize]) {
			yield(element{}, errors.New("its count of elements is 0, but there are some"))
		}
		for range int(h.count) {
			e, end, err := readElement(data, at, next, h.flags)
			if !yield(e, err) || err != nil {
				return
			}
			at, next = at+elementSize, end
		}
	}
}

func allZero(data []byte) bool { return len(bytes.Trim(data, "\x00")) == 0 }

// readElement reads the element at a place in the page, whose key has to begin at
// keyAt. It returns where the next one's has to.
func readElement(data []byte, at, keyAt int, flags uint16) (e element, end int, err error) {
	if at+elementSize > len(data) {
		return e, 0, errShortPage
	}
	var words [4]int
	for i := range words {
		words[i] = int(binary.NativeEndian.Uint32(data[at+4*i:]))
	}
	var offset, keySize, valueSize int
	if flags == branchPage {
		offset, keySize = words[0], words[1]
		e.child = binary.NativeEndian.Uint64(data[at+8:])
	} else {
		e.flags = uint32(words[0])
		offset, keySize, valueSize = words[1], words[2], words[3]
	}
	switch end = keyAt + keySize + valueSize; {
	case at+offset != keyAt:
		return e, 0, errors.New("its elements do not follow each other")
	case end > len(data):
		return e, 0, errShortPage
	}
	e.key, e.value = data[keyAt:keyAt+keySize], data[keyAt+keySize:end]
	return e, end, nil
}

// freePages returns the list of free pages, 8 bytes each.
func freePages(data []byte) ([]byte, error) {
	h := readHeader(data)
	if h.flags != freePage {
		return nil, fmt.Errorf("no list of free pages, but of kind %#x", h.flags)
	}
	data = data[pageHeaderSize:]
	count := uint64(h.count)
	if count == countOverflow {
		count = binary.NativeEndian.Uint64(data)
		data = data[8:]
	}
	if count > uint64(len(data)/8) {
		return nil, errShortPage
	}
	return data[:count*8], nil
}

// meta is what a meta page says.
type meta struct {
	pageSize    int64
	root        uint64
	free        uint64 // page with the list of free ones, or noFreelist
	pages       uint64 // that the file has
	transaction uint64
}

// readMeta finds the newest meta page that is whole, as bbolt does.
func (c *checker) readMeta() error {
	found := false
	for i := range int64(15) { // the second one's place depends on the page size, of 1 KiB to 8 MiB
		for _, at := range []int64{0, 1024 << i} {
			m, ok := c.metaAt(at)
			if ok && (at == 0 || at == m.pageSize) && (!found || m.transaction > c.meta.transaction) {
				c.meta, found = m, true
			}
		}
	}
	switch {
	case !found:
		return fmt.Errorf("of its %d bytes the first pages do not say what it is", c.size)
	case c.meta.pages < firstPage || c.meta.pages > uint64(c.size/c.meta.pageSize):
		return fmt.Errorf("it is cut short: it has %d bytes and should have %d pages of %d", c.size, c.meta.pages, c.meta.pageSize)
	}
	return nil
}

// metaAt reads a meta page; ok is false when there is no whole one.
func (c *checker) metaAt(at int64) (m meta, ok bool) {
	buf := make([]byte, pageHeaderSize+metaSize)
	if _, err := c.file.ReadAt(buf, at); err != nil {
		return m, false
	}
	data := buf[pageHeaderSize:]
	hash := fnv.New64a()
	_, _ = hash.Write(data[:metaSummed]) // it never fails
	if binary.NativeEndian.Uint32(data) != boltMagic || binary.NativeEndian.Uint32(data[4:]) != boltVersion ||
		binary.NativeEndian.Uint64(data[metaSummed:]) != hash.Sum64() {
		return m, false
	}
	m = meta{
		pageSize:    int64(binary.NativeEndian.Uint32(data[8:])),
		root:        binary.NativeEndian.Uint64(data[16:]),
		free:        binary.NativeEndian.Uint64(data[32:]),
		pages:       binary.NativeEndian.Uint64(data[40:]),
		transaction: binary.NativeEndian.Uint64(data[48:]),
	}
	return m, m.pageSize >= 1024 && m.pageSize&(m.pageSize-1) == 0
}

// found counts what a damaged file still holds, by key.
type found struct{ events, lives map[string]struct{} }

// salvage looks at every page by itself, whatever leads to it, and counts the
// records with a good checksum. Versions of a record that were replaced count once.
func (c *checker) salvage() found {
	size := c.meta.pageSize
	if size == 0 {
		size = int64(os.Getpagesize())
	}
	f := found{make(map[string]struct{}), make(map[string]struct{})}
	buf := make([]byte, size)
	for id := int64(firstPage); id*size < c.size; id++ {
		n, _ := c.file.ReadAt(buf, id*size) // the last one may be cut short
		if n < pageHeaderSize {
			continue
		}
		data, h := buf[:n], readHeader(buf)
		if h.flags != leafPage || h.id != uint64(id) {
			continue
		}
		if whole := (int64(h.more) + 1) * size; h.more > 0 && id*size+whole <= c.size {
			data = make([]byte, whole)
			n, _ = c.file.ReadAt(data, id*size)
			data = data[:n]
		}
		f.add(data)
	}
	return f
}

// add counts the records of a leaf, those before the first fault.
func (f *found) add(data []byte) {
	for e, err := range elements(data) {
		if err != nil {
			return
		}
		switch {
		case e.flags == bucketFlag && len(e.value) > bucketHeaderSize:
			f.add(e.value[bucketHeaderSize:])
		case checkRecord(string(bucketEvents), e.key, e.value) == nil:
			f.events[string(e.key)] = struct{}{}
		case checkRecord(string(bucketLives), e.key, e.value) == nil:
			f.lives[string(e.key)] = struct{}{}
		}
	}
}
