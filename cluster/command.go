package cluster

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/host"
)

// command is one script on one node.
type command struct {
	// name is the resource's name: the node's name, which begins with the component's, and
	// what is done to the node.
	name string
	// script is the name of a file in scripts/, without .sh.
	script string
	// on is the host that it runs on.
	on host.Host
	// args are its arguments, none of them secret. The first names the node that
	// it is about.
	args []pulumi.StringInput
	// updateArgs are its arguments when it runs again; nil for those of the first run.
	updateArgs []pulumi.StringInput
	// removeArgs are its arguments when the resource is deleted; nil runs nothing.
	removeArgs []pulumi.StringInput
	// input is what the script reads.
	input pulumi.StringInput
	// quiet says that its output is a secret and not shown.
	quiet bool
	// limit is the most that it may take, in seconds.
	limit int
	// after are the resources that it waits for, beside those that the host needs.
	after []pulumi.Resource
	// boundTo is the host whose rebuild makes the command run again; nil for the host that
	// it runs on.
	boundTo *host.Host
	// deleteBeforeReplace says that the old command is deleted before a new one is created.
	deleteBeforeReplace bool
	// fixed says that a rebuild does not make it run again: its effect outlives the VM.
	fixed bool
	// later says that nothing runs when the resource is created.
	later bool
	// hooks are the functions that the engine calls about the command; nil for none.
	hooks pulumi.ResourceOption
}

// run registers the command, with the mark of the drift that it repairs. An update does
// what the creation did, unless there are updateArgs: every script is idempotent, and quick
// when there is nothing to do. The engine skips the deletion of a command whose VM is
// deleted too (DeletedWith).
func (c command) run(ctx *pulumi.Context, parent pulumi.Resource, mark pulumi.StringOutput) (*remote.Command, error) {
	bound := c.on
	if c.boundTo != nil {
		bound = *c.boundTo
	}
	args := c.inputs(mark)
	args.Triggers = pulumi.Array{bound.VMID}
	opts := []pulumi.ResourceOption{
		pulumi.Parent(parent),
		pulumi.DependsOn(join(c.on.Needs, bound.Needs, c.after)),
		pulumi.DeletedWith(c.on.VM),
		pulumi.DeleteBeforeReplace(c.deleteBeforeReplace),
	}
	if c.quiet {
		args.Logging = remote.LoggingNone
		opts = append(opts, pulumi.AdditionalSecretOutputs([]string{"stdout", "stderr"}))
	}
	if c.fixed {
		// The trigger is not an output of the VM: before the engine replaces a VM, it
		// deletes every resource that depends on one of its outputs, and does not look at
		// ignored changes then.
		args.Triggers = pulumi.Array{pulumi.String(bound.Name)}
		opts = append(opts, pulumi.IgnoreChanges([]string{"triggers"}))
	}
	opts = slices.Concat(opts, c.on.Left("connection", "create", "update", "stdin"), c.on.Options)
	if c.hooks != nil { // after the host's own hooks, which fail where the host does not answer
		opts = append(opts, c.hooks)
	}
	made, err := remote.NewCommand(ctx, c.name, args, opts...)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", c.script, c.on.Name, err)
	}
	return made, nil
}

// inputs are what runs when the command is created, updated and deleted.
func (c command) inputs(mark pulumi.StringOutput) *remote.CommandArgs {
	comment := mark.ApplyT(drift.Comment)
	create := pulumi.Sprintf("%s%s", c.line(c.args), comment)
	update := create
	if len(c.updateArgs) > 0 {
		update = pulumi.Sprintf("%s%s", c.line(c.updateArgs), comment)
	}
	args := &remote.CommandArgs{
		Connection:             c.on.Connection(),
		Update:                 update,
		Stdin:                  c.stdin(),
		Logging:                remote.LoggingStderr,
		AddPreviousOutputInEnv: pulumi.Bool(false),
	}
	if !c.later {
		args.Create = create
	}
	if len(c.removeArgs) > 0 {
		args.Delete = c.line(c.removeArgs)
	}
	return args
}

// line is the command's text. It contains no secret, so previews may show it: where
// arguments have inherited the mark of a secret, the mark is dropped.
func (c command) line(args []pulumi.StringInput) pulumi.StringOutput {
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = arg
	}
	text := pulumi.All(values...).ApplyT(func(values []any) string {
		words := make([]string, len(values))
		for i, value := range values {
			words[i] = value.(string)
		}
		return commandLine(c.script, c.limit, words...)
	}).(pulumi.StringOutput)
	return pulumi.Unsecret(text).(pulumi.StringOutput)
}

// stdin is the script followed by its input.
func (c command) stdin() pulumi.StringPtrInput {
	if c.input == nil {
		return pulumi.String(script(c.script))
	}
	return c.input.ToStringOutput().ApplyT(func(input string) *string {
		whole := script(c.script) + input
		return &whole
	}).(pulumi.StringPtrOutput)
}

// join concatenates lists, with every resource once.
func join(lists ...[]pulumi.Resource) []pulumi.Resource {
	var all []pulumi.Resource
	seen := map[pulumi.Resource]bool{}
	for _, list := range lists {
		for _, resource := range list {
			if !seen[resource] {
				seen[resource] = true
				all = append(all, resource)
			}
		}
	}
	return all
}
