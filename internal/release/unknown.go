package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// CodeUnknownStack is of a stack that is not there, as of one whose name is misspelt.
const CodeUnknownStack = "unknown-stack"

// unknownStack names the stacks that there are.
type unknownStack struct {
	stack  string
	stacks []string
}

func (e unknownStack) Error() string {
	return fmt.Sprintf("no stack %s is known here; there are: %s", e.stack, cmp.Or(strings.Join(e.stacks, ", "), "none"))
}

// known fails for a stack of which nothing was released, announced or runs.
func (d *Deployer) known(ctx context.Context, stack string) error {
	names, err := d.stacks(ctx)
	if err != nil {
		return err
	}
	announced, err := d.labelled(ctx, labelTrusted)
	if err != nil {
		return err
	}
	for _, config := range announced {
		names = append(names, config.Spec.Labels[labelTrusted])
	}
	if slices.Contains(names, stack) {
		return nil
	}
	if running, err := d.services(ctx, stack); err != nil || len(running) > 0 {
		return err
	}
	slices.Sort(names)
	return unknownStack{stack, slices.Compact(names)}
}

// Err says that there is no such stack.
func (s Status) Err() error {
	if s.Unknown == nil {
		return nil
	}
	return unknownStack{s.Stack, *s.Unknown}
}
