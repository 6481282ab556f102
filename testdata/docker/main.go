// Command docker says without an engine what Docker's own parts say of our files: BuildKit
// of the Dockerfile, the Compose library of compose.yaml. It is for the tests, and a module
// of its own, so that nothing of these reaches the server's.
//
//	docker check DOCKERFILE    as `docker build --check`: a line for each fault
//	docker compose FILE        as `docker compose config`: the project with all that it inherits, as JSON
//	docker context FOLDER      the files that a build of that folder is given, by its .dockerignore
//
// It exits 1 if there is a fault.
package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/opencontainers/go-digest"
)

func main() {
	commands := map[string]func(string) error{"check": check, "compose": compose, "context": list}
	if len(os.Args) != 3 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: docker check|compose|context PATH")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// images stands in for the registry: it knows every image, and nothing of any.
type images struct{}

func (images) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, digest.FromString(ref), []byte(`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`), nil
}

// check prints BuildKit's warnings about all stages of a Dockerfile.
func check(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	source := llb.NewSourceMap(nil, name, "Dockerfile", text)
	source.Definition = &llb.Definition{}
	found, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{SourceMap: source, MetaResolver: images{}})
	if err != nil {
		return err
	}
	if found.Error != nil {
		return fmt.Errorf("%s: %s", name, found.Error.Message)
	}
	for _, w := range found.Warnings {
		fmt.Printf("%s:%d: %s: %s\n", name, w.Location.GetRanges()[0].GetStart().GetLine(), w.RuleName, w.Detail)
	}
	if n := len(found.Warnings); n > 0 {
		return fmt.Errorf("%d warnings", n)
	}
	return nil
}

// compose prints a project, with the variables of the environment and all profiles.
func compose(name string) error {
	options, err := cli.NewProjectOptions([]string{name}, cli.WithOsEnv, cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	return nil
}

// list prints the files of a build's context.
func list(folder string) error {
	ignored := patternmatcher.PatternMatcher{}
	if f, err := os.Open(filepath.Join(folder, ".dockerignore")); err == nil {
		defer f.Close()
		patterns, err := ignorefile.ReadAll(f)
		if err != nil {
			return err
		}
		matcher, err := patternmatcher.New(patterns)
		if err != nil {
			return err
		}
		ignored = *matcher
	}
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if out, err := ignored.MatchesOrParentMatches(filepath.ToSlash(name)); err != nil || out {
			return err
		}
		fmt.Println(filepath.ToSlash(name))
		return nil
	})
}
