package outbound

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap"

	"chatserver/internal/strictjson"
)

// Bounds of what is read of an answer's body, in bytes.
const (
	maxAnswer  = 64 << 10
	maxRefusal = 4 << 10 // of which a StatusError keeps so much
)

// Options say which service a [Client] calls, and how patiently.
type Options struct {
	// Name says in errors and logs what the service is: "load balancer". Empty
	// is "service".
	Name string
	// Base is the URL that all paths of calls are appended to; see [ParseBase].
	Base string
	// Key is sent as X-API-Key. Empty sends none.
	Key string
	// Timeout bounds one call, from its connection to the last byte of its
	// answer. 0 is 5 s.
	Timeout time.Duration
	// InsecureSkipVerify accepts any certificate, self-signed ones too. It is
	// meant for every environment but production.
	InsecureSkipVerify bool
	// Failures is how many calls in a row have to fail for the service to be
	// left alone. 0 is 5.
	Failures int
	// Pause is for how long it is left alone. 0 is 30 s.
	Pause time.Duration
	// Failed tells whether an answer with a status outside 2xx, which is an
	// error in any case, counts as a failure of the service. A service that
	// refuses what a user asks for is well: give a function that knows. nil
	// counts them all.
	Failed func(status int) bool
	// Logger gets a line when the service is left alone and when it is back.
	// nil logs nothing.
	Logger *zap.Logger
	// Transport carries the requests. nil is a transport of the Client's own,
	// with limits, HTTP/1.1 and no proxy; InsecureSkipVerify matters to no other.
	Transport http.RoundTripper
}

// Client calls one service. Its methods are safe from any goroutine.
type Client struct {
	name    string
	base    string // escaped, without user and without a slash at the end
	header  http.Header
	timeout time.Duration
	http    *http.Client
	breaker *breaker
}

// New returns a client of the service that o describes. It does not connect.
func New(o Options) (*Client, error) {
	base, err := ParseBase(o.Base)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(o.Key, unicode.IsControl) {
		return nil, errors.New("the key holds a control character")
	}
	if o.Name == "" {
		o.Name = "service"
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Transport == nil {
		o.Transport = newTransport(o.Timeout, o.InsecureSkipVerify)
	}
	c := &Client{
		name:    o.Name,
		header:  header(base.User, o.Key),
		timeout: o.Timeout,
		http: &http.Client{
			Transport:     o.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	base.User = nil // it stands in the header, and must stand in no error
	c.base = strings.TrimRight(base.String(), "/")
	c.breaker = newBreaker(o, c.base)
	return c, nil
}

// ParseBase parses the base URL of a service: http or https, a host, perhaps a
// user and a path, no query. Its error does not repeat raw, which may hold a
// password.
func ParseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.ForceQuery || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("not a base URL such as https://host:2000 or http://host/path")
	}
	return u, nil
}

// Escape escapes text for one segment of a path as JavaScript's encodeURIComponent does,
// colons too, which url.PathEscape leaves alone. It also escapes !, ', (, ) and *.
func Escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// header returns the header fields that every request has.
func header(user *url.Userinfo, key string) http.Header {
	r := http.Request{Header: http.Header{"User-Agent": {"chatserver"}}}
	if key != "" {
		r.Header.Set("X-API-Key", key)
	}
	if user != nil {
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	return r.Header
}

// String returns the service's name and URL, without a user: for errors and logs.
func (c *Client) String() string { return c.name + " " + c.base }

// Status returns how the service is, at once.
func (c *Client) Status() Status { return *c.breaker.status.Load() }

// CloseIdleConnections closes the connections that no call uses at the moment.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Call sends a request and waits for its answer, for [Options.Timeout] at most.
//
// The path starts with a slash and is escaped already: it goes out byte for byte
// ("/register/chat.example%3A8080" keeps its %3A). If in is not nil, its JSON is
// the request's body; if out is not nil, a successful answer's body, of at most
// 64 KiB, is decoded into it as a JSON object. If out has a method Check() error, that
// decides whether the answer makes sense; what does not counts as a failure of the
// service. After an error out may hold anything. If out is a *[]byte it gets the first
// 64 KiB of the body as they came.
//
// The error names the service. It is a [*StatusError] if the answer's status is
// not 2xx, [ErrOpen] if the service is left alone, [context.DeadlineExceeded] if
// it took too long, [context.Canceled] if ctx was cancelled.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	return c.CallOnce(ctx, "", method, path, in, out)
}

// CallOnce is [Client.Call] for what must not be done twice. The key, which names what
// is asked for, goes out as Idempotency-Key: a service that has seen it answers as it
// did the first time. net/http may then repeat a POST too, on a connection that turned
// out to be closed.
func (c *Client) CallOnce(ctx context.Context, key, method, path string, in, out any) error {
	req, err := c.request(ctx, method, path, in)
	if err == nil {
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		err = c.breaker.do(func() error { return c.send(req, out) })
	}
	if err != nil {
		return &callError{service: c.String(), err: err}
	}
	return nil
}

// request builds a request. What fails here is no fault of the service.
func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	target := c.base + path
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, withoutURL(err)
	}
	// What is not escaped well would be escaped anew, or end up outside the path.
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") || req.URL.String() != target {
		return nil, errors.New("not an escaped path")
	}
	req.Header = c.header.Clone()
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// send carries out one call within the timeout, and tells apart why it ended.
func (c *Client) send(req *http.Request, out any) error {
	parent := req.Context()
	ctx, cancel := context.WithTimeout(parent, c.timeout)
	defer cancel()

	err := c.exchange(req.WithContext(ctx), out)
	switch {
	case err == nil:
		return nil
	case errors.Is(parent.Err(), context.Canceled): // whatever its cause, and whatever came of it
		return context.Canceled
	case ctx.Err() != nil:
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	return err
}

// exchange sends req and reads its answer.
func (c *Client) exchange(req *http.Request, out any) error {
	resp, err := c.http.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()

	status := resp.StatusCode
	if status < http.StatusOK { // 101: this body is the bare connection, which heeds no context
		return &StatusError{Status: status}
	}
	body := io.LimitReader(resp.Body, maxAnswer+1)
	if out != nil && status < http.StatusMultipleChoices {
		return decode(body, out)
	}
	var refusal []byte
	if status >= http.StatusMultipleChoices {
		refusal, _ = io.ReadAll(io.LimitReader(body, maxRefusal)) // the status says enough
	}
	_, _ = io.Copy(io.Discard, body) // once read to its end, the connection can be used again
	if status >= http.StatusMultipleChoices {
		return &StatusError{Status: status, Answer: refusal}
	}
	return nil
}

// decode reads a body of at most maxAnswer bytes into out.
func decode(body io.Reader, out any) error {
	data, err := io.ReadAll(body)
	if raw, ok := out.(*[]byte); ok {
		*raw = data[:min(len(data), maxAnswer)]
		return err
	}
	if err != nil {
		return err
	}
	if len(data) > maxAnswer {
		return fmt.Errorf("answered more than %d bytes", maxAnswer)
	}
	if err := strictjson.Object(data, out); err != nil {
		return errors.New("answered no JSON that fits: " + err.Error()) // not wrapped: it is no fault of who calls us
	}
	if sense, ok := out.(interface{ Check() error }); ok {
		if err := sense.Check(); err != nil {
			return fmt.Errorf("answered what makes no sense: %w", err)
		}
	}
	return nil
}
