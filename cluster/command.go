package cluster

import (
	"fmt"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/host"
)

// command is one script on one node.
type command struct {
	// name is the resource's: the node's, which begins with the component's, and
	// what is done to it.
	name string
	// script is the name of a file in scripts/, without .sh.
	script string
	// on is where it runs.
	on host.Host
	// args are its arguments, none of them secret. The first names the node that
	// it is about.
	args []pulumi.StringInput
	// updateArgs are its arguments when it runs again; none: those of the first time.
	updateArgs []pulumi.StringInput
	// removeArgs are its arguments when the resource is deleted; none: nothing runs.
	removeArgs []pulumi.StringInput
	// input is what the script reads.
	input pulumi.StringInput
	// quiet says that its output is a secret and not shown.
	quiet bool
	// limit is the most that it may take, in seconds.
	limit int
	// after is what has to be there beside what the host needs.
	after []pulumi.Resource
	// boundTo is the machine whose rebuilding makes the command run again; the
	// host itself where nothing else is said.
	boundTo *host.Host
	// deleteBeforeReplace says that the old command is deleted before a new one is created.
	deleteBeforeReplace bool
	// fixed says that the machine's rebuilding does not make it run again after all: what
	// it did outlives the machine.
	fixed bool
}

// run registers the command, with the mark of drift that it puts right. An update does
// what the creation did, unless updateArgs say otherwise: every script is idempotent, and
// quick when there is nothing to do. Nothing is destroyed by the deletion of a command
// whose machine goes too (DeletedWith).
func (c command) run(ctx *pulumi.Context, parent pulumi.Resource, mark pulumi.StringOutput) (*remote.Command, error) {
	comment := mark.ApplyT(drift.Comment)
	create := pulumi.Sprintf("%s%s", c.line(c.args), comment)
	update := create
	if len(c.updateArgs) > 0 {
		update = pulumi.Sprintf("%s%s", c.line(c.updateArgs), comment)
	}
	args := &remote.CommandArgs{
		Connection:             c.on.Connection(),
		Create:                 create,
		Update:                 update,
		Stdin:                  c.stdin(),
		Logging:                remote.LoggingStderr,
		AddPreviousOutputInEnv: pulumi.Bool(false),
	}
	if len(c.removeArgs) > 0 {
		args.Delete = c.line(c.removeArgs)
	}
	bound := c.on
	if c.boundTo != nil {
		bound = *c.boundTo
	}
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
		// No output of the machine's: the engine deletes whatever would be replaced for one
		// before it deletes the machine, and asks for no ignored changes there.
		args.Triggers = pulumi.Array{pulumi.String(bound.Name)}
		opts = append(opts, pulumi.IgnoreChanges([]string{"triggers"}))
	}
	opts = append(opts, c.on.Left("connection", "create", "update", "stdin")...)
	made, err := remote.NewCommand(ctx, c.name, args, append(opts, c.on.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", c.script, c.on.Name, err)
	}
	return made, nil
}

// line is the command's text. It holds no secret, by construction: so that it
// stays readable in previews, secretness that arguments inherited is dropped.
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

// join makes one list of several, every resource once.
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
