package hosts

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Exec runs a command as root on the node with this name or VM id and returns the
// command's exit status. The streams may be nil.
func (r *Room) Exec(ctx context.Context, node string, argv []string, in io.Reader, out, errw io.Writer) (int, error) {
	found, err := r.find(ctx, labelNode, node)
	if err == nil && found == nil {
		found, err = r.find(ctx, labelVM, node)
	}
	if err != nil {
		return 0, err
	}
	if found == nil {
		nodes, err := r.Nodes(ctx)
		if err != nil {
			return 0, err
		}
		return 0, fmt.Errorf("the sandbox has no node %s; its nodes are %s", node, cmp.Or(strings.Join(nodes, ", "), "none"))
	}
	if found.State != container.StateRunning {
		return 0, stoppedNode(found.Labels[labelNode])
	}
	return r.execContainer(ctx, found.ID, argv, in, out, errw)
}

// stoppedNode is the error of a command on a node that is not running. It holds the node's
// name.
type stoppedNode string

func (n stoppedNode) Error() string {
	return fmt.Sprintf("%s is stopped; `up` starts it", string(n))
}

// Nodes are the names of the sandbox's nodes, sorted.
func (r *Room) Nodes(ctx context.Context) ([]string, error) {
	found, err := r.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: r.mine(labelRole, "node")})
	var names []string
	for _, node := range found {
		names = append(names, node.Labels[labelNode])
	}
	slices.Sort(names)
	return names, err
}

func (r *Room) execContainer(ctx context.Context, id string, argv []string, in io.Reader, out, errw io.Writer) (int, error) {
	created, err := r.docker.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd: argv, AttachStdin: in != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, err
	}
	stream, err := r.docker.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()
	if in != nil {
		go func() {
			io.Copy(stream.Conn, in)
			stream.CloseWrite()
		}()
	}
	if _, err := stdcopy.StdCopy(orDiscard(out), orDiscard(errw), stream.Reader); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, err
	}
	state, err := r.docker.ContainerExecInspect(ctx, created.ID)
	if err != nil {
		return 0, err
	}
	return state.ExitCode, nil
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
