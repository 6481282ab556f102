package outbound

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// newTransport returns the transport of one Client.
//
// It speaks HTTP/1.1 only: there a call that ran out of time ends its connection,
// and the next one tries a new one, while HTTP/2 would go on with a dead
// connection until the kernel gives it up. It takes no proxy from the
// environment, so that nothing but the configuration decides who sees the key.
func newTransport(timeout time.Duration, insecure bool) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout: timeout,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: insecure, //nolint:gosec // asked for outside production
		},
		MaxConnsPerHost:        64,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
		DisableCompression:     true, // answers are short
	}
}
