package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// DocumentOptions say which [Document] is read, and how patiently.
type DocumentOptions struct {
	// Name says in errors what the document is: "key set". Empty is "document".
	Name string
	// URL is where it stands: http or https. It may have a user and a query.
	URL string
	// Timeout bounds one reading, from its connection to the last byte. 0 is 5 s.
	Timeout time.Duration
	// MaxBytes is how large the document may be. 0 is 64 KiB.
	MaxBytes int64
	// Transport carries the requests. nil is a transport of the Document's own, with
	// limits, HTTP/1.1 and no proxy, which verifies certificates.
	Transport http.RoundTripper
}

// Document is one document that another service publishes and that is read again and
// again. Its methods are safe from any goroutine.
type Document struct {
	name     string
	url      string
	shown    string // the URL without a user and a query
	timeout  time.Duration
	maxBytes int64
	http     *http.Client
}

// ParseURL parses where a document stands: http or https, a host, perhaps a user, a
// path and a query. Its error does not repeat raw, which may hold a password.
func ParseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("not a URL such as https://host/path")
	}
	return u, nil
}

// NewDocument returns the document that o describes. It does not connect.
func NewDocument(o DocumentOptions) (*Document, error) {
	u, err := ParseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = "document"
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = maxAnswer
	}
	if o.Transport == nil {
		o.Transport = newTransport(o.Timeout, false)
	}
	return &Document{
		name:     o.Name,
		url:      u.String(),
		shown:    (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String(),
		timeout:  o.Timeout,
		maxBytes: o.MaxBytes,
		http: &http.Client{
			Transport:     o.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// String returns where the document stands, without a user and a query: for logs.
func (d *Document) String() string { return d.shown }

// CloseIdleConnections closes the connection that no reading uses at the moment.
func (d *Document) CloseIdleConnections() { d.http.CloseIdleConnections() }

// Get reads the document, within [DocumentOptions.Timeout]. Redirects are not
// followed: any status but 200 is a [*StatusError]. The text of an error names the
// document and may stand in a log line. It is [context.Canceled] if ctx was cancelled.
func (d *Document) Get(ctx context.Context) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	data, err := d.read(limited)
	switch {
	case err == nil:
		return data, nil
	case errors.Is(ctx.Err(), context.Canceled):
		err = context.Canceled
	case limited.Err() != nil:
		err = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	return nil, &callError{service: d.name + " " + d.shown, err: err}
}

// read makes the request and reads its answer.
func (d *Document) read(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, http.NoBody)
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	req.Header.Set("User-Agent", "chatserver")
	resp, err := d.http.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &StatusError{Status: resp.StatusCode}
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, d.maxBytes+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > d.maxBytes:
		return nil, fmt.Errorf("it has more than %d bytes", d.maxBytes)
	}
	return data, nil
}
