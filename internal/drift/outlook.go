package drift

import (
	"context"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"

	"averazure/internal/release"
	"averazure/internal/survey"
)

// CommandType is the type of the commands on nodes.
const CommandType = "command:remote:Command"

// Left are the outputs of a resource that the last run left, by its type and name; nil if
// there is no such resource. A nil Marks has none.
func (m *Marks) Left(kind, name string) map[string]any {
	if m == nil {
		return nil
	}
	return m.before.left[key(kind, name)]
}

// Status is the status of a stack; nil if no manager could be asked.
func (m *Marks) Status(stack string) *release.Status {
	if m == nil {
		return nil
	}
	if status, ok := m.asked.Answer().Status[stack]; ok {
		return &status
	}
	return nil
}

// Tells tells whether a preview says what would change. Before the first `up` it does not,
// since everything is new.
func (m *Marks) Tells(ctx *pulumi.Context) bool {
	return m != nil && ctx.DryRun() && m.before.isUp()
}

// Beside runs say in a preview, in parallel with the rest of the program, which does not
// end before say does. Say reports what would change.
func (m *Marks) Beside(ctx *pulumi.Context, say func() error) {
	if !m.Tells(ctx) {
		return
	}
	_, done, _ := ctx.NewOutput()
	go func() {
		defer done(nil)
		if err := say(); err != nil {
			_ = ctx.Log.Warn("the preview of the stack is incomplete: "+err.Error(), nil)
		}
	}()
}

// Await waits for an output. In a preview the output may stay unknown. An output that fails
// counts as unknown too: the program then reports that failure elsewhere.
func Await(ctx context.Context, output pulumi.StringOutput) (value string, known bool) {
	found, err := internals.UnsafeAwaitOutput(ctx, output)
	if err != nil || !found.Known {
		return "", false
	}
	value, known = found.Value.(string)
	return value, known
}

// Tell says in a preview what would change, one line each.
func (m *Marks) Tell(ctx *pulumi.Context, about pulumi.Resource, lines []string) error {
	if len(lines) == 0 || !m.Tells(ctx) {
		return nil
	}
	return ctx.Log.Info(strings.Join(lines, "\n"), &pulumi.LogArgs{Resource: about})
}

// Diff asks the managers, one after the other, what the deployment of a request would
// change in a stack, and returns the first answer. If no manager could tell the stack's
// status, it asks none.
func (m *Marks) Diff(ctx context.Context, stack string, request []byte) (release.Diff, error) {
	if m.Status(stack) == nil {
		return release.Diff{}, survey.ErrNobody
	}
	return m.diff(ctx, stack, request)
}
