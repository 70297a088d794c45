package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/constant"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// program is the path of the program's executable.
func program(ctx context.Context, info *pulumirpc.ProgramInfo) (string, error) {
	options := info.GetOptions().AsMap()
	binary, _ := options["binary"].(string)
	target, _ := options["buildTarget"].(string)
	switch {
	case binary != "" && target != "":
		return "", errors.New("runtime.options in Pulumi.yaml: set either binary or buildTarget, not both")
	case binary != "":
		return locate(binary, info.GetProgramDirectory())
	case target == "":
		var err error
		if target, err = cacheFile(info.GetProgramDirectory()); err != nil {
			return "", err
		}
	}
	return target, build(ctx, info.GetProgramDirectory(), target)
}

// locate finds an executable by path, relative to the program, or on PATH.
func locate(binary, dir string) (string, error) {
	if strings.ContainsRune(binary, filepath.Separator) && !filepath.IsAbs(binary) {
		binary = filepath.Join(dir, binary)
	}
	path, err := exec.LookPath(binary)
	if err != nil {
		return "", fmt.Errorf("runtime.options.binary in Pulumi.yaml: %w", err)
	}
	return path, nil
}

// cacheFile is where a directory's compiled program is kept.
func cacheFile(dir string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the compiled program: %w", err)
	}
	sum := sha256.Sum256([]byte(dir))
	parent := filepath.Join(cache, "averazure-sandbox", "programs")
	return filepath.Join(parent, hex.EncodeToString(sum[:8])), os.MkdirAll(parent, 0o755)
}

// build runs `go build`, which keeps an up-to-date target. It prints go's output only on
// failure, because the engine shows everything that this process prints.
func build(ctx context.Context, dir, target string) error {
	if files, err := filepath.Glob(filepath.Join(dir, "*.go")); err != nil || len(files) == 0 {
		return fmt.Errorf("build the program: no Go files in %s", dir)
	}
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "compiling the program; the first time takes some minutes")
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", target, ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s", out)
		return fmt.Errorf("unable to run `go build`: %w", err)
	}
	return nil
}

// execute runs the program until it or the engine ends; ctx ends with the engine's
// connection. A program that has reported its error to the engine exits with a special
// status.
func execute(ctx context.Context, binary, dir string, env []string) *pulumirpc.RunResponse {
	cmd := exec.CommandContext(ctx, binary)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}
	case !errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("run the program: %v", err)}
	case exit.ExitCode() == constant.ExitStatusLoggedError:
		return &pulumirpc.RunResponse{Bail: true}
	case exit.ExitCode() < 0:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program was stopped: %v", exit)}
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("program exited with non-zero exit code: %d", exit.ExitCode())}
	}
}

// environment tells a Go program its stack (sdk/go/pulumi/run.go).
func environment(req *pulumirpc.RunRequest, engine string) ([]string, error) {
	config, err := json.Marshal(req.GetConfig())
	if err != nil {
		return nil, err
	}
	keys := req.GetConfigSecretKeys()
	if keys == nil {
		keys = []string{}
	}
	secretKeys, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	env := os.Environ()
	for name, value := range map[string]string{
		pulumi.EnvOrganization:        req.GetOrganization(),
		pulumi.EnvProject:             req.GetProject(),
		pulumi.EnvPulumiRootDirectory: req.GetInfo().GetRootDirectory(),
		pulumi.EnvStack:               req.GetStack(),
		pulumi.EnvConfig:              string(config),
		pulumi.EnvConfigSecretKeys:    string(secretKeys),
		pulumi.EnvDryRun:              strconv.FormatBool(req.GetDryRun()),
		pulumi.EnvParallel:            strconv.Itoa(int(req.GetParallel())),
		pulumi.EnvMonitor:             req.GetMonitorAddress(),
		pulumi.EnvEngine:              engine,
	} {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env, nil
}
