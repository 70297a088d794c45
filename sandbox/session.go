package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"averazure/sandbox/azure"
	"averazure/sandbox/command"
	"averazure/sandbox/dockerimage"
	"averazure/sandbox/engine"
	"averazure/sandbox/machine"
	"averazure/sandbox/plugin"
	"averazure/sandbox/tls"
	"averazure/sandbox/workspace"
)

// findRoom opens the machines alone, for a verb that needs no Pulumi. Where no
// engine could hold any it starts none and returns no room.
func findRoom(ctx context.Context, opts *options) (*machine.Room, error) {
	_, d, err := openDirs(opts.name)
	if err != nil {
		return nil, err
	}
	return machine.OpenExisting(ctx, roomOptions(opts, d))
}

// session is one sandbox, opened: its Pulumi workspace, and once serveCloud has
// put it up the local cloud with its machines.
type session struct {
	room *machine.Room
	work *workspace.Workspace
	lock *os.File
	env  []string
	stop []func()
}

// openSession takes the sandbox's lock and opens its workspace. That needs no
// machines, and starts none.
func openSession(ctx context.Context, opts *options) (*session, error) {
	defer heartbeat()()
	project, dirs, err := openDirs(opts.name)
	if err != nil {
		return nil, err
	}
	s := &session{}
	if s.lock, err = takeLock(dirs); err != nil {
		return nil, err
	}
	s.stop = append(s.stop, func() { s.lock.Close() })
	s.work, err = workspace.Open(ctx, workspace.Options{
		ProjectDir: project, StateDir: dirs.state, CacheDir: dirs.cache, Stack: "sandbox", Log: progress,
	})
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
	var err error
	s.room, err = machine.Open(ctx, roomOptions(opts, dirs{state: s.work.StateDir, cache: s.work.CacheDir}))
	if err != nil {
		return err
	}
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
		installed, err := s.work.Installed(p.Name)
		if err != nil {
			return fmt.Errorf("look for the %s plugin: %w", p.Name, err)
		}
		if !installed {
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
	computed := map[string]string{
		"averazure:registryServer":     registry.Server,
		"averazure:registryUsername":   registry.Username,
		"averazure:registryMirrors[0]": registry.Mirror,
		"averazure:sshCidrs[0]":        here,
		"averazure:adminCidrs[0]":      here,
	}
	values := map[string]string{}
	for _, setting := range opts.config {
		path, value, ok := strings.Cut(setting, "=")
		if !ok {
			return fmt.Errorf("--config %s: write path=value, as in averazure:workers=3", setting)
		}
		values[path] = value
	}
	return s.work.Configure(ctx, workspace.Settings{
		Computed: computed, Values: values, Keep: opts.keep,
		Secrets: map[string]string{"averazure:registryToken": registry.Password},
	})
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

// dirs are where a sandbox keeps its own, and what every sandbox of this user
// can share and make again.
type dirs struct{ state, cache string }

func sandboxDirs(project, name string) (dirs, error) {
	cache, err := os.UserCacheDir()
	return dirs{state: filepath.Join(project, ".sandbox", name), cache: filepath.Join(cache, "averazure-sandbox")}, err
}

func (d dirs) make() error {
	return errors.Join(os.MkdirAll(d.state, 0o700), os.MkdirAll(d.cache, 0o755))
}

// openDirs are those of the named sandbox of the checkout around us, made.
func openDirs(name string) (project string, d dirs, err error) {
	if project, err = projectDir(); err != nil {
		return "", dirs{}, err
	}
	if d, err = sandboxDirs(project, name); err != nil {
		return "", dirs{}, err
	}
	return project, d, d.make()
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

// takeLock keeps two commands from working on one sandbox at a time.
func takeLock(d dirs) (*os.File, error) {
	file := filepath.Join(d.state, "lock")
	lock, err := engine.TryLock(file)
	if err == nil && lock == nil {
		err = fmt.Errorf("another command is at work on this sandbox (%s is locked); wait for it or end it", file)
	}
	return lock, err
}
