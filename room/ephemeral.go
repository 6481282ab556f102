package room

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Where Linux says which ports it gives to outgoing connections, and which of them
// it leaves out. Other systems have no such files, and get no advice.
const (
	ephemeralFile = "/proc/sys/net/ipv4/ip_local_port_range"
	reservedFile  = "/proc/sys/net/ipv4/ip_local_reserved_ports"
)

// Unreserved returns advice when the system may give ports of the range to outgoing
// connections of any program, so that rooms cannot have them; else "".
func (p PortRange) Unreserved() string {
	ephemeral, err := os.ReadFile(ephemeralFile)
	if err != nil {
		return ""
	}
	reserved, _ := os.ReadFile(reservedFile) // without it nothing is reserved
	return p.unreserved(string(ephemeral), string(reserved))
}

func (p PortRange) unreserved(ephemeral, reserved string) string {
	var given PortRange
	if _, err := fmt.Sscan(ephemeral, &given.First, &given.Last); err != nil {
		return ""
	}
	at := PortRange{max(p.First, given.First), min(p.Last, given.Last)}
	for _, r := range parseRanges(reserved) {
		if at.First >= r.First && at.First <= r.Last {
			at.First = r.Last + 1
		}
	}
	if at.Size() < 1 {
		return ""
	}
	return fmt.Sprintf("ports %d-%d are among those that the system gives to outgoing connections; keep them for rooms: sysctl -w net.ipv4.ip_local_reserved_ports=%d-%d",
		at.First, at.Last, p.First, p.Last)
}

// parseRanges reads "1-3,7"; the kernel writes them in order.
func parseRanges(s string) []PortRange {
	var ranges []PortRange
	for item := range strings.SplitSeq(strings.TrimSpace(s), ",") {
		first, last, ok := strings.Cut(item, "-")
		if !ok {
			last = first
		}
		a, errA := strconv.Atoi(first)
		b, errB := strconv.Atoi(last)
		if errA == nil && errB == nil {
			ranges = append(ranges, PortRange{a, b})
		}
	}
	return ranges
}
