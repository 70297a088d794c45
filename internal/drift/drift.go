// Package drift shows in a preview what somebody changed on the nodes by hand. A command
// has no Read, so Pulumi alone would never notice. So the managers are asked
// (internal/survey) before anything is registered and in parallel with everything else, and
// this package puts a mark into the command that would repair the drift. Without drift the
// mark stays the same, so nothing differs. With drift the mark is another one, so there is
// an update.
package drift

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/release"
	"averazure/internal/survey"
)

// Marks holds a mark for every command that repairs drift on the nodes.
type Marks struct {
	ctx   *pulumi.Context
	known map[string]string // the marks in the state, by the resource's name
	asked *survey.Asked
	main  string // the main stack
	// before is what the last run left in the state.
	before state
	// diff asks a manager; see Diff.
	diff func(ctx context.Context, stack string, request []byte) (release.Diff, error)
}

// Disk is a data disk that the last run left.
type Disk struct {
	Zone string // empty for none
	GB   int
	Type string
}

// Ask begins to ask the nodes of the last `pulumi up` about stacks, the main one first.
// Before the first `pulumi up` there are no nodes, and nothing is asked. A manager that
// does not answer is a warning; if it is the door, the warning names the remedy.
func Ask(ctx *pulumi.Context, prefix, door string, stacks []string) (*Marks, error) {
	before, err := lastState(ctx)
	if err != nil {
		return nil, err
	}
	before.cluster.Door = door
	m := &Marks{ctx: ctx, known: before.marks, before: before, main: stacks[0]}
	if before.isUp() {
		m.asked = survey.Ask(ctx.Context(), before.cluster, prefix, stacks, m.warn)
	} else {
		m.asked = survey.Answered(before.cluster, nil, survey.Answer{})
	}
	m.diff = m.asked.Diff
	return m, nil
}

// warn warns of what differs, and of managers and nodes that could not be asked.
func (m *Marks) warn(answer survey.Answer) {
	for _, problem := range answer.Problems {
		_ = m.ctx.Log.Warn("drift: "+problem, nil)
	}
	for _, difference := range answer.Found {
		_ = m.ctx.Log.Warn(difference.Text, nil)
	}
}

// Silent tells whether a manager does not answer. It waits until that is known: until 5
// seconds after the run began at the latest. If no manager answers, none counts as silent.
func (m *Marks) Silent(manager string) bool {
	if m == nil {
		return false
	}
	return slices.Contains(m.asked.Silent(), manager)
}

// Addresses are the public addresses that the last run left in the state, even if that run
// failed. A nil Marks has none.
func (m *Marks) Addresses() []string {
	if m == nil {
		return nil
	}
	return m.before.addresses
}

// Zone is the zone of a VM that the last run left, by the resource's name; empty if it has
// no zone. A nil Marks has no VMs.
func (m *Marks) Zone(resource string) (zone string, made bool) {
	if m == nil {
		return "", false
	}
	zone, made = m.before.zones[resource]
	return zone, made
}

// Made tells whether the last run left a resource of this name in the state. A nil
// Marks has none.
func (m *Marks) Made(resource string) bool { return m != nil && m.before.made[resource] }

// Disk is a data disk that the last run left, by the resource's name. A nil Marks has none.
func (m *Marks) Disk(resource string) (Disk, bool) {
	if m == nil {
		return Disk{}, false
	}
	disk, made := m.before.disks[resource]
	return disk, made
}

// Disks are the names of all data disks that the last run left, sorted.
func (m *Marks) Disks() []string {
	if m == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.before.disks))
}

// VM is the id of a VM that the last run left, by the resource's name. A nil Marks has no
// VMs. If a VM is gone and its successor was not created, it is the last known id.
func (m *Marks) VM(resource string) (id string, made bool) {
	if m == nil {
		return "", false
	}
	id, made = m.before.vms[resource]
	return id, made
}

// VMs are the names of all VMs that the last run left, sorted: those of its nodes.
func (m *Marks) VMs() []string { return slices.Sorted(maps.Keys(m.before.vms)) }

// Reach waits for those nodes of a command's route on which the login failed when the run
// began; see survey.Cluster.Reach.
func (m *Marks) Reach(ctx context.Context, route []survey.Stop) error {
	if m == nil {
		return nil
	}
	return m.asked.Reach(ctx, route)
}

// Run runs a command with input on a manager: not on the one that the command is about if
// there is another one. It uses the manager's address in this run; see survey.Cluster.Run.
func (m *Marks) Run(ctx context.Context, about, line, input string) error {
	return m.asked.Run(ctx, about, line, input)
}

// Repairs tells whether there is drift that a resource, given by its name, repairs.
func (m *Marks) Repairs(resource string) bool {
	return slices.ContainsFunc(m.asked.Answer().Found, func(d survey.Difference) bool { return d.Resource == resource })
}

// Command is what the last run left of a command, by the resource's name; empty if there is
// no such command.
func (m *Marks) Command(resource string) Command {
	if m == nil {
		return Command{}
	}
	return m.before.commands[resource]
}

// News are those of the warnings that the last `pulumi up` has not given: a warning that it
// gave already does not concern this change. A nil Marks knows of none.
func (m *Marks) News(warnings []string) []string {
	if m == nil {
		return warnings
	}
	return slices.DeleteFunc(slices.Clone(warnings), func(warning string) bool { return slices.Contains(m.before.warnings, warning) })
}

// Of is the mark of a command, to be put into its text; empty if there never was drift. A
// nil Marks has none.
func (m *Marks) Of(resource string) pulumi.StringOutput {
	if m == nil {
		return pulumi.String("").ToStringOutput()
	}
	return pulumi.String(m.known[resource]).ToStringOutput().ApplyT(func(mark string) string {
		return next(mark, resource, m.asked.Answer().Found)
	}).(pulumi.StringOutput)
}

// next is the mark in the state, or another one if something differs. The same differences
// give the same mark, so that a preview and its update agree.
func next(mark, resource string, found []survey.Difference) string {
	var texts []string
	for _, difference := range found {
		if difference.Resource == resource {
			texts = append(texts, difference.Text)
		}
	}
	if len(texts) == 0 {
		return mark
	}
	slices.Sort(texts)
	sum := sha256.Sum256([]byte(mark + "\n" + strings.Join(texts, "\n")))
	return hex.EncodeToString(sum[:6])
}

// Comment is the mark in the form in which it ends a command's text.
func Comment(mark string) string {
	if mark == "" {
		return ""
	}
	return fmt.Sprintf(" # drift %s", mark)
}
