package images

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Program is a Go program that is compiled into an image. Its sources are embedded in the
// sandbox, so it needs no checkout. Most programs use the standard library only, so they
// need no download. A program that needs modules has a go.mod and go.sum.
type Program struct {
	Path    string // import path
	Sources fs.FS
	Command string // directory of the main package in Sources
}

// files are the program's sources without tests and scripts.
func (p Program) files() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(p.Sources, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".sh") {
			return err
		}
		content, err := fs.ReadFile(p.Sources, path)
		files[path] = content
		return err
	})
	return files, err
}

// key is a hash of the sources and of the Go version.
func (p Program) key() (string, error) {
	files, err := p.files()
	if err != nil {
		return "", err
	}
	return Recipe{Kind: p.Path, Files: files}.Key(runtime.Version() + runtime.GOARCH)
}

// build compiles the program for a container without a C library.
func (p Program) build(ctx context.Context) ([]byte, error) {
	files, err := p.files()
	if err != nil {
		return nil, err
	}
	if files["go.mod"] == nil {
		files["go.mod"] = []byte("module " + p.Path + "\n\ngo 1.25\n")
	}
	dir, err := os.MkdirTemp("", "sandbox-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := writeTree(dir, files); err != nil {
		return nil, err
	}
	if err := p.changeModules(ctx, dir, files); err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, "program")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", binary, "./"+p.Command)
	cmd.Dir, cmd.Env = dir, buildEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w:\n%s", p.Path, err, bytes.TrimSpace(out))
	}
	return os.ReadFile(binary)
}

func buildEnv() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=", "GOWORK=off")
}

// writeTree writes files below a directory.
func writeTree(dir string, files map[string][]byte) error {
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
