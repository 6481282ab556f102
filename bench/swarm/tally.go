package swarm

// tally is what one client has got. Messages come in streams with numbers that go up
// by one: the room's log, where the server has one, else each sender's messages.
type tally struct {
	last      [MaxSenders]uint64 // the newest number of each stream
	delivered uint64
	skipped   uint64 // that the server has said it skips
	holes     uint64 // that did not come before a later one
	repeated  uint64 // that came again, or too late
}

// joined sets where a stream begins: after the number last.
func (t *tally) joined(last uint64) { t.last[0] = last }

// deliver counts a message and returns how many before it are missing.
func (t *tally) deliver(stream int, number uint64) (missing uint64) {
	last := &t.last[stream]
	if number <= *last {
		t.repeated++
		return 0
	}
	missing = number - *last - 1
	*last = number
	t.delivered++
	t.holes += missing
	return missing
}

// skip counts the messages from one number to another as skipped, and returns how many
// they are. Those before them that did not come are missing.
func (t *tally) skip(from, to uint64) (skipped, missing uint64) {
	last := &t.last[0]
	if to <= *last {
		return 0, 0
	}
	if from > *last+1 {
		missing = from - *last - 1
	} else {
		from = *last + 1
	}
	skipped = to - from + 1
	*last = to
	t.skipped += skipped
	t.holes += missing
	return skipped, missing
}

// owed returns how many of the messages that were sent have not come, have not been
// skipped and left no hole yet.
func (t *tally) owed(sent uint64) uint64 {
	had := t.delivered + t.skipped + t.holes
	return sent - min(had, sent)
}
