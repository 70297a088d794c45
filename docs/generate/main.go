// Command generate writes the parts of the documentation that come from the
// project itself: the configuration reference out of Pulumi.yaml, and, where a
// sandbox is up, the picture of its resource graph.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
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
	if _, err := os.Stat(".sandbox/sandbox/state"); err != nil {
		fmt.Println("docs: no sandbox is up, so docs/graph.svg stays as it is; `make sandbox` brings one up")
		return nil
	}
	return drawGraph()
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
	export.Stderr = os.Stderr
	if err := export.Run(); err != nil {
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
