package services

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap"

	"chatserver/internal/outbound"
)

const (
	callTimeout   = 3 * time.Second  // of one call
	breakFailures = 5                // in a row, after which a service is left alone
	breakPause    = 10 * time.Second // for so long
)

// Bounds of what the credit service says.
const (
	leastLeft  = time.Second    // a shorter time counts as that
	mostLeft   = 24 * time.Hour // a longer one as that
	maxSession = 256            // bytes of a session's name
)

// CreditOptions say where the credit service is.
type CreditOptions struct {
	// URL is its base URL.
	URL string
	// Key is sent to it as X-API-Key. Empty sends none.
	Key string
	// Logger gets a line when it is left alone and when it is back. nil logs nothing.
	Logger *zap.Logger

	transport http.RoundTripper // tests put a fake here
}

// Credit is the platform's credit service. Its methods are safe from any goroutine.
type Credit struct{ remote *outbound.Client }

// NewCredit returns the service that o describes. It does not connect.
func NewCredit(o CreditOptions) (*Credit, error) {
	remote, err := newRemote("credit service", o.URL, o.Key, o.Logger, o.transport)
	if err != nil {
		return nil, err
	}
	return &Credit{remote}, nil
}

// newRemote returns the client of one service. Its certificate is always verified.
func newRemote(name, base, key string, logger *zap.Logger, transport http.RoundTripper) (*outbound.Client, error) {
	return outbound.New(outbound.Options{
		Name:      name,
		Base:      base,
		Key:       key,
		Timeout:   callTimeout,
		Failures:  breakFailures,
		Pause:     breakPause,
		Failed:    func(status int) bool { return !refuses(status) },
		Logger:    logger,
		Transport: transport,
	})
}

// refuses tells whether a status is an answer to what was asked, and not a failure of the
// service or of our key, nor a word about the moment: that the same was asked before and is
// still being done, or that too much is asked.
func refuses(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return status >= http.StatusBadRequest && status < http.StatusInternalServerError
	}
}

// Status returns how the service is, at once.
func (c *Credit) Status() outbound.Status {
	status := c.remote.Status()
	status.Name = "credit"
	return status
}

// Close closes the connections that no call uses at the moment.
func (c *Credit) Close() { c.remote.CloseIdleConnections() }

// ErrNoSession says that the service does not know a session, or not any more.
var ErrNoSession = errors.New("the credit service does not know the session")

// Grant is what the service says of a session.
type Grant struct {
	Session string        // the service's name for it; empty in the answer to Renew
	Allowed bool          // whether the user may be in the room
	Left    time.Duration // for how long, from now: a second to a day; 0 if not at all
}

// grant is a Grant on the wire.
type grant struct {
	Allowed *bool    `json:"allowed"`
	Seconds *float64 `json:"seconds"`
}

// Check returns what makes no sense of it.
func (g *grant) Check() error {
	switch {
	case g.Allowed == nil:
		return errors.New("allowed is missing")
	case !*g.Allowed:
		return nil
	case g.Seconds == nil:
		return errors.New("seconds is missing")
	case *g.Seconds <= 0:
		return fmt.Errorf("seconds is %g, which is not above 0", *g.Seconds)
	}
	return nil
}

// left returns for how long the user may stay.
func (g *grant) left() time.Duration {
	if !*g.Allowed {
		return 0
	}
	seconds := min(max(*g.Seconds, leastLeft.Seconds()), mostLeft.Seconds())
	return time.Duration(seconds * float64(time.Second))
}

// opened is the answer to a session's beginning.
type opened struct {
	grant

	Session string `json:"session"`
}

// Check returns what makes no sense of it.
func (o *opened) Check() error {
	if err := o.grant.Check(); err != nil {
		return err
	}
	if !namesSession(o.Session) && (*o.Allowed || o.Session != "") {
		return errors.New("session is no name of 1 to 256 printable bytes")
	}
	return nil
}

// namesSession tells whether a name can stand in a path, and in a log.
func namesSession(name string) bool {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	return name != "" && len(name) <= maxSession && name != "." && name != ".." && !strings.ContainsFunc(name, odd)
}

// Open begins a session of a user in a room. The key names the session before the service
// has done so: asked again under the same key, the service answers for the same session.
func (c *Credit) Open(ctx context.Context, key, user, room string) (Grant, error) {
	in := struct {
		User string `json:"user"`
		Room string `json:"room"`
	}{user, room}
	var out opened
	switch err := c.remote.CallOnce(ctx, key, http.MethodPost, "/sessions", in, &out); {
	case err == nil:
		return Grant{Session: out.Session, Allowed: *out.Allowed, Left: out.left()}, nil
	case denied(err):
		return Grant{}, nil
	default:
		return Grant{}, err
	}
}

// used is what a session has taken so far, on the wire. It is a sum, so that it can be said
// twice and counts once.
type used struct {
	Seconds int64 `json:"seconds"`
}

func usedOf(d time.Duration) used { return used{int64(math.Round(max(d, 0).Seconds()))} }

// Renew asks whether a session may go on. used is all the time that the user was in the
// room within the session. The error is [ErrNoSession] if there is none of that name.
func (c *Credit) Renew(ctx context.Context, session string, used time.Duration) (Grant, error) {
	var out grant
	switch err := c.remote.Call(ctx, http.MethodPut, sessionPath(session), usedOf(used), &out); {
	case err == nil:
		return Grant{Allowed: *out.Allowed, Left: out.left()}, nil
	case denied(err):
		return Grant{}, nil
	case unknown(err):
		return Grant{}, ErrNoSession
	default:
		return Grant{}, err
	}
}

// End ends a session. used is as for [Credit.Renew]. It may be called again when it is not
// certain whether the service has heard it; a session that it does not know has ended.
func (c *Credit) End(ctx context.Context, session string, used time.Duration) error {
	err := c.remote.Call(ctx, http.MethodDelete, sessionPath(session), usedOf(used), nil)
	if unknown(err) {
		return nil
	}
	return err
}

func sessionPath(session string) string { return "/sessions/" + outbound.Escape(session) }

// Tip is what a user gives in a room.
type Tip struct {
	User     string      `json:"user"`
	Room     string      `json:"room"`
	Amount   json.Number `json:"amount"`
	Currency string      `json:"currency"`
	Text     string      `json:"text"`
}

// RefusedError is the error of a tip that the service does not take.
type RefusedError struct {
	Reason string // in the service's own words, as they came; may be empty
}

func (*RefusedError) Error() string { return "the credit service refuses the tip" }

// Tip has the service take a tip. The key names the tip: asked again under the same key,
// the service must not take it again. The error is a [*RefusedError] if the service says no;
// after any other one it may have taken the tip or not.
func (c *Credit) Tip(ctx context.Context, key string, t Tip) error {
	var answer []byte
	err := c.remote.CallOnce(ctx, key, http.MethodPost, "/tips", t, &answer)
	if refusal, ok := errors.AsType[*outbound.StatusError](err); ok && refuses(refusal.Status) {
		return &RefusedError{reasonOf(refusal.Answer)}
	}
	if err != nil {
		return err
	}
	var said struct {
		Allowed *bool `json:"allowed"`
	}
	if json.Unmarshal(answer, &said) == nil && said.Allowed != nil && !*said.Allowed {
		return &RefusedError{reasonOf(answer)}
	}
	return nil
}

// reasonOf returns why the service refuses something: reason in an answer of its own, detail
// in a problem document (RFC 9457).
func reasonOf(answer []byte) string {
	var said struct {
		Reason string `json:"reason"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(answer, &said) != nil {
		return ""
	}
	if said.Reason != "" {
		return said.Reason
	}
	return said.Detail
}

// denied tells whether the service says no to a session by its status.
func denied(err error) bool {
	return hasStatus(err, http.StatusPaymentRequired) || hasStatus(err, http.StatusForbidden)
}

// unknown tells whether the service says that there is no such session.
func unknown(err error) bool {
	return hasStatus(err, http.StatusNotFound) || hasStatus(err, http.StatusGone)
}

func hasStatus(err error, status int) bool {
	answer, ok := errors.AsType[*outbound.StatusError](err)
	return ok && answer.Status == status
}
