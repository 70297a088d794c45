package drift

import (
	"context"

	"averazure/internal/release"
	"averazure/internal/survey"
)

// This file makes Marks for the tests of the layers.

// Fixed are marks that ask no node, for the tests of the layers. The managers given as
// silent count as not answering.
func Fixed(marks map[string]string, silent ...string) *Marks {
	return &Marks{known: marks, asked: survey.Answered(survey.Cluster{}, silent, survey.Answer{})}
}

// HavingMade are marks of a state with these resources, for the tests of the layers.
func HavingMade(resources ...string) *Marks {
	m := Fixed(nil)
	m.before.made = map[string]bool{}
	for _, name := range resources {
		m.before.made[name] = true
	}
	return m
}

// WithDisks are marks that know of VMs and of data disks, for the tests of the layers.
func WithDisks(zones map[string]string, disks map[string]Disk) *Marks {
	m := InZones(zones)
	m.before.disks = disks
	return m
}

// AtAddresses are marks of a state with these addresses, for the tests of the layers.
func AtAddresses(addresses ...string) *Marks {
	m := Fixed(nil)
	m.before.addresses = addresses
	return m
}

// InZones are marks that know the zones of VMs and no marks of commands, for the tests of
// the layers.
func InZones(zones map[string]string) *Marks {
	m := Fixed(nil)
	m.before.zones = zones
	return m
}

// WithNodes are marks that know the ids of VMs and the commands, and no marks of commands,
// for the tests of the layers.
func WithNodes(vms map[string]string, commands map[string]Command) *Marks {
	m := Fixed(nil)
	m.before.vms, m.before.commands = vms, commands
	return m
}

// Known is what a Pulumi stack that was up left, and what its managers report, for the
// tests of the layers.
type Known struct {
	Left   map[string]map[string]any // outputs, by type::name
	Status map[string]release.Status
	VMs    map[string]string // ids by name
	Found  []string          // resources that something differs from
	Diff   func(stack string, request []byte) (release.Diff, error)
}

// Marks are the marks of a run that knows this.
func (k Known) Marks() *Marks {
	cluster := survey.New("aver", "key", []survey.Node{{Name: "aver-manager", Role: survey.Manager}})
	answer := survey.Answer{Status: k.Status}
	for _, resource := range k.Found {
		answer.Found = append(answer.Found, survey.Difference{Resource: resource, Text: "drift of " + resource})
	}
	return &Marks{
		before: state{left: k.Left, vms: k.VMs, manager: "203.0.113.1", cluster: cluster},
		asked:  survey.Answered(cluster, nil, answer),
		diff: func(_ context.Context, stack string, request []byte) (release.Diff, error) {
			return k.Diff(stack, request)
		},
	}
}
