package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"averazure/sandbox/azure"
	"averazure/sandbox/command"
	"averazure/sandbox/dockerimage"
	"averazure/sandbox/machine"
	"averazure/sandbox/plugin"
	"averazure/sandbox/tls"
	"averazure/sandbox/workspace"
)

// session is one sandbox, opened: its machines, its Pulumi workspace, and the
// local cloud once serveCloud has put it up.
type session struct {
	room *machine.Room
	work *workspace.Workspace
	lock *os.File
	env  []string
	stop []func()
}

// openSession takes the sandbox's lock and opens what the verb works on.
func openSession(ctx context.Context, opts *options) (*session, error) {
	defer heartbeat()()
	project, err := projectDir()
	if err != nil {
		return nil, err
	}
	dirs, err := makeDirs(project, opts.name)
	if err != nil {
		return nil, err
	}
	s := &session{}
	if s.lock, err = takeLock(filepath.Join(dirs.state, "lock")); err != nil {
		return nil, err
	}
	s.stop = append(s.stop, func() { s.lock.Close() })
	s.work, err = workspace.Open(ctx, workspace.Options{
		ProjectDir: project, StateDir: dirs.state, CacheDir: dirs.cache, Stack: "sandbox", Log: progress,
	})
	if err != nil {
		return nil, s.closeWith(err)
	}
	s.room, err = machine.Open(ctx, roomOptions(opts, dirs))
	if err != nil {
		return nil, s.closeWith(err)
	}
	return s, nil
}

func roomOptions(opts *options, d dirs) machine.Options {
	return machine.Options{Name: opts.name, CIDR: opts.network, StateDir: d.state, CacheDir: d.cache, Log: progress}
}

// serveCloud prepares images, networks and the registry, serves the plugins
// that are not installed, and lays the stack's configuration.
func (s *session) serveCloud(ctx context.Context, opts *options) error {
	defer heartbeat()()
	if err := s.room.Prepare(ctx); err != nil {
		return fmt.Errorf("prepare the sandbox's machines: %w", err)
	}
	cloud := azure.New(s.room, filepath.Join(s.work.StateDir, "cloud.json"))
	served := cloud.Plugins()
	images := dockerimage.Options{
		Dir: s.work.ProjectDir, DockerHost: s.room.DockerHost(),
		Labels: map[string]string{"averazure.sandbox": opts.name},
	}
	for _, p := range []*plugin.Plugin{command.Plugin(), images.Plugin(), tls.Plugin()} {
		if !workspace.Installed(p.Name) {
			served = append(served, p)
		}
	}
	var addresses []string
	for _, p := range served {
		// Not ended by Ctrl-C: the engine finishes what is under way first.
		port, stop, err := plugin.Serve(context.WithoutCancel(ctx), p)
		if err != nil {
			return fmt.Errorf("serve the %s plugin: %w", p.Name, err)
		}
		s.stop = append(s.stop, stop)
		addresses = append(addresses, fmt.Sprintf("%s:%d", p.Name, port))
	}
	s.env = []string{
		"PULUMI_DEBUG_PROVIDERS=" + strings.Join(addresses, ","),
		"DOCKER_HOST=" + s.room.DockerHost(),
	}
	return s.configure(ctx, opts)
}

// configure gives the program what a user would look up: the registry, and
// the address from which this machine reaches the hosts.
func (s *session) configure(ctx context.Context, opts *options) error {
	registry := s.room.Registry()
	here := s.room.HostAddress() + "/32"
	values := map[string]string{
		"averazure:registryServer":     registry.Server,
		"averazure:registryUsername":   registry.Username,
		"averazure:registryMirrors[0]": registry.Mirror,
		"averazure:sshCidrs[0]":        here,
		"averazure:adminCidrs[0]":      here,
	}
	for _, setting := range opts.config {
		path, value, ok := strings.Cut(setting, "=")
		if !ok {
			return fmt.Errorf("--config %s: write path=value, as in averazure:workers=3", setting)
		}
		values[path] = value
	}
	return s.work.Configure(ctx, workspace.Settings{
		Values: values, Keep: opts.keep,
		Secrets: map[string]string{"averazure:registryToken": registry.Password},
	})
}

// pulumi runs the CLI and waits for it, however the run was asked to stop:
// the CLI finishes what is under way and writes its state.
func (s *session) pulumi(args ...string) error {
	err := s.work.Pulumi(context.Background(), s.env, args...).Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitError(max(exit.ExitCode(), 1))
	}
	return err
}

func (s *session) close() {
	for i := len(s.stop) - 1; i >= 0; i-- {
		s.stop[i]()
	}
}

func (s *session) closeWith(err error) error {
	s.close()
	return err
}

type dirs struct{ state, cache string }

func makeDirs(project, name string) (dirs, error) {
	cache, err := cacheDir()
	if err != nil {
		return dirs{}, err
	}
	d := dirs{state: filepath.Join(project, ".sandbox", name), cache: cache}
	return d, errors.Join(os.MkdirAll(d.state, 0o700), os.MkdirAll(d.cache, 0o755))
}

// cacheDir holds what every sandbox of this user can share and make again.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "averazure-sandbox"), err
}

// projectDir is the nearest directory upwards that holds Pulumi.yaml.
func projectDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "Pulumi.yaml")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no Pulumi.yaml in %s or above it; run the sandbox in the repository", dir)
		}
	}
}

// takeLock keeps two commands from working on one sandbox at a time. The
// kernel drops the lock with the process, so that no stale one stays.
func takeLock(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another command is at work on this sandbox (%s is locked); wait for it or end it", file), f.Close())
	}
	return f, nil
}
