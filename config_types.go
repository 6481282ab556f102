package main

import (
	"bytes"
	"encoding"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap/zapcore"

	"chatserver/internal/logging"
	"chatserver/internal/mongodb"
	"chatserver/internal/outbound"
	"chatserver/room"
)

// The types below read one variable each; their errors are described by the tags.
var (
	_ encoding.TextUnmarshaler = (*secret)(nil)
	_ encoding.TextUnmarshaler = (*bind)(nil)
	_ encoding.TextUnmarshaler = (*mongoURI)(nil)
	_ encoding.TextUnmarshaler = (*databaseName)(nil)
	_ encoding.TextUnmarshaler = (*port)(nil)
	_ encoding.TextUnmarshaler = (*portRange)(nil)
	_ encoding.TextUnmarshaler = (*count)(nil)
	_ encoding.TextUnmarshaler = (*size)(nil)
	_ encoding.TextUnmarshaler = (*span)(nil)
	_ encoding.TextUnmarshaler = (*interval)(nil)
	_ encoding.TextUnmarshaler = (*mode)(nil)
	_ encoding.TextUnmarshaler = (*level)(nil)
	_ encoding.TextUnmarshaler = (*guests)(nil)
	_ encoding.TextUnmarshaler = (*urls)(nil)
	_ encoding.TextUnmarshaler = (*webURL)(nil)
	_ encoding.TextUnmarshaler = (*headers)(nil)
	_ encoding.TextUnmarshaler = (*scriptURL)(nil)
	_ encoding.TextUnmarshaler = (*integrity)(nil)
	_ encoding.TextUnmarshaler = (*baseURL)(nil)
)

var errMalformed = errors.New("malformed")

// secret is a key that stands in a header, and that is printed nowhere.
type secret string

func (s *secret) UnmarshalText(text []byte) error {
	if bytes.ContainsFunc(text, unicode.IsControl) {
		return errMalformed // no header could hold it
	}
	*s = secret(text)
	return nil
}

// bind is the address of a listener; empty for all.
type bind string

func (b *bind) UnmarshalText(text []byte) error {
	if _, err := netip.ParseAddr(string(text)); len(text) > 0 && err != nil {
		return errMalformed
	}
	*b = bind(text)
	return nil
}

// mongoURI is a connection string; it holds a password.
type mongoURI string

func (u *mongoURI) UnmarshalText(text []byte) error {
	*u = mongoURI(text)
	return mongodb.CheckURI(string(text))
}

type databaseName string

func (n *databaseName) UnmarshalText(text []byte) error {
	*n = databaseName(text)
	return mongodb.CheckName(string(text))
}

type port int

func (p *port) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 16)
	*p = port(n)
	return err
}

type portRange room.PortRange

func (p *portRange) UnmarshalText(text []byte) error {
	first, last, ok := strings.Cut(string(text), "-")
	if !ok {
		last = first
	}
	a, errA := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	b, errB := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	if errA != nil || errB != nil || a == 0 || b < a {
		return errMalformed
	}
	*p = portRange{First: int(a), Last: int(b)}
	return nil
}

type count int

func (c *count) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 31)
	*c = count(n)
	return err
}

type size int

// minBacklog is the least that a reader may have waiting: a few messages.
const minBacklog = 4 << 10

func (s *size) UnmarshalText(text []byte) error {
	number, unit := string(text), 1
	for suffix, bytes := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20} {
		if rest, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = rest, bytes
			break
		}
	}
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
	if err != nil || int(n)*unit < minBacklog || int(n)*unit > 1<<30 {
		return errMalformed
	}
	*s = size(int(n) * unit)
	return nil
}

// span is a time of 0 or more.
type span time.Duration

func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return errMalformed
	}
	*s = span(d)
	return nil
}

// interval is a time above 0.
type interval time.Duration

func (i *interval) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return errMalformed
	}
	*i = interval(d)
	return nil
}

type mode string

const (
	modeDevelopment mode = "development"
	modeProduction  mode = "production"
)

func (m *mode) UnmarshalText(text []byte) error {
	*m = mode(text)
	if *m != modeDevelopment && *m != modeProduction {
		return errMalformed
	}
	return nil
}

// level is a log level; the zero value leaves it to the mode.
type level struct {
	set   bool
	value zapcore.Level
}

func (l *level) UnmarshalText(text []byte) (err error) {
	l.value, err = logging.ParseLevel(string(text))
	l.set = err == nil
	return err
}

type guests room.Guests

func (g *guests) UnmarshalText(text []byte) error {
	*g = guests(text)
	switch room.Guests(*g) {
	case room.GuestsChat, room.GuestsRead, room.GuestsNone:
		return nil
	default:
		return errMalformed
	}
}

// webURL is where something can be read; empty for nowhere.
type webURL string

func (u *webURL) UnmarshalText(text []byte) error {
	if _, err := outbound.ParseURL(string(text)); len(text) > 0 && err != nil {
		return err
	}
	*u = webURL(text)
	return nil
}

// scriptURL is where a page finds a script: https, or a path of its own origin.
type scriptURL string

// scriptForm leaves out what would end a policy's source or an attribute, and hosts that
// no policy can name.
var scriptForm = regexp.MustCompile(`^(https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?)?/[A-Za-z0-9._~@-][A-Za-z0-9._~@/%+=&?-]*$`)

func (u *scriptURL) UnmarshalText(text []byte) error {
	*u = scriptURL(text)
	if len(text) > 0 && !scriptForm.Match(text) {
		return errMalformed
	}
	return nil
}

// integrity is the hash that a script must have, as the attribute of that name says it.
type integrity string

var integrityForm = regexp.MustCompile(`^(sha256-[A-Za-z0-9+/]{43}=|sha384-[A-Za-z0-9+/]{64}|sha512-[A-Za-z0-9+/]{86}==)$`)

func (i *integrity) UnmarshalText(text []byte) error {
	*i = integrity(text)
	if len(text) > 0 && !integrityForm.Match(text) {
		return errMalformed
	}
	return nil
}

// headers are header fields that may hold keys.
type headers http.Header

// headerName is the form of a header field's name (RFC 9110, section 5.6.2).
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func (h *headers) UnmarshalText(text []byte) error {
	fields := http.Header{}
	for item := range strings.SplitSeq(string(text), ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, value, ok := strings.Cut(item, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if err != nil || !ok || !headerName.MatchString(name) || strings.ContainsFunc(value, unicode.IsControl) {
			return errMalformed
		}
		fields.Add(name, value)
	}
	*h = headers(fields)
	return nil
}

// baseURL is where a service is; empty for none.
type baseURL string

func (u *baseURL) UnmarshalText(text []byte) error {
	if _, err := outbound.ParseBase(string(text)); len(text) > 0 && err != nil {
		return err
	}
	*u = baseURL(text)
	return nil
}

type urls []string

func (u *urls) UnmarshalText(text []byte) error {
	for item := range strings.SplitSeq(string(text), ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		if _, err := outbound.ParseBase(item); err != nil {
			return err
		}
		*u = append(*u, strings.TrimRight(item, "/"))
	}
	return nil
}
