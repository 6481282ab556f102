// Package clientip tells where a request comes from when proxies may stand in
// between: the client's address and the scheme that it used.
//
// What a header says of that is believed only as far as it was written by a proxy
// that the operator trusts. Anyone can send X-Forwarded-For; a proxy appends the
// address of its own peer to what it received, so that the list is read from the
// right, and only as long as trusted addresses stand there.
package clientip

import (
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

const (
	// maxHops is how many entries of X-Forwarded-For are looked at. No honest
	// chain of proxies is as long.
	maxHops = 32

	// maxEntry is how many bytes an entry may have: an IPv6 address takes at most
	// 45, brackets and a port 8, the rest is for a zone.
	maxEntry = 80
)

// Trusted lists the proxies whose word is taken. An empty list trusts nobody.
// IPv4 prefixes cover the same addresses mapped into IPv6, too.
type Trusted []netip.Prefix

// nobody stands for an empty list: an environment variable that is set to nothing
// is taken for one that is not set, and would get its default.
const nobody = "none"

// UnmarshalText reads addresses and prefixes, separated by commas, such as
// "127.0.0.0/8,::1". An empty text, and "none", trusts nobody.
func (t *Trusted) UnmarshalText(text []byte) error {
	var list Trusted
	if s := strings.TrimSpace(string(text)); s != "" && s != nobody {
		for part := range strings.SplitSeq(s, ",") {
			prefix, err := parsePrefix(strings.TrimSpace(part))
			if err != nil {
				return err
			}
			list = append(list, prefix)
		}
	}
	*t = list
	return nil
}

// String returns the list as [Trusted.UnmarshalText] reads it, in which a single
// address stands without the length of its prefix, and "none" for an empty list.
func (t Trusted) String() string {
	if len(t) == 0 {
		return nobody
	}
	parts := make([]string, len(t))
	for i, prefix := range t {
		if prefix.IsSingleIP() {
			parts[i] = prefix.Addr().String()
		} else {
			parts[i] = prefix.String()
		}
	}
	return strings.Join(parts, ",")
}

// Addr returns the address of the client: the peer's, or, when the peer is
// trusted, the rightmost in X-Forwarded-For that is not trusted itself. If all
// are trusted it is the leftmost. An entry that is no address ends the search:
// then it is the last good one, that of the proxy which let the entry through.
//
// IPv4 addresses mapped into IPv6 are unmapped and zones are left out, so that one
// client has one address. The result is invalid (see [netip.Addr.IsValid]) when
// the peer has no address, as on a Unix socket; such a peer is never trusted.
func (t Trusted) Addr(r *http.Request) netip.Addr {
	addr, _ := parseAddr(r.RemoteAddr)
	hops := 0
	for entry := range fromRight(r.Header.Values("X-Forwarded-For")) {
		if !t.trusts(addr) || hops == maxHops {
			break
		}
		next, ok := parseAddr(entry)
		if !ok {
			break
		}
		addr = next
		hops++
	}
	return addr
}

// Scheme returns "https" when the request came by TLS, or a trusted peer says so
// in X-Forwarded-Proto, else "http". The last value of the header counts, which
// is the peer's own; "wss", which some proxies write for WebSocket, counts as
// "https".
func (t Trusted) Scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	protos := r.Header.Values("X-Forwarded-Proto")
	if peer, _ := parseAddr(r.RemoteAddr); len(protos) == 0 || !t.trusts(peer) {
		return "http"
	}
	last := protos[len(protos)-1]
	last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	if strings.EqualFold(last, "https") || strings.EqualFold(last, "wss") {
		return "https"
	}
	return "http"
}

// trusts reports whether addr, as parseAddr returns it, is on the list.
func (t Trusted) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(t, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// parsePrefix reads a prefix, or an address as the prefix of it alone.
func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a prefix, such as ::1 or 10.0.0.0/8; separate several by commas, or say %s", s, nobody)
	}
	if mapped := prefix.Addr(); mapped.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(mapped.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// parseAddr reads an address, with or without a port, unmaps it and drops its
// zone. An IPv6 address may have brackets, and must when it has a port.
func parseAddr(s string) (addr netip.Addr, ok bool) {
	if len(s) > maxEntry {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
			s += ":0" // brackets are only known around an address with a port
		}
		withPort, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}

// fromRight yields the entries of a header that is a list, from the last to the
// first over all of its lines, without white space around them.
func fromRight(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for more := true; more; {
				entry := line
				comma := strings.LastIndexByte(line, ',')
				if more = comma >= 0; more {
					line, entry = line[:comma], line[comma+1:]
				}
				if !yield(strings.Trim(entry, " \t")) {
					return
				}
			}
		}
	}
}
