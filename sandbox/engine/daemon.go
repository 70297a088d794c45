package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/docker/docker/client"
)

// startTime is how long an engine may take to answer. If the previous engine was killed,
// the new one has to clean up first.
const startTime = 90 * time.Second

// daemon is an engine that belongs to the sandbox.
type daemon struct {
	run, data string
	log       func(string, ...any)
}

func newDaemon(run, data string, log func(string, ...any)) *daemon {
	return &daemon{run: run, data: data, log: log}
}

func (d *daemon) host() string     { return "unix://" + filepath.Join(d.run, "docker.sock") }
func (d *daemon) pidfile() string  { return filepath.Join(d.run, "docker.pid") }
func (d *daemon) execRoot() string { return filepath.Join(d.run, "exec") }
func (d *daemon) logfile() string  { return filepath.Join(d.run, "dockerd.log") }

func (d *daemon) configFile() string { return filepath.Join(d.run, "daemon.json") }
func (d *daemon) traceFile() string  { return filepath.Join(d.run, "before.json") }

// containerdPidfile is where dockerd records the containerd that it starts.
func (d *daemon) containerdPidfile() string {
	return filepath.Join(d.execRoot(), "containerd", "containerd.pid")
}

func (d *daemon) args() []string {
	return []string{
		"--data-root", d.data, "--exec-root", d.execRoot(), "--pidfile", d.pidfile(),
		"--host", d.host(), "--log-level", "warn",
		"--config-file", d.configFile(), // do not read the machine's configuration
	}
}

// locate asks the running engine for its data directory: another cache directory may have
// been used to start it.
func (d *daemon) locate(ctx context.Context, docker *client.Client) error {
	info, err := docker.Info(ctx)
	if err != nil {
		return fmt.Errorf("ask the Docker engine for its data: %w", err)
	}
	d.data = info.DockerRootDir
	return nil
}

// start runs dockerd in a separate session, so that dockerd outlives this process and
// Ctrl-C in its terminal does not reach dockerd. It waits until dockerd answers.
func (d *daemon) start(ctx context.Context) (*client.Client, error) {
	if err := d.clear(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(os.MkdirAll(d.data, 0o710), os.MkdirAll(d.execRoot(), 0o700)); err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.configFile(), []byte("{}\n"), 0o600); err != nil {
		return nil, err
	}
	if err := noteTraces(ctx, d.traceFile()); err != nil {
		return nil, err
	}
	program, err := LookPath("dockerd")
	if err != nil {
		return nil, err
	}
	out, err := os.Create(d.logfile())
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(program, d.args()...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin:/usr/bin:/bin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	d.log("starting a Docker engine (data in %s, log in %s)", d.data, d.logfile())
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return d.await(ctx, ended)
}

func (d *daemon) await(ctx context.Context, ended <-chan error) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		if docker, err := connect(ctx, d.host()); err == nil {
			return docker, nil
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("dockerd ended (%v); its last lines:\n%s", err, d.lastLog())
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, fmt.Errorf("wait for dockerd: %w", ctx.Err())
			}
			return nil, fmt.Errorf("dockerd did not answer within %s; its last lines:\n%s", startTime, d.lastLog())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (d *daemon) lastLog() string {
	text, _ := os.ReadFile(d.logfile())
	return LastLines(string(text), 15)
}

// clear removes what a killed engine leaves behind: processes that hold its data, and
// pidfiles whose numbers may belong to other processes now. The marks do not contain the
// data directory, which depends on who started the engine.
func (d *daemon) clear(ctx context.Context) error {
	for _, left := range []struct{ pidfile, mark string }{
		{d.pidfile(), d.pidfile()},
		{d.containerdPidfile(), d.execRoot()},
	} {
		if err := endLeftover(ctx, left.pidfile, left.mark); err != nil {
			return err
		}
	}
	os.Remove(filepath.Join(d.run, "docker.sock"))
	return nil
}

// stop ends the engine, which stops its containers first. It then removes the engine's data
// and the bridges of its networks. Everything worth keeping is in the cache.
func (d *daemon) stop(ctx context.Context, bridges []string) error {
	d.log("stopping the Docker engine")
	if err := d.clear(ctx); err != nil {
		return err
	}
	if err := Unmount(d.data, d.execRoot()); err != nil {
		return err
	}
	if other, err := connect(ctx, defaultHost); err == nil {
		other.Close() // a newer engine uses the same default bridge
		removeBridges(ctx, bridges...)
	} else {
		removeBridges(ctx, append(bridges, dockerBridge)...)
		restoreTraces(ctx, d.traceFile())
	}
	return errors.Join(os.RemoveAll(d.data), os.RemoveAll(d.execRoot()), os.RemoveAll(d.logfile()))
}
