// Command stackctl deploys and keeps stacks on a manager of a Swarm. `pulumi up`,
// stack-repo's pipeline, the agent and a person all go through it. Here are the
// flags, the deploy key's command and what is printed; the rest is internal/release.
//
// With --json every verb but agent prints one JSON value on standard output: what programs
// read. Sentences for people go to standard error. Exit status: 0 it runs, 1 it
// failed, 2 it was refused, 3 somebody else is at it.
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

// Where things are on a manager. Nothing of it comes from the environment: the
// deploy key's session has one too.
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
	terminal bool   // somebody looks at standard output
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

// connect is Docker on this manager.
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
	return release.NewDeployer(docker, release.Reader{Settings: settings, Auth: logins(dockerLogins).auth, Say: say, Host: host,
		Key: func() ([]byte, error) { return readOwn(secretsKey) }}), nil
}
