package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// CodeUnknownStack is the code of a stack that does not exist, for example because its name
// is misspelt.
const CodeUnknownStack = "unknown-stack"

// unknownStack names the stacks that exist.
type unknownStack struct {
	stack  string
	stacks []string
}

func (e unknownStack) Error() string {
	return fmt.Sprintf("unknown stack %s; known stacks: %s", e.stack, cmp.Or(strings.Join(e.stacks, ", "), "none"))
}

// Stacks are the names of the stacks that were released or announced, sorted.
func (d *Reader) Stacks(ctx context.Context) ([]string, error) {
	names, err := d.stacks(ctx)
	if err != nil {
		return nil, err
	}
	announced, err := d.labelled(ctx, labelTrusted)
	for _, config := range announced {
		names = append(names, config.Spec.Labels[labelTrusted])
	}
	slices.Sort(names)
	return slices.Compact(names), err
}

// known fails for a stack that was never released or announced and of which nothing runs.
func (d *Reader) known(ctx context.Context, stack string) error {
	names, err := d.Stacks(ctx)
	if err != nil || slices.Contains(names, stack) {
		return err
	}
	if running, err := d.services(ctx, stack); err != nil || len(running) > 0 {
		return err
	}
	return unknownStack{stack, names}
}

// Err says that there is no such stack.
func (s Status) Err() error {
	if s.Unknown == nil {
		return nil
	}
	return unknownStack{s.Stack, *s.Unknown}
}
