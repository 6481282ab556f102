package doctor

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// renewBefore is when a certificate should have been renewed at the latest: those that
// renew themselves do it a month ahead.
const renewBefore = 14 * 24 * time.Hour

const untouched = "without a way to the server nothing else can be looked at"

// certificate tells whether browsers believe the certificate, and for how long.
func (e *exam) certificate(context.Context) verdict {
	if e.URL.Scheme != "https" {
		return leftOut("the URL is of plain HTTP: keys, tokens and the chat can be read on the way; a proxy should end TLS")
	}
	if v, broken := brokenTLS(e.firstErr); broken {
		e.ill = untouched
		return v
	}
	if e.firstErr != nil {
		return leftOut("there is no connection to look at")
	}
	leaf := e.first.tls.PeerCertificates[0]
	left := time.Until(leaf.NotAfter)
	if left < renewBefore {
		return wrong("renew it, and see why that did not happen by itself",
			"the certificate ends in %d days, at %s", int(left.Hours()/24), leaf.NotAfter.Format(time.RFC3339))
	}
	return fine("valid for %d days; %s, %s", int(left.Hours()/24), tls.VersionName(e.first.tls.Version), e.first.proto)
}

// brokenTLS says what is wrong if an error is one of TLS.
func brokenTLS(err error) (verdict, bool) {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return wrong("listen 443 ssl;", "whoever listens there speaks HTTP without TLS"), true
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return wrong("ssl_protocols TLSv1.2 TLSv1.3; and server_name with the name of the URL", "the handshake was refused: %v", alert), true
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return wrong("ssl_certificate with one for this name, and server_name with the name, so that no other server block answers",
			"the certificate is not for this name: %v", name), true
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		issuer := "somebody"
		if unknown.Cert != nil {
			issuer = unknown.Cert.Issuer.String()
		}
		return wrong("ssl_certificate with the whole chain (fullchain.pem). Where it is a certificate of your own, let SSL_CERT_FILE name it for this program",
			"nobody who is trusted here vouches for the certificate, which is by %q", issuer), true
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return wrong("renew the certificate, and see that the clocks here and there are right", "the certificate does not hold: %v", invalid), true
	}
	return verdict{}, false
}

// server tells whether a chat server answers at all.
func (e *exam) server(context.Context) verdict {
	if e.firstErr != nil {
		e.ill = untouched
		return wrong("see that the name leads to the proxy, that the proxy listens there, and that a firewall lets it", "no answer from %s: %v", e.URL.Host, e.firstErr)
	}
	var about struct {
		App     string `json:"app"`
		Version string `json:"version"`
	}
	err := e.first.data(&about)
	if err == nil && about.App == "chatserver" {
		return fine("chatserver %s answers", about.Version)
	}
	e.ill = untouched
	switch a := e.first; {
	case a.status/100 == 3:
		return wrong("check the address that it leads to", "it only leads elsewhere, to %.200q", a.header.Get("Location"))
	case a.gateway():
		return wrong(changeUpstream, "the proxy does not reach the server: %s", a.words())
	case a.code == "unauthorized": // which the main port demands of nobody there
		return wrong("give the address of the main port", "it is an admin API that answers")
	default:
		return wrong(changePassAll, "no chat server answers GET %s: %s", e.at("api/v1/"), a.words())
	}
}

// ready tells whether rooms can be created.
func (e *exam) ready(ctx context.Context) verdict {
	a, err := e.call(ctx, http.MethodGet, "readyz", "")
	switch {
	case err != nil:
		return wrong(changePassAll, "GET /readyz: %v", err)
	case a.status == http.StatusOK:
		return fine("rooms can be created")
	case a.code == "not_ready":
		return wrong("the reasons say it; docs/operations.md has more under Health", "no rooms can be created: %s", bytes.TrimSpace(a.body))
	default:
		return wrong(changePassAll, "GET /readyz: %s", a.words())
	}
}

// maxSkew is how far the clocks may be apart. Tokens have a leeway of 30 s.
const maxSkew = 5 * time.Second

// clock compares this machine's clock with the one of whoever answers, which may be the
// proxy, and with the server's.
func (e *exam) clock(ctx context.Context) verdict {
	clocks := map[string]time.Duration{}
	if date, err := http.ParseTime(e.first.header.Get("Date")); err == nil {
		clocks["the Date of answers"] = date.Add(time.Second / 2).Sub(e.first.asked) // it has no fractions
	}
	var found []string
	if c, err := e.ask(ctx, asked[0]); err == nil {
		clocks["the server's clock"] = c.ahead
	}
	v := OK
	for _, whose := range []string{"the Date of answers", "the server's clock"} {
		ahead, known := clocks[whose]
		switch {
		case !known:
		case ahead.Abs() > maxSkew:
			v = Wrong
			found = append(found, fmt.Sprintf("%s is %v off this machine's", whose, ahead.Round(time.Second)))
		default:
			found = append(found, whose+" is as this machine's")
		}
	}
	switch {
	case len(found) == 0:
		return leftOut("no answer has a Date")
	case v == Wrong:
		return wrong("let NTP set the clocks, here and there: tokens begin and end by them", "%s", strings.Join(found, "; "))
	default:
		return fine("%s", strings.Join(found, "; "))
	}
}

// compression tells whether what is worth it comes compressed.
func (e *exam) compression(ctx context.Context) verdict {
	page, err := e.call(ctx, http.MethodGet, "", "", "Accept", "text/html", "Accept-Encoding", "gzip")
	if err != nil || page.status != http.StatusOK {
		return wrong(changePassAll, "GET /: %s", describe(page, err))
	}
	if !isGzip(page) {
		return wrong("do not touch the encoding of pages: no proxy_set_header Accept-Encoding, no gunzip on;",
			"the landing page, which the server compresses, does not come so (Content-Encoding %q)", page.header.Get("Content-Encoding"))
	}
	if e.URL.Scheme != "https" {
		return fine("pages come compressed")
	}
	described, err := e.call(ctx, http.MethodGet, "api/v1/asyncapi.json", "", "Accept-Encoding", "gzip")
	if err != nil || described.status != http.StatusOK {
		return wrong(changePassAll, "GET /api/v1/asyncapi.json: %s", describe(described, err))
	}
	if !isGzip(described) {
		return wrong("gzip on; gzip_proxied any; gzip_types application/json application/problem+json application/x-ndjson;",
			"JSON of %d bytes comes as it is, which the proxy should compress", len(described.body))
	}
	return fine("pages and JSON come compressed")
}

func describe(a answer, err error) string {
	if err != nil {
		return err.Error()
	}
	return a.words()
}

// isGzip tells whether an answer says that it is gzipped, and is.
func isGzip(a answer) bool {
	if a.header.Get("Content-Encoding") != "gzip" {
		return false
	}
	r, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, io.LimitReader(r, maxAnswer))
	return err == nil
}
