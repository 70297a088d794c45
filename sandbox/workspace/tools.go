package workspace

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/blang/semver"

	"averazure/sandbox/standin"
)

const cliPackage = "github.com/pulumi/pulumi/pkg/v3"

// oldestCLI is the version that Pulumi.yaml requires. Versions before 3.208 ignore
// options in the environment (see Env) and would write to the checked-out
// Pulumi.sandbox.yaml.
// https://github.com/pulumi/pulumi/issues/20834
var oldestCLI = semver.MustParse("3.245.0")

// findCLI returns the installed CLI, or builds the version in tools/go.mod once.
func (w *Workspace) findCLI(ctx context.Context) (string, error) {
	if found, err := exec.LookPath("pulumi"); err == nil {
		old, err := outdated(ctx, found)
		if err != nil || old == "" {
			return found, err
		}
		w.Log("%s is %s; the sandbox needs %s or later and uses its own CLI", found, old, oldestCLI)
	}
	tools := filepath.Join(w.ProjectDir, "tools")
	version, err := w.goOutput(ctx, tools, "list", "-m", "-f", "{{.Version}}", cliPackage)
	if err != nil {
		return "", err
	}
	cli := filepath.Join(w.CacheDir, "pulumi-"+version, "pulumi")
	if _, err := os.Stat(cli); err == nil {
		return cli, nil
	}
	w.Log("building the Pulumi CLI %s from source into %s (about 5 CPU-minutes, once)", version, cli)
	stamp := "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=" + version
	// The build goes to a temporary name: a file with the final name counts as complete.
	partial := fmt.Sprintf("%s.%d", cli, os.Getpid())
	defer os.Remove(partial)
	if err := w.goBuild(ctx, tools, partial, "-ldflags", stamp, cliPackage+"/cmd/pulumi"); err != nil {
		return "", err
	}
	return cli, os.Rename(partial, cli)
}

// outdated is the CLI's version if it is too old, otherwise "".
func outdated(ctx context.Context, cli string) (string, error) {
	cmd := exec.CommandContext(ctx, cli, "version")
	cmd.Env = append(inherited(), "PULUMI_SKIP_UPDATE_CHECK=1")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", cli, err)
	}
	text := strings.TrimSpace(string(out))
	version, err := semver.ParseTolerant(text)
	if err != nil {
		return fmt.Sprintf("of an unknown version (%q)", text), nil
	}
	if version.LT(oldestCLI) {
		return text, nil
	}
	return "", nil
}

// findRuntime returns the directory of the language runtime, or "" if an installed CLI
// finds an installed runtime itself. For a CLI that the sandbox built, the directory has a
// link to the installed runtime. It comes first in PATH, because the stand-in may be beside
// that CLI. If no runtime is installed, the stand-in is built: beside a CLI that the
// sandbox built, where that CLI expects its runtimes, otherwise in the cache.
func (w *Workspace) findRuntime(ctx context.Context) (string, error) {
	ours := strings.HasPrefix(w.cli, w.CacheDir+string(filepath.Separator))
	if installed := w.installedRuntime(); installed != "" {
		w.runtimeInstalled = true
		if !ours {
			return "", nil
		}
		return w.linkRuntime(installed)
	}
	dir := filepath.Dir(w.cli)
	if !ours {
		dir = filepath.Join(w.CacheDir, "runtime")
	}
	return dir, w.goBuild(ctx, w.ProjectDir, filepath.Join(dir, runtimeName), standin.LanguageRuntime)
}

const runtimeName = "pulumi-language-go"

// installedRuntime is the runtime on PATH, unless it is the stand-in, as in the shell of
// serve.
func (w *Workspace) installedRuntime() string {
	found, err := exec.LookPath(runtimeName)
	if err != nil {
		return ""
	}
	if found, err = filepath.Abs(found); err == nil {
		found, err = filepath.EvalSymlinks(found) // resolves the sandbox's own link
	}
	cache, cacheErr := filepath.EvalSymlinks(w.CacheDir)
	if err != nil || cacheErr == nil && strings.HasPrefix(found, cache+string(filepath.Separator)) {
		return ""
	}
	return found
}

// linkRuntime makes a directory with only a link to the installed runtime.
func (w *Workspace) linkRuntime(installed string) (string, error) {
	dir := filepath.Join(w.StateDir, "runtime")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return dir, replaceLink(installed, filepath.Join(dir, runtimeName))
}

// replaceLink creates or changes a link in one step, because another command may be using
// it.
func replaceLink(target, link string) error {
	if now, err := os.Readlink(link); err == nil && now == target {
		return nil
	}
	next := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := os.Symlink(target, next); err != nil {
		return err
	}
	return os.Rename(next, link)
}

// Runtime tells which language runtime is in use.
func (w *Workspace) Runtime() string {
	if w.runtimeInstalled {
		return "official"
	}
	return "stand-in"
}

// goBuild builds a Go program. If the target is up to date, it is not linked again.
func (w *Workspace) goBuild(ctx context.Context, dir, output string, args ...string) error {
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	_, err := w.goOutput(ctx, dir, append([]string{"build", "-o", output}, args...)...)
	return err
}

func (w *Workspace) goOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.WaitDelay = dir, endTime // its compilers may outlive it for a moment
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s in %s: %w\n%s", args[0], dir, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
