package clientip

import (
	"crypto/tls"
	"encoding"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

var _ interface {
	encoding.TextUnmarshaler
	fmt.Stringer
} = (*Trusted)(nil)

// local is the default of the server.
const local = "127.0.0.0/8,::1"

func parse(tb testing.TB, list string) Trusted {
	tb.Helper()
	var trusted Trusted
	if err := trusted.UnmarshalText([]byte(list)); err != nil {
		tb.Fatal(err)
	}
	return trusted
}

// request comes from a peer and has header lines of one name.
func request(peer, header string, lines ...string) *http.Request {
	r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
	for _, line := range lines {
		r.Header.Add(header, line)
	}
	return r
}

func TestTrustedUnmarshalText(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "none"},
		{" ", "none"},
		{"none", "none"},
		{local, "127.0.0.0/8,::1"},
		{" 10.0.0.1 , 10.1.2.3/16 ", "10.0.0.1,10.1.0.0/16"},
		{"2001:db8::/32,fe80::1", "2001:db8::/32,fe80::1"},
		{"10.0.0.1/32,::1/128", "10.0.0.1,::1"},
		{"::ffff:10.0.0.1,::ffff:10.0.0.0/104", "10.0.0.1,10.0.0.0/8"},
		{"0.0.0.0/0,::/0", "0.0.0.0/0,::/0"},
	} {
		trusted := Trusted{netip.MustParsePrefix("192.0.2.0/24")} // what was there must not shine through
		if err := trusted.UnmarshalText([]byte(tt.text)); err != nil || trusted.String() != tt.want {
			t.Errorf("%q is read as %v, %v; want %s", tt.text, trusted, err, tt.want)
		}
		if again := parse(t, trusted.String()); again.String() != tt.want {
			t.Errorf("%q is read back as %v", tt.want, again)
		}
	}
}

func TestTrustedUnmarshalTextRefuses(t *testing.T) {
	for _, tt := range []struct{ text, names string }{
		{"localhost", `"localhost"`},
		{"10.0.0.0/8,nonsense", `"nonsense"`},
		{"10.0.0.0/8,,::1", `""`},
		{"10.0.0.0/8,", `""`},
		{"10.0.0.0/33", `"10.0.0.0/33"`},
		{"10.0.0", `"10.0.0"`},
		{"10.0.0.1:80", `"10.0.0.1:80"`},
		{"fe80::1%eth0", `"fe80::1%eth0"`},
		{"*", `"*"`},
		{"none,::1", `"none"`},
	} {
		trusted := parse(t, local)
		err := trusted.UnmarshalText([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.names) || !strings.Contains(err.Error(), "such as") {
			t.Errorf("%q: got error %v; want one that names %s and says what it may be", tt.text, err, tt.names)
		}
		if trusted.String() != local {
			t.Errorf("%q changed the list to %v", tt.text, trusted)
		}
	}
}

func TestAddr(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("127.0.0.9,", maxHops-1), ",")
	for _, tt := range []struct {
		name, trusted, peer string
		forwarded           []string
		want                string
	}{
		{"no proxy", local, "192.0.2.1:1234", nil, "192.0.2.1"},
		{"no proxy, IPv6", local, "[2001:db8::1]:1234", nil, "2001:db8::1"},
		{"no proxy, IPv4 mapped", local, "[::ffff:192.0.2.1]:1234", nil, "192.0.2.1"},
		{"no proxy, zone", local, "[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"address without a port", local, "192.0.2.1", nil, "192.0.2.1"},
		{"a stranger's word", local, "192.0.2.1:1234", []string{"198.51.100.7"}, "192.0.2.1"},
		{"nobody is trusted", "", "127.0.0.1:1234", []string{"198.51.100.7"}, "127.0.0.1"},
		{"Unix socket", local, "@", []string{"198.51.100.7"}, "invalid IP"},
		{"no peer", "0.0.0.0/0,::/0", "", []string{"198.51.100.7"}, "invalid IP"},

		{"proxy without the header", local, "127.0.0.1:1234", nil, "127.0.0.1"},
		{"proxy", local, "127.0.0.1:1234", []string{"198.51.100.7"}, "198.51.100.7"},
		{"proxy on IPv6", local, "[::1]:1234", []string{"2001:db8::7"}, "2001:db8::7"},
		{"proxy, IPv4 mapped", local, "[::ffff:127.0.0.1]:1234", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"what the client made up", local, "127.0.0.1:1234", []string{"203.0.113.1, 10.0.0.1,198.51.100.7"}, "198.51.100.7"},
		{"a trusted address that the client made up", local, "127.0.0.1:1234", []string{"127.0.0.1, 198.51.100.7"}, "198.51.100.7"},
		{"two proxies", local + ",10.0.0.0/8", "127.0.0.1:1234", []string{"203.0.113.1, 198.51.100.7, 10.1.1.1"}, "198.51.100.7"},
		{"several lines", local + ",10.0.0.0/8", "127.0.0.1:1234", []string{"203.0.113.1", "198.51.100.7", "10.1.1.1, 10.1.1.2"}, "198.51.100.7"},
		{"all trusted", local + ",10.0.0.0/8", "127.0.0.1:1234", []string{"10.1.1.1, 10.1.1.2"}, "10.1.1.1"},
		{"white space", local, "127.0.0.1:1234", []string{"203.0.113.1 ,\t198.51.100.7 \t"}, "198.51.100.7"},

		{"port", local, "127.0.0.1:1234", []string{"198.51.100.7:5678"}, "198.51.100.7"},
		{"brackets and port", local, "127.0.0.1:1234", []string{"[2001:db8::7]:80"}, "2001:db8::7"},
		{"brackets", local, "127.0.0.1:1234", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"zone", local, "127.0.0.1:1234", []string{"fe80::7%eth0"}, "fe80::7"},
		{"zone does not hide a trusted address", "fe80::/10", "[fe80::1%eth0]:80", []string{"198.51.100.7, fe80::2%x"}, "198.51.100.7"},

		{"empty header", local, "127.0.0.1:1234", []string{""}, "127.0.0.1"},
		{"empty entry", local, "127.0.0.1:1234", []string{"198.51.100.7,"}, "127.0.0.1"},
		{"garbage", local, "127.0.0.1:1234", []string{"198.51.100.7, unknown"}, "127.0.0.1"},
		{"garbage behind a second proxy", local + ",10.0.0.0/8", "127.0.0.1:1234", []string{"198.51.100.7, unknown, 10.1.1.1"}, "10.1.1.1"},
		{"garbage further left", local, "127.0.0.1:1234", []string{"<script>, 198.51.100.7"}, "198.51.100.7"},
		{"bad port", local, "127.0.0.1:1234", []string{"198.51.100.7:99999"}, "127.0.0.1"},
		{"IPv4 in brackets", local, "127.0.0.1:1234", []string{"[198.51.100.7]"}, "127.0.0.1"},
		{"long zone", local, "127.0.0.1:1234", []string{"fe80::7%" + strings.Repeat("x", maxEntry)}, "127.0.0.1"},
		{"huge", local, "127.0.0.1:1234", []string{strings.Repeat("1", 1<<20)}, "127.0.0.1"},
		{"as many hops as may be", local, "127.0.0.1:1234", []string{"198.51.100.7," + many}, "198.51.100.7"},
		{"too many hops", local, "127.0.0.1:1234", []string{"198.51.100.7,127.0.0.8," + many}, "127.0.0.8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request(tt.peer, "X-Forwarded-For", tt.forwarded...)
			if got := parse(t, tt.trusted).Addr(r).String(); got != tt.want {
				t.Errorf("address is %s; want %s", got, tt.want)
			}
		})
	}
}

func TestScheme(t *testing.T) {
	for _, tt := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "192.0.2.1:1234", nil, "http"},
		{"a stranger's word", "192.0.2.1:1234", []string{"https"}, "http"},
		{"proxy without the header", "127.0.0.1:1234", nil, "http"},
		{"proxy", "127.0.0.1:1234", []string{"https"}, "https"},
		{"any case", "127.0.0.1:1234", []string{" HTTPS "}, "https"},
		{"for WebSocket", "127.0.0.1:1234", []string{"wss"}, "https"},
		{"proxy without TLS", "127.0.0.1:1234", []string{"http"}, "http"},
		{"nonsense", "127.0.0.1:1234", []string{"https://"}, "http"},
		{"the last value counts", "127.0.0.1:1234", []string{"https", "https, http"}, "http"},
		{"the last value counts, https", "127.0.0.1:1234", []string{"http", "http,https"}, "https"},
		{"empty last value", "127.0.0.1:1234", []string{"https,"}, "http"},
		{"no peer", "", []string{"https"}, "http"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request(tt.peer, "X-Forwarded-Proto", tt.forwarded...)
			if got := parse(t, local).Scheme(r); got != tt.want {
				t.Errorf("scheme is %s; want %s", got, tt.want)
			}
			r.TLS = &tls.ConnectionState{}
			if got := parse(t, local).Scheme(r); got != "https" {
				t.Errorf("scheme over TLS is %s; want https", got)
			}
		})
	}
}

func FuzzAddr(f *testing.F) {
	f.Add("127.0.0.1:1", "198.51.100.7", "127.0.0.2,[::1]:80")
	f.Add("[::1%lo]:1", "[fe80::1%eth0]:5", ",, \t::ffff:1.2.3.4 ,")
	f.Add("192.0.2.1:1", "unknown", "")
	f.Fuzz(func(t *testing.T, peer, line1, line2 string) {
		trusted := parse(t, local+",10.0.0.0/8")
		r := request(peer, "X-Forwarded-For", line1, line2)
		got := trusted.Addr(r)
		if got.Zone() != "" || got.Is4In6() {
			t.Errorf("address is %v; want it without zone and unmapped", got)
		}
		direct, _ := parseAddr(peer)
		if !trusted.trusts(direct) && got != direct {
			t.Errorf("address is %v on the word of %v", got, direct)
		}
		if trusted.trusts(direct) && !got.IsValid() {
			t.Errorf("no address behind proxy %v", direct)
		}
	})
}
