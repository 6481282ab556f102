// Command ferretdb is a database that speaks MongoDB's protocol, for tests: FerretDB
// over SQLite. It is a module of its own, so that nothing of it reaches the
// product's go.mod. Package chatserver/internal/mongotest builds and runs it.
//
//	ferretdb DIR ADDR
//
// It keeps its data in DIR, an existing directory, and listens on ADDR, where port 0
// lets the system choose. It prints its URI once it listens, and ends when its
// standard input does: it must not outlive the test that started it.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("there are %d arguments; call it with a directory and an address", len(args))
	}
	dir, addr := args[0], args[1]
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: addr},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + filepath.ToSlash(dir) + "/",
	})
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // an orderly end takes seconds, and tests want none
	}()
	go func() { fmt.Println(db.MongoDBURI()) }() // it waits for Run
	return db.Run(context.Background())
}
