package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"chatserver/bench/swarm"
)

// clients is a process with a swarm.
type clients struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
	errors  strings.Builder
}

// startClients starts a swarm, which is not connected yet.
func startClients(ctx context.Context, cfg swarm.Config) (*clients, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &clients{cmd: exec.CommandContext(ctx, self, "swarm")} //nolint:gosec // this program
	c.cmd.Stderr = &c.errors
	c.in, err = c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.answers = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(c.in).Encode(cfg); err != nil {
		c.stop()
		return nil, fmt.Errorf("configure the clients: %w", err)
	}
	return c, nil
}

// tell gives a command and returns the answer.
func (c *clients) tell(command string) (swarm.Report, error) {
	var r swarm.Report
	if _, err := io.WriteString(c.in, command+"\n"); err != nil {
		return r, fmt.Errorf("tell the clients to %s: %w %s", command, err, c.errors.String())
	}
	if !c.answers.Scan() {
		return r, fmt.Errorf("the clients did not answer to %s: %w", command, errors.Join(c.answers.Err(), errors.New(c.errors.String())))
	}
	if err := json.Unmarshal(c.answers.Bytes(), &r); err != nil {
		return r, err
	}
	if r.Error != "" {
		return r, fmt.Errorf("the clients: %s", r.Error)
	}
	return r, nil
}

func (c *clients) stop() {
	_ = c.in.Close()         // it may have ended
	_ = c.cmd.Process.Kill() // likewise
	_ = c.cmd.Wait()         // says that it was killed
}
