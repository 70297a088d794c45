// Command generate writes the parts of the documentation that come from the
// project itself: the configuration reference out of Pulumi.yaml, and, where a
// sandbox is up, the picture of its resource graph.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"averazure/sandbox/workspace"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run() error {
	project, err := os.ReadFile("Pulumi.yaml")
	if err != nil {
		return err
	}
	page, err := Reference(project)
	if err != nil {
		return fmt.Errorf("write the configuration reference: %w", err)
	}
	if err := os.WriteFile("docs/configuration.md", page, 0o644); err != nil {
		return err
	}
	fmt.Println("docs: wrote docs/configuration.md")
	up, err := workspace.Deployed(workspace.Options{StateDir: ".sandbox/sandbox", Stack: "sandbox"})
	if err != nil {
		return err
	}
	if !up {
		return errors.New("nothing is up, so docs/graph.svg stays as it is: `make sandbox` first")
	}
	if err := drawGraph(); err != nil {
		return err
	}
	fmt.Println("docs: wrote docs/graph.svg")
	return nil
}

// drawGraph renders the engine's own graph of the sandbox's stack: what waits
// for what, and because of which property, without the edges that follow from
// others.
func drawGraph() error {
	dot, err := os.CreateTemp("", "averazure-*.dot")
	if err != nil {
		return err
	}
	defer os.Remove(dot.Name())
	export := exec.Command("go", "run", "./sandbox", "pulumi", "--", "stack", "graph",
		"--short-node-name", "--ignore-parent-edges", dot.Name())
	said, err := export.StderrPipe()
	if err != nil {
		return err
	}
	if err := export.Start(); err != nil {
		return err
	}
	passOn(os.Stderr, said, dot.Name())
	if err := export.Wait(); err != nil {
		return fmt.Errorf("export the sandbox's graph: %w", err)
	}
	reduced, err := exec.Command("tred", dot.Name()).Output()
	if err != nil {
		return fmt.Errorf("reduce the graph with graphviz's tred: %w", err)
	}
	draw := exec.Command("dot", "-Tsvg", "-Grankdir=LR", "-Nshape=box", "-Nfontname=sans-serif", "-o", "docs/graph.svg")
	draw.Stdin, draw.Stderr = bytes.NewReader(reduced), os.Stderr
	if err := draw.Run(); err != nil {
		return fmt.Errorf("draw docs/graph.svg with graphviz: %w", err)
	}
	return nil
}

// passOn copies the lines that do not name the file, which nobody finds later.
func passOn(to io.Writer, from io.Reader, file string) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		if !strings.Contains(lines.Text(), file) {
			fmt.Fprintln(to, lines.Text())
		}
	}
}
