package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// caller is how the server sees this machine.
type caller struct {
	Address      string    `json:"address"`
	Scheme       string    `json:"scheme"`
	Host         string    `json:"host"`
	Peer         string    `json:"peer"`
	ForwardedFor string    `json:"forwarded_for"`
	Time         time.Time `json:"time"`

	ahead time.Duration // of the server's clock before ours
}

// forged is an address that is nobody's (RFC 5737), for claims.
const forged = "192.0.2.1"

var errNoKey = errors.New("the server tells only to who has it how it sees this machine")

// asked are the places where the server tells how it sees this machine: a proxy may do
// something else with what goes to rooms.
var asked = []string{"api/v1/client", "r/doctor/client"}

// ask asks the server how it sees this machine, which may claim things by headers.
func (e *exam) ask(ctx context.Context, path string, headers ...string) (*caller, error) {
	if e.Key == "" {
		return nil, errNoKey
	}
	a, err := e.keyed(ctx, http.MethodGet, path, "", headers...)
	if err != nil {
		return nil, err
	}
	c := &caller{}
	if err := a.data(c); err != nil {
		return nil, err
	}
	c.ahead = c.Time.Sub(a.asked)
	return c, nil
}

// key tells whether the server takes the key.
func (e *exam) key(ctx context.Context) verdict {
	if e.Key == "" {
		return leftOut("KEY is not set; %v", errNoKey)
	}
	a, err := e.keyed(ctx, http.MethodGet, asked[0], "")
	switch {
	case err == nil && a.status == http.StatusOK:
		return fine("the server takes KEY")
	case err == nil && a.code == "unauthorized":
		e.ill = "without the right key nothing else can be looked at"
		return wrong("set KEY to that of the server; if it is, let the proxy pass the header X-API-Key", "the server does not take KEY")
	default:
		e.ill = untouched
		return wrong(changePassAll, "GET /%s: %s", asked[0], describe(a, err))
	}
}

// askAll judges how the server sees this machine wherever it tells that, and returns the
// first verdict that something is wrong, or else the first one.
func (e *exam) askAll(judge func(path string) (verdict, error)) verdict {
	var verdicts []verdict
	for _, path := range asked {
		v, err := judge(path)
		switch {
		case errors.Is(err, errNoKey):
			return leftOut("%v", err)
		case err != nil:
			v = wrong(changePassAll, "GET /%s: %v", path, err)
		case v.status == Wrong:
			v.found = "at /" + path + ": " + v.found
		}
		if v.status == Wrong {
			return v
		}
		verdicts = append(verdicts, v)
	}
	return verdicts[0]
}

// What to change for the address.
const (
	changeForward = "proxy_set_header X-Forwarded-For $remote_addr; in the proxy that clients meet, beside every other proxy_set_header of that location"
	changeTrust   = "TRUSTED_PROXIES with the proxies' addresses alone"
)

// address tells whether limits and bans go by the client's address.
func (e *exam) address(ctx context.Context) verdict {
	return e.askAll(func(path string) (verdict, error) {
		c, err := e.ask(ctx, path)
		if err != nil {
			return verdict{}, err
		}
		claimed, err := e.ask(ctx, path, "X-Forwarded-For", forged)
		if err != nil {
			return verdict{}, err
		}
		return e.judgeAddress(c, claimed), nil
	})
}

// judgeAddress looks at how the server sees this machine, and how it does when that claims
// an address which it has not.
func (e *exam) judgeAddress(c, claimed *caller) verdict {
	direct := c.Peer == e.first.local.String() && c.ForwardedFor == "" && e.URL.Scheme == "http"
	switch {
	case claimed.Address == forged && direct && e.first.local.IsLoopback():
		return fine("this machine is connected directly, and its word is believed: it is among TRUSTED_PROXIES, as is right where a proxy stands on it (else TRUSTED_PROXIES=none)")
	case claimed.Address == forged && direct:
		return wrong(changeTrust, "every machine like this one, %s, can choose the address that it is counted and banned by: its X-Forwarded-For is believed", c.Peer)
	case claimed.Address == forged:
		return wrong(changeForward+"; and "+changeTrust, "a client can choose the address that it is counted and banned by: what it sends as X-Forwarded-For is believed")
	case e.URL.Scheme == "https" && c.ForwardedFor == "":
		return wrong(changeForward, "the proxy does not say who its clients are: to the server all of them are %s, and share the limits of one", c.Address)
	case c.ForwardedFor != "" && c.Address == c.Peer && !strings.HasSuffix(c.ForwardedFor, c.Peer):
		return wrong("TRUSTED_PROXIES with "+c.Peer+" among them", "the proxy at %s says who its clients are (%s), but is not believed: to the server all of them are %s", c.Peer, c.ForwardedFor, c.Peer)
	default:
		return e.compare(c)
	}
}

// compare holds the address that the server goes by against this machine's own.
func (e *exam) compare(c *caller) verdict {
	seen, err := netip.ParseAddr(c.Address)
	switch {
	case err != nil:
		return wrong("let the proxy connect by TCP", "the server sees no address: %q", c.Address)
	case seen == e.first.local:
		return fine("the server sees this machine as %s, which it is, and believes nothing else", seen)
	case public(e.first.local):
		return wrong(changeForward+". Behind a CDN let set_real_ip_from and real_ip_header find the client's address",
			"the server takes this machine, %s, for %s: another proxy's address, perhaps", e.first.local, seen)
	default:
		return fine("the server sees this machine as %s; its own address, %s, is one that others do not see, so compare: it should be that of your network, not of a proxy", seen, e.first.local)
	}
}

// public tells whether an address is the same everywhere.
func public(a netip.Addr) bool {
	shared := netip.MustParsePrefix("100.64.0.0/10") // behind the translation of a provider
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

// schemeAndHost tells whether the server knows under which address its pages are.
func (e *exam) schemeAndHost(ctx context.Context) verdict {
	return e.askAll(func(path string) (verdict, error) {
		c, err := e.ask(ctx, path)
		if err != nil {
			return verdict{}, err
		}
		return e.judgeScheme(c), nil
	})
}

func (e *exam) judgeScheme(c *caller) verdict {
	var found, change []string
	if c.Scheme != e.URL.Scheme {
		found = append(found, "the server takes the scheme for "+c.Scheme)
		change = append(change, "proxy_set_header X-Forwarded-Proto $scheme; and TRUSTED_PROXIES with the proxy, "+c.Peer)
	}
	if !strings.EqualFold(c.Host, e.URL.Host) {
		found = append(found, fmt.Sprintf("the server takes the host for %q", c.Host))
		change = append(change, "proxy_set_header Host $http_host;")
	}
	if len(found) > 0 {
		return wrong(strings.Join(change, "; "), "%s, where it is %s://%s: with ALLOWED_ORIGINS the room's own pages would be refused", strings.Join(found, ", and "), e.URL.Scheme, e.URL.Host)
	}
	return fine("the server knows that it is %s://%s", c.Scheme, c.Host)
}
