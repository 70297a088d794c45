// Command generate writes the parts of the documentation that come from the project
// itself: the configuration reference out of Pulumi.yaml, and the picture of the resource
// graph out of testdata/sandbox.graph, which a test of the program keeps up to date.
package main

import (
	"fmt"
	"os"
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
	graph, err := os.ReadFile("testdata/sandbox.graph")
	if err != nil {
		return err
	}
	p, err := read(string(graph))
	if err != nil {
		return fmt.Errorf("read testdata/sandbox.graph: %w", err)
	}
	if err := draw(p, "docs/graph.svg"); err != nil {
		return err
	}
	fmt.Println("docs: wrote docs/graph.svg")
	return nil
}
