package host

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
)

// noConnection matches the first line of pulumi-command's message when it has given up
// dialling. Behind a jump host that is also its whole message about a wrong host key. It
// does not match the message about a command that ran and failed, which quotes the command.
var noConnection = regexp.MustCompile(`^[^"\n]*after \d+ failed attempts: `)

// Explained returns the host with an additional option for its commands: a command that
// cannot connect reports the node and the usual causes. The options belong to the host on
// which the command runs. That host stays when a command about another host is removed.
func (h Host) Explained(ctx *pulumi.Context) (Host, error) {
	option, err := failure.Explain(ctx, "connect to "+h.Name, h.explain)
	if err != nil {
		return h, err
	}
	h.Options = append(h.Options, option)
	return h, nil
}

// explain is the sentence for a failed connection or script; "" for every other error.
func (h Host) explain(failed *pulumi.ErrorHookArgs) string {
	if len(failed.Errors) == 0 {
		return ""
	}
	if !noConnection.MatchString(failed.Errors[0]) {
		return lastWords(failed.Errors[0])
	}
	inputs := failed.NewInputs
	if inputs == nil {
		inputs = failed.OldInputs
	}
	where := fmt.Sprintf("%s (%s)", h.Name, textAt(inputs, "connection", "host"))
	if h.Jump != nil {
		where += fmt.Sprintf(" through %s (%s)", h.Jump.Name, textAt(inputs, "connection", "proxy", "host"))
	}
	return "no SSH connection to " + where + ". The usual causes: the address of the machine that runs Pulumi is not in averazure:sshCidrs; " +
		"the VM was rebuilt outside this program and has another host key; the VM is down, or its first boot has not finished (docs/operations.md)"
}

// sentence matches a script's own message, which begins with the node's name. See
// cluster/scripts/common.sh.
var sentence = regexp.MustCompile(`^[a-z0-9-]+: `)

// lastWords is the last message of a script, which says why the script ended, with the
// lines that it quoted of other programs. pulumi-command puts the whole command line before
// that. Other lines are not repeated: standard output may hold a secret.
func lastWords(said string) string {
	output := Output(said)
	lines := strings.Split(output, "\n")
	last := -1
	for i, line := range lines {
		if sentence.MatchString(line) {
			last = i
		}
	}
	if last < 0 || strings.HasPrefix(lines[last], "stackctl: ") { // the result of stackctl says more
		return ""
	}
	quoted := func(line string) bool { return strings.HasPrefix(line, "  | ") }
	from, to := last, last+1
	for from > 0 && quoted(lines[from-1]) {
		from--
	}
	for to < len(lines) && quoted(lines[to]) {
		to++
	}
	return strings.Join(slices.Concat(lines[last:to], lines[from:last]), "\n")
}

// Output is the output of a command that ran and failed, taken from pulumi-command's
// message; "" if the command did not run.
func Output(said string) string {
	_, rest, _ := strings.Cut(said, ": running ")
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(rest[len(quoted):], ":\n")
}

// textAt is a text inside the properties, secret or not; "?" if there is none.
func textAt(properties resource.PropertyMap, path ...resource.PropertyKey) string {
	value := resource.NewProperty(properties)
	for _, key := range path {
		value = reveal(value)
		if !value.IsObject() {
			return "?"
		}
		value = value.ObjectValue()[key]
	}
	if value = reveal(value); value.IsString() {
		return value.StringValue()
	}
	return "?"
}

// reveal is a value without its wrappers. An address is not confidential, though the
// connection that it is part of is a secret.
func reveal(value resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case value.IsSecret():
			value = value.SecretValue().Element
		case value.IsOutput() && value.OutputValue().Known:
			value = value.OutputValue().Element
		default:
			return value
		}
	}
}
