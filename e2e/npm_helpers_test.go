package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Some tests need what others have published for browsers. It is fetched by npm, is the
// very version that the test names, and no part of this repository.

// npmTimeout bounds a download.
const npmTimeout = 3 * time.Minute

// npmPackage returns a folder with the files of an npm package. integrity is what
//
//	npm view NAME@VERSION dist.integrity
//
// prints, "sha512-…". The package is kept in the user's cache directory, and is
// held to its integrity each time.
func npmPackage(t *testing.T, name, version, integrity string) (dir string) {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(base, "chatserver-test", "npm", strings.ReplaceAll(name, "/", "+")+"-"+version+".tgz")
	packed, err := os.ReadFile(kept)
	if err != nil || integrityOf(packed) != integrity {
		packed = npmPack(t, name+"@"+version, kept)
	}
	if got := integrityOf(packed); got != integrity {
		t.Fatalf("npm package %s@%s: want integrity %s, got %s: it is not what was tried", name, version, integrity, got)
	}
	dir = t.TempDir()
	if err := unpack(packed, dir); err != nil {
		t.Fatalf("npm package %s@%s: %v", name, version, err)
	}
	return dir
}

// npmPack has npm download a package, and keeps it for the next time.
func npmPack(t *testing.T, spec, kept string) []byte {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatalf("%s comes from npm: install npm (.ci/install-deps does)", spec)
	}
	ctx, cancel := context.WithTimeout(t.Context(), npmTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", spec)
	cmd.Dir = t.TempDir()
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm pack %s: %v\n%s", spec, err, out)
	}
	found, err := filepath.Glob(filepath.Join(cmd.Dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		t.Fatalf("npm pack %s: want one package, got %q, %v", spec, found, err)
	}
	packed, err := os.ReadFile(found[0])
	if err == nil {
		err = os.MkdirAll(filepath.Dir(kept), 0o700)
	}
	if err == nil {
		err = os.WriteFile(kept, packed, 0o600) // half of one is found out by its integrity
	}
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// integrityOf is the hash of some content, as npm and browsers write it.
func integrityOf(content []byte) string {
	sum := sha512.Sum512(content)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// unpack writes the files of a package into a folder, without the folder package/ that
// they are in.
func unpack(packed []byte, dir string) error {
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, name, _ := strings.Cut(header.Name, "/")
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("it has a file %q", header.Name)
		}
		content, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
}
