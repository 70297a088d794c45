// Package build compiles stackctl, the program on the managers, from the sources of this
// project. The same sources give the same bytes on every computer, so that a manager gets a
// new stackctl only when the sources changed. docs/decisions/0010-stackctl-binary.md
// compares the alternatives.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// Dir is where the compiled program is kept, in the project's directory.
const Dir = ".build"

// Binary is a compiled program.
type Binary struct {
	// Path is relative to the project's directory, so that the state is the same on every
	// computer.
	Path string
	// SHA256 is the checksum of the content, in hexadecimal.
	SHA256 string
}

// Stackctl compiles cmd/stackctl for the managers, in the project's directory dir. It
// takes 0.2 s when nothing changed, and a minute when nothing is in Go's cache.
func Stackctl(ctx context.Context, dir string) (Binary, error) {
	binary := Binary{Path: Dir + "/stackctl"}
	if _, err := os.Stat(filepath.Join(dir, binary.Path)); err != nil {
		fmt.Fprintln(os.Stderr, "compiling stackctl for the managers; the first time takes a minute")
	}
	err := compile(ctx, dir, binary.Path, "./cmd/stackctl")
	if err == nil {
		binary.SHA256, err = checksum(filepath.Join(dir, binary.Path))
	}
	if err != nil {
		return Binary{}, fmt.Errorf("compile stackctl for the managers: %w", err)
	}
	return binary, nil
}

// network lists the settings that say where Go gets and keeps things. These stay as the
// user has set them; every other setting that Go reads could change the bytes.
var network = []string{
	"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS",
	"GOPATH", "GOMODCACHE", "GOCACHE", "GOCACHEPROG",
}

// compile keeps Go's own build id: with it Go does not even link an unchanged program
// again.
func compile(ctx context.Context, dir, output, source string) error {
	version, err := toolchain(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	temporary, err := filepath.Abs(filepath.Join(dir, Dir))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return err
	}
	kept, err := settings(ctx, dir)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", output, "-trimpath", "-buildvcs=false", "-ldflags=-s -w", source)
	cmd.Dir = dir
	cmd.Env = append(slices.Concat(without(os.Environ(), "GO", "CGO_"), kept),
		"GOENV=off", "GOTOOLCHAIN="+version, "GOWORK=off", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "CGO_ENABLED=0",
		// On the same file system, so that the new program replaces the old one in one
		// step: another run may be reading it.
		"GOTMPDIR="+temporary)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build with %s: %w\n%s", version, err, bytes.TrimSpace(out))
	}
	return nil
}

// toolchain is the Go version with which the whole project is compiled, according to
// go.mod. Go downloads it if it is not installed.
func toolchain(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	mod, err := modfile.Parse(file, text, nil)
	if err != nil {
		return "", err
	}
	switch {
	case mod.Toolchain != nil:
		return mod.Toolchain.Name, nil
	case mod.Go != nil:
		return "go" + mod.Go.Version, nil
	}
	return "", fmt.Errorf("%s names no Go version", file)
}

// settings asks Go for the values, since they may be in the environment or in Go's own
// configuration file.
func settings(ctx context.Context, dir string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, network...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOTOOLCHAIN=local") // any Go can answer that
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w %s", err, bytes.TrimSpace(complaints.Bytes()))
	}
	values := map[string]string{}
	if err := json.Unmarshal(out, &values); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	var kept []string
	for _, name := range network {
		if values[name] != "" {
			kept = append(kept, name+"="+values[name])
		}
	}
	return kept, nil
}

// without leaves out the variables whose names begin with one of the prefixes.
func without(environment []string, prefixes ...string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
	})
}

func checksum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
