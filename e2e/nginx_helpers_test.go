package e2e_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// The real NGINX in front of a server under test, with the file that operators get.

// nginxConf is what operators put in front of their servers.
const nginxConf = "deploy/nginx/chatserver.conf"

// nginxCommands are where NGINX may be: Debian's is not in everybody's PATH.
var nginxCommands = []string{os.Getenv("NGINX"), "nginx", "/usr/sbin/nginx"}

func findNginx() (string, error) {
	for _, command := range nginxCommands {
		if path, err := exec.LookPath(command); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the proxy is tested with NGINX: install nginx, or let NGINX name the program")
}

// nginx is a running NGINX, and the server behind it.
type nginx struct {
	t *testing.T
	*process
	server *chatServer

	dir                string // where all its files are
	api, admin, plain  string // base URLs, of the main port, of operators, and without TLS
	certificate        string // path of its certificate
	roots              *x509.CertPool
	roomPorts          string // the first digits of the rooms' ports
	mainPort, httpPort string
}

// edit is something to replace in nginxConf; it must be there.
type edit struct{ from, to string }

// startProxied starts a server and NGINX before it, with nginxConf edited.
func startProxied(t *testing.T, settings []string, edits ...edit) *nginx {
	t.Helper()
	return startCertified(t, settings, func(*x509.Certificate) {}, edits...)
}

// startCertified is startProxied with a certificate of another form.
func startCertified(t *testing.T, settings []string, certificate func(*x509.Certificate), edits ...edit) *nginx {
	t.Helper()
	digits := strconv.Itoa(150 + mathrand.IntN(168)) // 100 ports below those that the system gives out
	settings = append([]string{"ROOM_PORTS=" + digits + "00-" + digits + "99", "TRUSTED_PROXIES=127.0.0.1"}, settings...)
	n := &nginx{t: t, server: startChat(t, settings...), dir: t.TempDir(), roomPorts: digits}
	n.certify(certificate)
	ports := freePorts(t, 3)
	n.httpPort, n.mainPort = ports[0], ports[1]
	n.plain, n.api, n.admin = "http://127.0.0.1:"+ports[0], "https://127.0.0.1:"+ports[1], "https://127.0.0.1:"+ports[2]
	n.configure(nginxConf, append(slices.Clone(edits), n.places(ports)...))
	n.start()
	return n
}

// places are the edits that fit nginxConf to the test: ports, paths and addresses, and
// nothing that it says of requests.
func (n *nginx) places(ports []string) []edit {
	const live = "/etc/letsencrypt/live/chat.example.com/"
	return []edit{
		{"listen 80;", "listen 127.0.0.1:" + ports[0] + ";"},
		{"listen 443 ", "listen 127.0.0.1:" + ports[1] + " "},
		{"listen 8443 ", "listen 127.0.0.1:" + ports[2] + " "},
		{"server_name chat.example.com;", "server_name 127.0.0.1;"},
		{live + "fullchain.pem", n.certificate},
		{live + "privkey.pem", n.certificate},
		{"/var/www/html", n.dir},
		{"/var/log/nginx/access.log", filepath.Join(n.dir, "access.log")},
		{"server 127.0.0.1:8080;", "server " + strings.TrimPrefix(n.server.api, "http://") + ";"},
		{"$chatserver:8090", "$chatserver:" + portIn(n.server.admin)},
		{"34[0-9]{3}", n.roomPorts + "[0-9]{2}"},
	}
}

// overIPv6 are the lines that a machine without IPv6 has to leave out.
var overIPv6 = regexp.MustCompile(`(?m)^ *listen \[::\].*\n`)

// configure has NGINX use a file with the edits, for IPv4 alone.
func (n *nginx) configure(file string, edits []edit) {
	n.t.Helper()
	conf := overIPv6.ReplaceAllString(readFile(n.t, file), "")
	for _, e := range edits {
		if !strings.Contains(conf, e.from) {
			n.t.Fatalf("%s has no %q to replace", file, e.from)
		}
		conf = strings.ReplaceAll(conf, e.from, e.to)
	}
	// Started by root it would give up its rights, and could not reach its files.
	const around = `
user root;
pid nginx.pid;
worker_processes 2;
error_log stderr notice;
events { worker_connections 512; }
http {
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    include chatserver.conf;
}
`
	for name, content := range map[string]string{"nginx.conf": around, "chatserver.conf": conf} {
		writeFile(n.t, filepath.Join(n.dir, name), content)
	}
}

// certify makes a certificate that nobody but the test vouches for.
func (n *nginx) certify(change func(*x509.Certificate)) {
	n.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		n.t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "chatserver test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(90 * 24 * time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	change(form)
	made, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		n.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		n.t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})
	n.trust(text)
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	n.certificate = filepath.Join(n.dir, "certificate.pem")
	writeFile(n.t, n.certificate, string(text))
}

// trust has visitors believe a certificate.
func (n *nginx) trust(certificate []byte) {
	n.roots = x509.NewCertPool()
	n.roots.AppendCertsFromPEM(certificate)
}

// start starts NGINX, and stops it in order at the test's end.
func (n *nginx) start() {
	n.t.Helper()
	p := run(n.t, findNginx, nil, "-p", n.dir, "-e", "stderr", "-c", "nginx.conf", "-g", "daemon off;")
	n.t.Cleanup(func() { stopNginx(p) }) // killed, it would leave its workers behind
	p.wantPrinted("NGINX starts", `start worker process \d+`)
	n.process = p
}

func stopNginx(p *process) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have been stopped
	p.wait("NGINX stops")
}

// command gives NGINX a command, as operators do.
func (n *nginx) command(signal string) {
	n.t.Helper()
	path, err := findNginx()
	if err != nil {
		n.t.Fatal(err)
	}
	if out, err := exec.Command(path, "-p", n.dir, "-e", "stderr", "-c", "nginx.conf", "-s", signal).CombinedOutput(); err != nil {
		n.t.Fatalf("nginx -s %s: %v\n%s", signal, err, out)
	}
}

// visitor is somebody outside, at an address of their own.
type visitor struct {
	t      *testing.T
	client *http.Client // keeps connections, and takes HTTP/2, as browsers do
	dialer *websocket.Dialer
	dial   func() (net.Conn, error) // to the main port, with TLS
}

// visitor comes from an address of this machine, such as 127.0.0.2. To it every name is
// this machine's.
func (n *nginx) visitor(address string) *visitor {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: commandTimeout}
	dial := func(ctx context.Context, network, to string) (net.Conn, error) {
		return from.DialContext(ctx, network, "127.0.0.1:"+to[strings.LastIndexByte(to, ':')+1:])
	}
	secure := &tls.Config{RootCAs: n.roots, MinVersion: tls.VersionTLS12}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: secure, ForceAttemptHTTP2: true}
	n.t.Cleanup(transport.CloseIdleConnections)
	return &visitor{
		t:      n.t,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		dialer: &websocket.Dialer{NetDialContext: dial, TLSClientConfig: secure.Clone(), HandshakeTimeout: commandTimeout, EnableCompression: true},
		dial: func() (net.Conn, error) {
			return tls.DialWithDialer(from, "tcp", "127.0.0.1:"+n.mainPort, secure)
		},
	}
}

// answer is what a visitor got, read to the end.
type answer struct {
	*http.Response
	text string
}

// ask makes a request; headers are pairs of name and value.
func (v *visitor) ask(method, url, body string, headers ...string) answer {
	v.t.Helper()
	got, err := v.tryAsk(v.t.Context(), method, url, body, headers...)
	if err != nil {
		v.t.Fatal(err)
	}
	return got
}

func (v *visitor) tryAsk(ctx context.Context, method, url, body string, headers ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	got, err := v.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return answer{got, string(text)}, err
}

// raw sends a request as it stands, which no client would, and returns the answer's
// status, or 0 if there was none.
func (v *visitor) raw(request string) (status int, text string) {
	v.t.Helper()
	conn, err := v.dial()
	if err != nil {
		v.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(commandTimeout))
	if _, err := io.WriteString(conn, request); err != nil {
		v.t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, ""
	}
	defer got.Body.Close()
	body, _ := io.ReadAll(got.Body) // the status tells enough
	return got.StatusCode, string(body)
}
