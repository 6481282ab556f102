package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"chatserver/bench/swarm"
)

// ours is the name of our server among the contenders.
const ours = "chatserver"

// contender is a server to measure.
type contender struct {
	name string
	wire string
	// build makes what start needs in a directory.
	build func(ctx context.Context, dir string) error
	// command returns how to start it; it prints its address. nil for ours, which is
	// started by startOurs.
	command func(dir string) []string
}

func (c contender) id() string { return c.name }

const nodePeers = "bench/peers/node"

var contenders = []contender{
	ourServer(ours, "."),
	{name: "centrifuge", wire: "centrifuge", build: buildCentrifuge, command: func(dir string) []string {
		return []string{filepath.Join(dir, "centrifuge")}
	}},
	{name: "centrifuge-tuned", wire: "centrifuge", build: buildCentrifuge, command: func(dir string) []string {
		return []string{filepath.Join(dir, "centrifuge"), "-tuned"}
	}},
	{name: "socket.io", wire: "socket.io", build: installNode, command: func(string) []string {
		return []string{"node", filepath.Join(nodePeers, "socketio.js")}
	}},
	{name: "ws", wire: "ws", build: installNode, command: func(string) []string {
		return []string{"node", filepath.Join(nodePeers, "ws.js")}
	}},
}

// do runs a command of the build.
func do(ctx context.Context, dir string, command ...string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the commands stand in this file
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	return nil
}

// base is the name of a build of our server from another checkout, to compare with.
const base = "baseline"

// ourServer is our server, built from the checkout at source.
func ourServer(name, source string) contender {
	return contender{name: name, wire: "chatserver", build: func(ctx context.Context, dir string) error {
		return do(ctx, source, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, name), ".")
	}}
}

func buildCentrifuge(ctx context.Context, dir string) error {
	return do(ctx, "bench/peers/centrifuge", "go", "build", "-trimpath", "-o", filepath.Join(dir, "centrifuge"), ".")
}

func installNode(ctx context.Context, _ string) error {
	if _, err := os.Stat(nodePeers + "/node_modules/ws/package.json"); err == nil {
		return nil
	}
	return do(ctx, nodePeers, "npm", "ci", "--no-audit", "--no-fund")
}

// server is a contender's process.
type server struct {
	cmd   *exec.Cmd
	log   string // file
	admin string // address of our admin API; empty for peers
	rooms []swarm.Target
}

// start starts a contender with rooms for the scenario, in a directory of its own.
func (c contender) start(ctx context.Context, bin string, s scenario) (*server, error) {
	dir, err := os.MkdirTemp(bin, "run-")
	if err != nil {
		return nil, err
	}
	srv := &server{log: filepath.Join(dir, "log")}
	if c.command == nil {
		err = srv.startOurs(ctx, filepath.Join(bin, c.name), dir, s)
	} else {
		err = srv.startPeer(ctx, c.command(bin), s)
	}
	if err != nil {
		srv.stop()
		said, _ := os.ReadFile(srv.log) // best effort, for the message
		return nil, fmt.Errorf("start %s: %w\n%s", c.name, err, said)
	}
	return srv, nil
}

// roomCount returns how many rooms a scenario needs.
func (s scenario) roomCount() int { return s.rooms + s.floods }

// startPeer starts a server that prints its address.
func (srv *server) startPeer(ctx context.Context, command []string, s scenario) error {
	srv.cmd = exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the commands stand in this file
	out, err := srv.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := srv.cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("it did not say its address: %w", err)
	}
	for i := range s.roomCount() {
		srv.rooms = append(srv.rooms, swarm.Target{Addr: strings.TrimSpace(line), Room: "room" + strconv.Itoa(i)})
	}
	return nil
}

// roomPorts lie below those that the system gives to clients.
const roomPorts = "21000-21999"

// startOurs starts our server as an operator would, and opens the rooms.
func (srv *server) startOurs(ctx context.Context, program, dir string, s scenario) error {
	api, err := freePort(ctx)
	if err != nil {
		return err
	}
	admin, err := freePort(ctx)
	if err != nil {
		return err
	}
	log, err := os.Create(srv.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has a descriptor of its own
	srv.admin = "127.0.0.1:" + admin
	srv.cmd = exec.CommandContext(ctx, program)
	srv.cmd.Stdout, srv.cmd.Stderr = log, log
	srv.cmd.Env = append(os.Environ(), "KEY=bench", "ADMIN_KEY=bench-admin", "BIND=127.0.0.1", "ADMIN_BIND=127.0.0.1",
		"HOST=127.0.0.1", "PORT="+api, "ADMIN_PORT="+admin, "ROOM_PORTS="+roomPorts, "DATA_DIR="+filepath.Join(dir, "data"))
	if s.limitsOff() {
		srv.cmd.Env = append(srv.cmd.Env, "LIMIT_MESSAGES=0", "LIMIT_BURST=0", "LIMIT_COMMANDS=0")
	}
	if err := srv.cmd.Start(); err != nil {
		return err
	}
	base := "http://127.0.0.1:" + api
	if err := ready(ctx, base+"/readyz"); err != nil {
		return err
	}
	for i := range s.roomCount() {
		port, err := openRoom(ctx, base, "room"+strconv.Itoa(i))
		if err != nil {
			return err
		}
		srv.rooms = append(srv.rooms, swarm.Target{Addr: "127.0.0.1:" + strconv.Itoa(port)})
	}
	return nil
}

// stop kills the server: nothing of it is needed any more.
func (srv *server) stop() {
	if srv.cmd != nil && srv.cmd.Process != nil {
		_ = srv.cmd.Process.Kill() // it may have ended
		_ = srv.cmd.Wait()         // says that it was killed
	}
}

// freePort returns a port that nobody listens on.
func freePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

// ready waits until a server says that it is.
func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := call(ctx, http.MethodGet, url)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// openRoom opens a room over REST and returns its port.
func openRoom(ctx context.Context, base, name string) (int, error) {
	body, err := call(ctx, http.MethodPost, base+"/api/v1/room/"+name)
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(body), `"port":`)
	digits, _, _ := strings.Cut(rest, ",")
	port, err := strconv.Atoi(digits)
	if !found || err != nil {
		return 0, fmt.Errorf("the answer to a new room has no port: %s", body)
	}
	return port, nil
}

// call makes a REST call and returns the answer's body.
func call(ctx context.Context, method, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-API-Key", "bench")
	if strings.Contains(url, "/debug/") {
		req.Header.Set("X-API-Key", "bench-admin")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = errors.New(resp.Status)
	}
	return body, err
}
