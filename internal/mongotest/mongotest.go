// Package mongotest runs a real database for tests: the program of
// testdata/ferretdb, which speaks MongoDB's wire protocol and keeps its data on
// disk. It is built when a test first needs it (minutes on a new machine, as Go
// fetches and compiles it) and then kept in the user's cache directory until its
// source changes. Nothing but tests imports this package.
//
// What it is not: it has no replica set, so no change streams and no transactions,
// and its updates are not atomic.
package mongotest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// starting bounds how long the program may take until it listens.
const starting = 30 * time.Second

// DB is a running database.
type DB struct {
	tb      testing.TB
	program string
	dir     string
	addr    string // host:port, the same for its whole life

	process *exec.Cmd // nil while it is down
	stdin   io.Closer // its end ends the process
}

// Start runs a database with no data until the test ends.
func Start(tb testing.TB) *DB {
	tb.Helper()
	program, err := build()
	if err != nil {
		tb.Fatalf("cannot build the database for tests: %v", err)
	}
	db := &DB{tb: tb, program: program, dir: tb.TempDir(), addr: "127.0.0.1:0"}
	tb.Cleanup(db.Kill)
	db.Restart()
	return db
}

// Addr returns host:port.
func (db *DB) Addr() string { return db.addr }

// URI returns the URI for the driver.
func (db *DB) URI() string { return "mongodb://" + db.addr + "/" }

// Kill ends the database as a power cut would end its process. What it has
// acknowledged is on disk. Killing it twice does nothing.
func (db *DB) Kill() {
	db.tb.Helper()
	if db.process == nil {
		return
	}
	err := db.process.Process.Kill()
	_ = db.process.Wait() // says that it was killed
	_ = db.stdin.Close()
	db.process = nil
	if err != nil {
		db.tb.Errorf("cannot kill the database: %v", err)
	}
}

// Restart runs the database again, with its data and on its port, after Kill.
func (db *DB) Restart() {
	db.tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(db.tb.Context()), starting)
	defer cancel()
	process := exec.Command(db.program, db.dir, db.addr) //nolint:gosec,noctx // our own program; Kill ends it
	var complaints strings.Builder
	process.Stderr = &complaints
	stdin, errIn := process.StdinPipe()
	stdout, errOut := process.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		db.tb.Fatal(err)
	}
	if err := process.Start(); err != nil {
		db.tb.Fatalf("cannot start the database: %v", err)
	}
	db.process, db.stdin = process, stdin
	uri, err := firstLine(ctx, process, stdout)
	addr := strings.TrimSuffix(strings.TrimPrefix(uri, "mongodb://"), "/")
	if _, _, errAddr := net.SplitHostPort(addr); err != nil || errAddr != nil {
		db.Kill()
		db.tb.Fatalf("the database did not start: %q, %v\n%s", uri, err, complaints.String())
	}
	db.addr = addr
}

// firstLine returns the first line that a process prints. If that takes too long the
// process is killed, which ends the reading.
func firstLine(ctx context.Context, process *exec.Cmd, stdout io.Reader) (string, error) {
	stop := context.AfterFunc(ctx, func() { _ = process.Process.Kill() })
	defer stop()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	return strings.TrimSpace(line), err
}

// Connect returns the driver's handle of a database, for a test to look into what
// the code under test has written.
func (db *DB) Connect(name string) *mongo.Database {
	db.tb.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(db.URI()).SetServerSelectionTimeout(starting))
	if err != nil {
		db.tb.Fatal(err)
	}
	db.tb.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database(name)
}
