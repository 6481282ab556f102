package swarm

import "testing"

// wantTally compares what a client has got.
func wantTally(t *testing.T, got *tally, delivered, skipped, holes, repeated uint64) {
	t.Helper()
	if got.delivered != delivered || got.skipped != skipped || got.holes != holes || got.repeated != repeated {
		t.Errorf("delivered %d, skipped %d, holes %d, repeated %d; want %d, %d, %d, %d",
			got.delivered, got.skipped, got.holes, got.repeated, delivered, skipped, holes, repeated)
	}
}

func TestHolesAreLost(t *testing.T) {
	var c tally
	c.joined(10)
	for _, n := range []uint64{11, 12, 15, 16} {
		c.deliver(0, n)
	}
	wantTally(t, &c, 4, 0, 2, 0)
	if owed := c.owed(7); owed != 1 { // 11 to 17 were sent
		t.Errorf("%d are owed, want the last one", owed)
	}
}

func TestSkippedIsNotLost(t *testing.T) {
	var c tally
	c.deliver(0, 1)
	if skipped, missing := c.skip(2, 5); skipped != 4 || missing != 0 {
		t.Errorf("skipped %d, missing %d; want 4, 0", skipped, missing)
	}
	c.deliver(0, 6)
	wantTally(t, &c, 2, 4, 0, 0)
	if owed := c.owed(6); owed != 0 {
		t.Errorf("%d are owed, want none", owed)
	}
}

func TestSkippedWithAHoleOrAnOverlap(t *testing.T) {
	var c tally
	c.deliver(0, 1)
	if skipped, missing := c.skip(4, 5); skipped != 2 || missing != 2 {
		t.Errorf("after a hole: skipped %d, missing %d; want 2, 2", skipped, missing)
	}
	if skipped, missing := c.skip(3, 6); skipped != 1 || missing != 0 {
		t.Errorf("again: skipped %d, missing %d; want the new one alone", skipped, missing)
	}
	if skipped, missing := c.skip(3, 6); skipped != 0 || missing != 0 {
		t.Errorf("for the third time: skipped %d, missing %d; want none", skipped, missing)
	}
	wantTally(t, &c, 1, 3, 2, 0)
}

func TestRepeatsAndStreams(t *testing.T) {
	var c tally
	c.deliver(0, 1)
	c.deliver(1, 1) // of another sender
	c.deliver(1, 1)
	c.deliver(0, 2)
	wantTally(t, &c, 3, 0, 0, 1)
	if owed := c.owed(2); owed != 0 {
		t.Errorf("%d are owed although more came than were sent", owed)
	}
}
