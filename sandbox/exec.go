package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"averazure/sandbox/hosts"
)

func execCommand(opts *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec NODE -- CMD...",
		Short: "Run a command as root on a node",
		RunE: func(cmd *cobra.Command, args []string) error {
			room, nodes, err := findNodes(cmd.Context(), opts)
			if err != nil {
				return err
			}
			node, argv := splitExec(args)
			if len(argv) == 0 {
				return fmt.Errorf("exec needs a node and a command: exec NODE -- CMD...; the nodes are %s", strings.Join(nodes, ", "))
			}
			out, complaints, done := spoken(argv, adviser{opts.self(), node})
			status, err := room.Exec(cmd.Context(), node, argv, os.Stdin, out, complaints)
			if err := errors.Join(err, done()); err != nil {
				return fmt.Errorf("run %s on %s: %w", argv[0], node, err)
			}
			if status != 0 {
				return exitError(status)
			}
			return nil
		},
	}
	cmd.Flags().SetInterspersed(false) // flags after the node belong to the command
	return cmd
}

// spoken returns the writers for a node's command. In the text of stackctl, the writers
// replace commands with the sandbox's own. They pass everything else on unchanged.
func spoken(argv []string, a adviser) (out, complaints io.Writer, done func() error) {
	line := strings.Join(argv, " ")
	if !strings.Contains(line, "stackctl") || strings.Contains(line, "--json") {
		return os.Stdout, os.Stderr, func() error { return nil }
	}
	o, c := &advising{adviser: a, out: os.Stdout}, &advising{adviser: a, out: os.Stderr}
	return o, c, func() error { return errors.Join(o.Close(), c.Close()) }
}

// splitExec splits the arguments of exec, with or without the dashes.
func splitExec(args []string) (node string, argv []string) {
	if len(args) == 0 {
		return "", nil
	}
	node, argv = args[0], args[1:]
	if len(argv) > 0 && argv[0] == "--" {
		argv = argv[1:]
	}
	return node, argv
}

// findNodes opens the hosts of a running sandbox and names its nodes.
func findNodes(ctx context.Context, opts *options) (*hosts.Room, []string, error) {
	room, err := findRoom(ctx, opts)
	if err != nil {
		return nil, nil, err
	}
	if room == nil {
		return nil, nil, notUp(opts)
	}
	nodes, err := room.Nodes(ctx)
	if err == nil && len(nodes) == 0 {
		err = notUp(opts)
	}
	return room, nodes, err
}
