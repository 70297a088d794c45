package hosts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// bootTime is how long a VM may take until its sshd listens.
const bootTime = 2 * time.Minute

// wakeNodes starts the stopped nodes, as after this machine was off. It returns when all
// of them listen.
func (r *Room) wakeNodes(ctx context.Context) error {
	found, err := r.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: r.mine(labelRole, "node")})
	if err != nil {
		return err
	}
	var asleep []container.Summary
	for _, node := range found {
		// A node that never started is left from an interrupted boot, which starts again
		// from nothing. A paused node is paused on purpose, and the run works on the
		// others, as in Azure.
		if node.State != container.StateRunning && node.State != container.StateCreated && node.State != container.StatePaused {
			asleep = append(asleep, node)
		}
	}
	done := make(chan error, len(asleep))
	for _, node := range asleep {
		r.log("starting %s again", node.Labels[labelNode])
		go func() {
			err := r.startNode(ctx, node.ID)
			if err != nil {
				err = fmt.Errorf("start %s: %w", node.Labels[labelNode], err)
			}
			done <- err
		}()
	}
	var errs []error
	for range asleep {
		errs = append(errs, <-done)
	}
	return errors.Join(errs...)
}

// errInterrupted is the error of an interrupted boot. The node's own report would be
// misleading.
var errInterrupted = errors.New("interrupted during the boot")

// startNode starts the node and waits for its sshd.
func (r *Room) startNode(ctx context.Context, id string) error {
	err := r.awaitBoot(ctx, id)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return errInterrupted
	}
	return err
}

func (r *Room) awaitBoot(ctx context.Context, id string) error {
	before, err := r.docker.ContainerInspect(ctx, id)
	if err != nil {
		return err
	}
	if err := r.docker.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	for {
		var out strings.Builder
		status, err := r.execContainer(ctx, id, []string{"ss", "-Hltn", "sport = :22"}, nil, &out, nil)
		if err == nil && status == 0 && out.Len() > 0 {
			return nil
		}
		if state, err := r.docker.ContainerInspect(ctx, id); err == nil && state.RestartCount > before.RestartCount+1 {
			return fmt.Errorf("its first process ended at once; its last lines:\n%s", r.containerLog(id))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("its sshd does not listen after %s; its journal says:\n%s", bootTime, r.bootReport(id))
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// bootReport is the node's own report about a failed boot.
func (r *Room) bootReport(id string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var out strings.Builder
	script := "systemctl --failed --no-legend; journalctl -b -n 15 --no-pager -o cat"
	if _, err := r.execContainer(ctx, id, []string{"sh", "-c", script}, nil, &out, &out); err != nil {
		return err.Error()
	}
	return out.String()
}

// containerLog is the end of the first process's output.
func (r *Room) containerLog(id string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stream, err := r.docker.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "10"})
	if err != nil {
		return err.Error()
	}
	defer stream.Close()
	var out strings.Builder
	stdcopy.StdCopy(&out, &out, stream)
	return out.String()
}
