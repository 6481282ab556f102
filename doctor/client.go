package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// maxAnswer is how much of an answer is read: more than any that is asked for has.
const maxAnswer = 1 << 20

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	tls    *tls.ConnectionState
	proto  string
	body   []byte
	local  netip.Addr // this machine's, on that connection
	asked  time.Time  // halfway between the request and its answer
	code   string     // of a problem document; empty: it is none
	detail string
	broken error // it did not come to its end
}

// connect makes the clients. Nothing is decompressed, redirected or taken from a cache.
func (e *exam) connect() {
	e.client = &http.Client{
		Transport: &http.Transport{
			ForceAttemptHTTP2:   true,
			DisableCompression:  true,
			TLSHandshakeTimeout: patience,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	e.dialer = &websocket.Dialer{HandshakeTimeout: patience, EnableCompression: true}
}

// at is the address of something below the deployment's.
func (e *exam) at(path string) string {
	return e.URL.ResolveReference(&url.URL{Path: "."}).String() + path
}

// request makes a request; headers are pairs of name and value.
func (e *exam) request(ctx context.Context, method, address, body string, headers ...string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "chatserver-doctor")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req, nil
}

// call asks for something below the deployment's address, and reads the answer.
func (e *exam) call(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	return e.callWithin(ctx, patience, method, e.at(path), body, headers...)
}

// keyed is call with the server's key.
func (e *exam) keyed(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	return e.call(ctx, method, path, body, append(headers, "X-API-Key", e.Key)...)
}

// callWithin asks for something anywhere, which may take so long.
func (e *exam) callWithin(ctx context.Context, within time.Duration, method, address, body string, headers ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var local netip.Addr
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		if addr, err := netip.ParseAddrPort(got.Conn.LocalAddr().String()); err == nil {
			local = addr.Addr().Unmap().WithZone("")
		}
	}})
	req, err := e.request(ctx, method, address, body, headers...)
	if err != nil {
		return answer{}, err
	}
	begun := time.Now()
	got, err := e.client.Do(req)
	if err != nil {
		return answer{}, plain(err)
	}
	defer got.Body.Close()
	a := answerOf(got)
	a.local, a.asked = local, begun.Add(time.Since(begun)/2)
	return a, a.broken
}

// answerOf reads an answer.
func answerOf(got *http.Response) answer {
	a := answer{status: got.StatusCode, header: got.Header, tls: got.TLS, proto: got.Proto}
	var err error
	if a.body, err = io.ReadAll(io.LimitReader(got.Body, maxAnswer)); err != nil {
		a.broken = fmt.Errorf("the answer broke off: %w", plain(err))
	}
	var problem struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(a.body, &problem) == nil {
		a.code, a.detail = problem.Code, problem.Detail
	}
	return a
}

// plain takes method and URL off an error of net/http: they are known.
func plain(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("nothing came in time")
	}
	return err
}

// data reads the data of a success into v, a pointer.
func (a answer) data(v any) error {
	envelope := struct {
		Data any `json:"data"`
	}{v}
	if a.status/100 != 2 {
		return errors.New(a.words())
	}
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		return fmt.Errorf("%s, which is not what a chat server answers: %w", a.words(), err)
	}
	return nil
}

// words tells what was answered, and by whom if it was no chat server.
func (a answer) words() string {
	switch who := a.header.Get("Server"); {
	case a.code != "":
		return fmt.Sprintf("status %d %s (%s)", a.status, a.code, a.detail)
	case a.status/100 == 2:
		return fmt.Sprintf("status %d", a.status)
	case who != "":
		return fmt.Sprintf("status %d %s, by %.40q and not by the chat server", a.status, http.StatusText(a.status), who)
	default:
		return fmt.Sprintf("status %d %s, not by the chat server", a.status, http.StatusText(a.status))
	}
}

// gateway tells whether a proxy answered because it could not reach the server.
func (a answer) gateway() bool {
	return a.code == "" && (a.status == http.StatusBadGateway || a.status == http.StatusServiceUnavailable || a.status == http.StatusGatewayTimeout)
}

// What to change, where more than one check says it.
const (
	changeUpstream = "see whether the server runs, and whether the proxy's proxy_pass names its address and port"
	changePassAll  = "pass all paths on unchanged: location / { proxy_pass http://ADDRESS:PORT; }"
)
