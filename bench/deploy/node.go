package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/connhelper/commandconn"
	"github.com/docker/docker/client"
)

// node is a host of the sandbox.
type node struct{ binary, sandbox, name string }

// text runs a line of shell on the node and returns what it prints.
func (n node) text(ctx context.Context, line string) (string, error) {
	cmd := exec.CommandContext(ctx, n.binary, "--name", n.sandbox, "exec", n.name, "--", "bash", "-c", line)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", line, err, out, complaint.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// seconds is how long a line of shell takes on the node, by its own clock.
func (n node) seconds(ctx context.Context, line string) (float64, error) {
	out, err := n.text(ctx, "begin=$EPOCHREALTIME; { "+line+`; } >/tmp/bench.log 2>&1 || { cat /tmp/bench.log; exit 1; }; echo "$begin $EPOCHREALTIME"`)
	if err != nil {
		return 0, err
	}
	from, to, _ := strings.Cut(out, " ")
	begin, err := strconv.ParseFloat(from, 64)
	if err != nil {
		return 0, err
	}
	end, err := strconv.ParseFloat(to, 64)
	return end - begin, err
}

// docker connects to the node's Docker.
func (n node) docker() (*client.Client, error) {
	return client.NewClientWithOpts(client.WithHost("http://"+n.name), client.WithVersion("1.45"),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
			here, err := os.Getwd()
			if err != nil {
				return nil, err
			}
			return commandconn.New(ctx, "env", "--chdir="+here, n.binary, "--name", n.sandbox, "exec", n.name, "--", "docker", "system", "dial-stdio")
		}))
}
