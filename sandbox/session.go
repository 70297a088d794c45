package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"averazure/sandbox/azure"
	"averazure/sandbox/machine"
	"averazure/sandbox/plugin"
	"averazure/sandbox/standin"
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
	dirs dirs
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
	s := &session{dirs: dirs}
	if s.lock, err = takeLock(dirs, opts.verb); err != nil {
		return nil, err
	}
	s.stop = append(s.stop, func() { s.lock.Close() })
	s.work, err = workspace.Open(ctx, workspaceOptions(opts, project, dirs))
	if err != nil {
		return nil, s.closeWith(err)
	}
	return s, nil
}

// readSession opens the workspace of a stack that is up, for a verb that only
// reads: beside a command at work, as beside serve.
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

// notUp is the answer of a verb that needs a sandbox which is up.
func notUp(opts *options) error {
	up := "make sandbox"
	if opts.name != defaultName {
		up = opts.self() + " up"
	}
	return fmt.Errorf("the sandbox %q is not up: `%s` brings it up", opts.name, up)
}

func roomOptions(opts *options, d dirs) machine.Options {
	return machine.Options{
		Name: opts.name, CIDR: opts.network, StateDir: d.state, CacheDir: d.cache, ToolsDir: d.tools, Log: progress,
	}
}

// serveCloud prepares images, networks and the registry, serves the plugins
// that are not installed, and lays the stack's configuration.
func (s *session) serveCloud(ctx context.Context, opts *options) error {
	defer heartbeat()()
	official, err := s.work.Plugins(ctx, standin.PluginNames, workspace.Source(opts.plugins))
	if err != nil {
		return err
	}
	progress("%s", inUse(official, s.work.Runtime()))
	s.room, err = machine.Open(ctx, roomOptions(opts, s.dirs))
	if err != nil {
		return err
	}
	if err := s.room.Prepare(ctx); err != nil {
		return fmt.Errorf("prepare the sandbox's machines: %w", err)
	}
	cloud := azure.New(s.room, filepath.Join(s.work.StateDir, "cloud.json")).WithLate(opts.late)
	served := cloud.Plugins()
	docker := standin.Docker{Host: s.room.DockerHost(), Labels: map[string]string{"averazure.sandbox": opts.name}}
	for _, p := range standin.Plugins(s.work.ProjectDir, docker) {
		if official[p.Name] == "" {
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

// inUse is the line that says what of Pulumi is the official and what is played.
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

// configure gives the program what a user would look up: the registry, and
// the address from which this machine reaches the hosts.
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
		progress("with the secrets of %s: %s", s.dirs.secretsFile(), strings.Join(slices.Sorted(maps.Keys(own)), ", "))
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

func (s *session) closeWith(err error) error {
	s.close()
	return err
}

// dirs are where a sandbox keeps its own, what every sandbox of this user can share and
// make again, and the module that pins what it compiles of others' programs.
type dirs struct{ state, cache, tools string }

func sandboxDirs(project, name string) (dirs, error) {
	cache, err := os.UserCacheDir()
	return dirs{
		state: filepath.Join(project, ".sandbox", name), cache: filepath.Join(cache, "averazure-sandbox"),
		tools: filepath.Join(project, "tools"),
	}, err
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

// projectDir is the nearest directory upwards that holds this program's
// Pulumi.yaml; examples/consumer, which is in the repository, has one of its own.
func projectDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if workspace.IsProject(at) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no Pulumi.yaml of the project averazure in %s or above it; run the sandbox in the repository", dir)
		}
	}
}
