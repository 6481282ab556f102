package mongotest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// flags leave out what is not needed of it.
var flags = []string{"-tags", "ferretdb_no_postgresql", "-trimpath", "-ldflags", "-s -w"}

// build returns the path of the program.
var build = sync.OnceValues(func() (string, error) {
	source, err := source()
	if err != nil {
		return "", err
	}
	key, err := key(source)
	if err != nil {
		return "", err
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, "chatserver-test")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "ferretdb-"+key)
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	unlock, err := lock(filepath.Join(dir, "lock")) // packages are tested side by side
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	return program, compile(source, program)
})

// source returns the program's folder, which is found from this file's.
func source() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return "", errors.New("built with -trimpath, a test does not know where testdata/ferretdb is; leave it out")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "testdata", "ferretdb"), nil
}

// key names what the program is built from.
func key(source string) (string, error) {
	hash := sha256.New()
	_, _ = fmt.Fprintln(hash, runtime.Version(), flags) // a hash takes everything
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(hash, "%s %d\n%s", name, len(text), text)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8]), nil
}

// compile builds the program beside its place and moves it there, so that half of
// one is never run.
func compile(source, program string) error {
	partial := program + ".partial"
	cmd := exec.Command("go", append(append([]string{"build", "-o", partial}, flags...), ".")...) //nolint:gosec,noctx // the test's own time limit ends it
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in testdata/ferretdb: %w\n%s", err, out)
	}
	return os.Rename(partial, program)
}
