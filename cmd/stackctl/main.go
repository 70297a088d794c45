// Command stackctl deploys and keeps stacks on a manager of a Swarm. `pulumi up`,
// stack-repo's pipeline, the agent and people all use it. This package has the flags, the
// deploy key's command and the output; the rest is in internal/release.
//
// With --json every verb but agent prints one JSON value for programs on standard output.
// Sentences for people go to standard error. The exit status is 0 if it runs, 1 if it
// failed, 2 if it was refused, and 3 if another deployment is under way.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/docker/docker/client"
	"golang.org/x/term"

	"averazure/internal/release"
)

// Paths on a manager. None of them comes from the environment, since the deploy key's
// session has an environment too.
const (
	dockerSocket = "unix:///run/docker.sock"
	dockerLogins = "/root/.docker"
	settingsFile = "/etc/averazure/stackctl.json"
	secretsKey   = "/etc/averazure/secrets.key"
)

// deployer is what the verbs do; *release.Deployer is one.
type deployer interface {
	Deploy(ctx context.Context, stack string, order release.Order) release.Result
	Trust(ctx context.Context, stack string, order release.Order) release.Result
	Diff(ctx context.Context, stack string, order release.Order) (release.Diff, error)
	Rollback(ctx context.Context, stack string, number int) release.Result
	Reconcile(ctx context.Context, stack string) release.Result
	Remove(ctx context.Context, stack string) release.Result
	Recover(ctx context.Context) release.Result
	Rebalance(ctx context.Context) release.Result
	Vacate(ctx context.Context, node string) release.Result
	Variables(ctx context.Context, stack string) (map[string]string, error)
	Status(ctx context.Context, stack string) (release.Status, error)
	Releases(ctx context.Context, stack string) (release.ReleaseList, error)
	Stacks(ctx context.Context) ([]string, error)
	Pause(ctx context.Context, stack string, length time.Duration, why string) error
	Resume(ctx context.Context, stack string) error
	Holders(ctx context.Context) ([]release.Holder, error)
	Alone(ctx context.Context, wait time.Duration, action func(context.Context) error) error
	Agent(ctx context.Context, alive func()) error
}

// connector connects to Docker.
type connector func(settings release.Settings, say func(format string, args ...any)) (deployer, error)

// app is one call of stackctl.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	settings string // path of the settings file
	terminal bool   // whether standard output is a terminal
	// connect is called once somebody needs Docker.
	connect        connector
	connectBackups func(s settings, say func(format string, args ...any)) (backups, error)

	json   bool
	status int
}

func main() { os.Exit(serve(connect)) }

// serve is one call of stackctl as a process.
//
// If the client goes away, as when a pipeline is cancelled, stackctl continues until the
// deployment runs or the last good release runs again. On SIGINT or SIGTERM it tells
// Docker to run that release, and ends.
func serve(connect connector) int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, settings: settingsFile,
		terminal: term.IsTerminal(int(os.Stdout.Fd())), connect: connect, connectBackups: connectBackups,
	}
	return a.run(ctx, os.Args[1:])
}

// connect connects to Docker on this manager.
func connect(settings release.Settings, say func(format string, args ...any)) (deployer, error) {
	docker, err := client.NewClientWithOpts(client.WithHost(dockerSocket), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	return deployerOn(docker, settings, say)
}

func deployerOn(docker *client.Client, settings release.Settings, say func(format string, args ...any)) (*release.Deployer, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	d := release.NewDeployer(docker, release.Reader{Settings: settings, Auth: logins(dockerLogins).auth, Say: say, Host: host,
		Key: func() ([]byte, error) { return readOwn(secretsKey) }})
	d.Containers = containers{docker}
	return d, nil
}
