// Package turns makes existing nodes change one after another: a node's VM is registered
// with the engine, and so rebuilt or restarted, when the node before it is back. New nodes
// do not wait, and nothing waits in a preview.
//
// This is a wait and not a dependency. The state has no trace of it, so deletions still
// happen all at once (docs/decisions/0022).
package turns

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
)

// Turns is the order in which nodes take their turns. If it is nil, all nodes change at
// once.
type Turns struct {
	ctx   *pulumi.Context
	order []string
	waits map[string]bool
	held  []string
	ends  map[string]*end
}

// end is the end of one node's turn.
type end struct {
	named  bool // the resource that ends it is known
	output pulumi.Output
	pass   func(any)
	fail   func(error)
}

// New makes turns of nodes, by their names and in their order: each existing node waits for
// all nodes before it, including new ones. Nodes in held stay as they are in this run. The
// caller closes the turns.
func New(ctx *pulumi.Context, order, exist, held []string) *Turns {
	t := &Turns{ctx: ctx, order: order, held: held, waits: map[string]bool{}, ends: map[string]*end{}}
	for _, node := range exist {
		t.waits[node] = !ctx.DryRun()
	}
	for _, node := range order {
		e := &end{}
		e.output, e.pass, e.fail = ctx.NewOutput()
		t.ends[node] = e
	}
	return t
}

// Await is a text that becomes known when it is the node's turn: a resource with it as an
// input is not registered before. It fails if a node before it does not come back.
func (t *Turns) Await(node, text string) pulumi.StringOutput {
	if t == nil || !t.waits[node] {
		return pulumi.String(text).ToStringOutput()
	}
	var before []any
	for _, name := range t.order[:slices.Index(t.order, node)] {
		before = append(before, t.ends[name].output)
	}
	return pulumi.All(before...).ApplyT(func([]any) string { return text }).(pulumi.StringOutput)
}

// Held tells whether a node stays as it is in this run.
func (t *Turns) Held(node string) bool { return t != nil && slices.Contains(t.held, node) }

// Ends says that a node's turn is over when a resource's registration has finished.
func (t *Turns) Ends(node string, last pulumi.Resource) {
	if t == nil || t.ends[node] == nil {
		return
	}
	e := t.ends[node]
	e.named = true
	go func() {
		// The URN is known in a preview too. The resource's own output would make the wait
		// a dependency.
		if _, err := internals.UnsafeAwaitOutput(t.ctx.Context(), last.URN()); err != nil {
			e.fail(fmt.Errorf("%s is not back, so the nodes after it were not changed: %w", node, err))
			return
		}
		e.pass(true)
	}()
}

// Close ends the turns that the program did not reach because it failed; otherwise the
// nodes that wait for them would wait forever.
func (t *Turns) Close() {
	if t == nil {
		return
	}
	for node, e := range t.ends {
		if !e.named {
			e.fail(errors.New("the program ended before the turn of " + node))
		}
	}
}
