package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"averazure/sandbox/azure"
	"averazure/sandbox/hosts"
	"averazure/sandbox/plugin"
	"averazure/sandbox/standin"
	"averazure/sandbox/workspace"
)

// findRoom opens the hosts without Pulumi. It returns nil, and starts no engine, if no
// engine can hold any hosts.
func findRoom(ctx context.Context, opts *options) (*hosts.Room, error) {
	_, d, err := openDirs(opts.name)
	if err != nil {
		return nil, err
	}
	return hosts.OpenExisting(ctx, roomOptions(opts, d))
}

// session is a sandbox that this command works on: after serveCloud its Pulumi workspace
// and the local cloud with its hosts.
type session struct {
	project string
	room    *hosts.Room
	work    *workspace.Workspace
	dirs    dirs
	lock    *os.File
	env     []string
	stop    []func()
}

// lockSandbox begins a session: it takes the sandbox's lock, and starts nothing.
func lockSandbox(opts *options) (*session, error) {
	project, dirs, err := openDirs(opts.name)
	if err != nil {
		return nil, err
	}
	s := &session{project: project, dirs: dirs}
	if s.lock, err = takeLock(dirs, opts.verb); err != nil {
		return nil, err
	}
	s.stop = append(s.stop, func() { s.lock.Close() })
	return s, nil
}

// readSession opens the workspace of a running stack for a verb that only reads. It takes
// no lock, so it works while another command runs.
func readSession(ctx context.Context, opts *options) (*session, error) {
	project, err := projectDir()
	if err != nil {
		return nil, err
	}
	d, err := sandboxDirs(project, opts.name)
	if err != nil {
		return nil, err
	}
	up, err := workspace.Deployed(workspaceOptions(opts, project, d))
	if err != nil {
		return nil, err
	}
	if !up {
		return nil, notUp(opts)
	}
	defer heartbeat()()
	work, err := workspace.Open(ctx, workspaceOptions(opts, project, d))
	return &session{work: work}, err
}

func workspaceOptions(opts *options, project string, d dirs) workspace.Options {
	return workspace.Options{ProjectDir: project, StateDir: d.state, CacheDir: d.cache, Plugins: standin.PluginNames, Stack: "sandbox", Log: progress, Self: opts.self()}
}

// notUpError is the error of a verb that needs a running sandbox.
type notUpError struct{ name, start string }

func (e notUpError) Error() string {
	return fmt.Sprintf("the sandbox %q is not up; start it with `%s`", e.name, e.start)
}

func notUp(opts *options) error {
	start := "make sandbox"
	if opts.name != defaultName {
		start = opts.self() + " up"
	}
	return notUpError{opts.name, start}
}

func roomOptions(opts *options, d dirs) hosts.Options {
	return hosts.Options{
		Name: opts.name, CIDR: opts.network, StateDir: d.state, CacheDir: d.cache, ToolsDir: d.tools, Log: progress,
	}
}

// serveCloud gets the Pulumi CLI, prepares images, networks and the registry, serves the
// plugins that are not installed, and writes the stack's configuration.
func (s *session) serveCloud(ctx context.Context, opts *options) error {
	defer heartbeat()()
	var official map[string]string
	// Each takes minutes the first time: the CLI is compiled, the hosts wait for downloads.
	if err := together(ctx, map[string]func(context.Context) error{
		"Pulumi CLI": func(ctx context.Context) (err error) {
			official, err = s.openWorkspace(ctx, opts)
			return err
		},
		"images and services": func(ctx context.Context) error { return s.openRoom(ctx, opts) },
	}); err != nil {
		return err
	}
	cloud := azure.New(s.room, filepath.Join(s.work.StateDir, "cloud.json")).WithLate(opts.late)
	served := cloud.Plugins()
	docker := standin.Docker{Host: s.room.DockerHost(), Labels: map[string]string{"averazure.sandbox": opts.name}}
	for _, p := range standin.Plugins(s.work.ProjectDir, docker) {
		if official[p.Name] == "" {
			served = append(served, p)
		}
	}
	addresses, err := s.servePlugins(ctx, served)
	if err != nil {
		return err
	}
	s.env = []string{
		"PULUMI_DEBUG_PROVIDERS=" + strings.Join(addresses, ","),
		"DOCKER_HOST=" + s.room.DockerHost(),
	}
	return s.configure(ctx, opts)
}

// openWorkspace opens the workspace and returns the version of each plugin, or "" where a
// stand-in is needed.
func (s *session) openWorkspace(ctx context.Context, opts *options) (official map[string]string, err error) {
	s.work, err = workspace.Open(ctx, workspaceOptions(opts, s.project, s.dirs))
	if err != nil {
		return nil, err
	}
	official, err = s.work.Plugins(ctx, standin.PluginNames, workspace.Source(opts.plugins))
	if err != nil {
		return nil, err
	}
	progress("%s", inUse(official, s.work.Runtime()))
	return official, nil
}

// openRoom prepares the hosts' images, networks and services.
func (s *session) openRoom(ctx context.Context, opts *options) (err error) {
	if s.room, err = hosts.Open(ctx, roomOptions(opts, s.dirs)); err != nil {
		return err
	}
	if err := s.room.Prepare(ctx); err != nil {
		return fmt.Errorf("prepare the sandbox's hosts: %w", err)
	}
	return nil
}

// servePlugins serves plugins until the session ends, and returns their addresses.
func (s *session) servePlugins(ctx context.Context, plugins []*plugin.Plugin) (addresses []string, err error) {
	for _, p := range plugins {
		// Ctrl-C does not end the plugins: the engine finishes the current steps first.
		port, stop, err := plugin.Serve(context.WithoutCancel(ctx), p)
		if err != nil {
			return nil, fmt.Errorf("serve the %s plugin: %w", p.Name, err)
		}
		s.stop = append(s.stop, stop)
		addresses = append(addresses, fmt.Sprintf("%s:%d", p.Name, port))
	}
	return addresses, nil
}

// inUse is a line that tells which plugins are official and which runtime is in use.
func inUse(official map[string]string, runtime string) string {
	line := "plugins:"
	for _, name := range standin.PluginNames {
		what := "stand-in"
		if version := official[name]; version != "" {
			what = "official " + version
		}
		line += fmt.Sprintf(" %s %s,", name, what)
	}
	return line + " Go language runtime " + runtime
}

// configure sets the values that a user would have to look up, such as the registry and the
// address from which this machine reaches the hosts.
func (s *session) configure(ctx context.Context, opts *options) error {
	registry := s.room.Registry()
	logins, err := s.room.RegistryLogins()
	if err != nil {
		return err
	}
	here := s.room.HostAddress() + "/32"
	computed := map[string]string{
		"averazure:registryServer":     registry.Server,
		"averazure:registryUsername":   logins.Push.Username,
		"averazure:registryMirrors[0]": registry.Mirror,
		"averazure:acmeServer":         s.room.ACMEServer(),
		"averazure:sshCidrs[0]":        here,
		"averazure:adminCidrs[0]":      here,
	}
	secrets := map[string]string{"averazure:registryToken": logins.Push.Password}
	if logins.Pull.Username != "" {
		computed["averazure:registryPullUsername"] = logins.Pull.Username
		secrets["averazure:registryPullToken"] = logins.Pull.Password
	}
	own, err := readSecrets(s.dirs.secretsFile())
	if err != nil {
		return err
	}
	if len(own) > 0 {
		progress("using the secrets of %s: %s", s.dirs.secretsFile(), strings.Join(slices.Sorted(maps.Keys(own)), ", "))
	}
	return s.work.Configure(ctx, workspace.Settings{
		Computed: computed, Secrets: secrets, Trial: trial(own), Values: opts.values, Keep: opts.keep, Reset: opts.reset,
	})
}

func (s *session) close() {
	for i := len(s.stop) - 1; i >= 0; i-- {
		s.stop[i]()
	}
}
