// Package failure lets a layer say more when an operation on one of its resources fails,
// try the operation again, and prevent an update that would fail or do harm (BeforeUpdate).
// A provider knows neither the node's name nor the usual cause; the layer knows both.
//
// The engine asks when a create, an update or a delete fails in an update that runs the
// program. It does not ask when Check, Diff or the provider's own configuration fails, nor
// in `pulumi destroy`, which does not run the program (destroy --run-program does). Older
// CLIs cannot ask; Pulumi.yaml names the oldest that can.
package failure

import (
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// mostTries is less than the engine's own limit, which ends in an error that
// says nothing about the resource.
const mostTries = 50

// Policy is what happens when an operation fails.
type Policy struct {
	// Explain returns the sentence that is logged as an error on the resource when the
	// operation has failed for good; nothing is logged when it returns "". The engine logs
	// the provider's own error beside it. The provider's error may contain a command's
	// output, which may be secret: take care which part of it the sentence repeats.
	Explain func(failed *pulumi.ErrorHookArgs) string
	// Passing tells whether the newest error, failed.Errors[0], is temporary: then the
	// operation is tried again. If Passing is nil, no error is.
	Passing func(failed *pulumi.ErrorHookArgs) bool
	// Tries is how often the operation is carried out at most, and Pause the time
	// between two tries. A create must not leave anything behind when it fails.
	Tries int
	Pause time.Duration
}

// Explain returns the option with which failures of a resource are explained. See Handle.
func Explain(ctx *pulumi.Context, name string, say func(failed *pulumi.ErrorHookArgs) string) (pulumi.ResourceOption, error) {
	return Handle(ctx, name, Policy{Explain: say})
}

// Handle returns the option with which a resource's failures are handled as the policy
// says. The name is the policy's and may be used once in a program. The option may be given
// to several resources. Since the state knows policies by their name, it also covers such a
// resource after the program no longer has it.
func Handle(ctx *pulumi.Context, name string, policy Policy) (pulumi.ResourceOption, error) {
	if policy.Passing != nil && (policy.Tries < 2 || policy.Tries > mostTries) {
		return nil, fmt.Errorf("failure policy %s: %d tries; 2 to %d make sense", name, policy.Tries, mostTries)
	}
	hook, err := ctx.RegisterErrorHook(name, func(failed *pulumi.ErrorHookArgs) (bool, error) {
		return policy.handle(ctx, failed), nil
	})
	if err != nil {
		return nil, fmt.Errorf("failure policy %s: %w", name, err)
	}
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{OnError: []*pulumi.ErrorHook{hook}}), nil
}

// BeforeUpdate returns the option with which the engine calls ask before it updates a
// resource: if ask fails, nothing is updated. The name may be used once in a program, and
// the option may be given to several resources. Ask is not called in a preview.
func BeforeUpdate(ctx *pulumi.Context, name string, ask func(args *pulumi.ResourceHookArgs) error) (pulumi.ResourceOption, error) {
	hook, err := ctx.RegisterResourceHook(name, ask, nil)
	if err != nil {
		return nil, fmt.Errorf("hook %s: %w", name, err)
	}
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{BeforeUpdate: []*pulumi.ResourceHook{hook}}), nil
}

// handle waits and has the operation tried again, or explains its failure. It returns no
// error: the engine would show that one instead of the provider's.
func (p Policy) handle(ctx *pulumi.Context, failed *pulumi.ErrorHookArgs) (again bool) {
	if p.Passing != nil && len(failed.Errors) < p.Tries && p.Passing(failed) {
		select {
		case <-time.After(p.Pause):
			return true
		case <-ctx.Context().Done():
		}
	}
	if p.Explain == nil {
		return false
	}
	if sentence := p.Explain(failed); sentence != "" {
		// An engine that accepts no message has ended: there is nobody to report to.
		_ = ctx.Log.Error(sentence, &pulumi.LogArgs{Resource: &failing{urn: failed.URN}})
	}
	return false
}

// failing names a resource that is still being registered: its own URN is not
// known to the program until that ends.
type failing struct {
	pulumi.ResourceState
	urn pulumi.URN
}

// URN is where the message belongs.
func (f *failing) URN() pulumi.URNOutput { return f.urn.ToURNOutput() }
