// Package turns has nodes that exist change one after another: a node's VM is registered
// with the engine, and so rebuilt or restarted, when the node before it is back. Nodes
// that are new wait for nobody, nor does anything in a preview.
//
// It is a wait and no dependency: nothing of it is in the state, so what is deleted goes
// all at once, as it always did (docs/decisions/0022).
package turns

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
)

// Turns is the order in which nodes take their turns. With nil all go at once.
type Turns struct {
	ctx   *pulumi.Context
	order []string
	waits map[string]bool
	held  []string
	ends  map[string]*end
}

// end is the end of one node's turn.
type end struct {
	named  bool // it is known what ends it
	output pulumi.Output
	pass   func(any)
	fail   func(error)
}

// New makes turns of nodes, by their names and in their order: each one that exists waits
// for all before it, new ones among them. Those that are held stay as they are in this run.
// The caller closes them.
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

// Await is a text that is known when it is the node's turn: what takes it as an input is
// not registered before. It fails when a node before it does not come back.
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

// Ends says that a node's turn is over when a resource is there.
func (t *Turns) Ends(node string, last pulumi.Resource) {
	if t == nil || t.ends[node] == nil {
		return
	}
	e := t.ends[node]
	e.named = true
	go func() {
		// The URN is known in a preview too. Its own output would make the wait a dependency.
		if _, err := internals.UnsafeAwaitOutput(t.ctx.Context(), last.URN()); err != nil {
			e.fail(fmt.Errorf("%s is not back, so the nodes after it were not changed: %w", node, err))
			return
		}
		e.pass(true)
	}()
}

// Close ends the turns that the program did not come to because it failed; otherwise
// those who wait for them would wait for ever.
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
