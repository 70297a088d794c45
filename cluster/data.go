package cluster

import (
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
)

// data mounts the data disks before Docker is installed. A bigger disk changes an argument
// and so causes an update, which lets the file system grow.
func (b *builder) data() error {
	for _, h := range b.args.Hosts {
		if h.DataGB == 0 {
			continue
		}
		made, err := b.run(command{name: h.Name + "-data", script: "data", on: h, limit: dataLimit, args: dataWords(h, "mount")})
		if err != nil {
			return err
		}
		b.mounted[h.Name] = []pulumi.Resource{made}
	}
	return nil
}

// move brings Docker's directory to the data disk, where Docker has run without that disk.
// It is part of the chain of settings, because Docker stops.
func (b *builder) move(h host.Host, after []pulumi.Resource) ([]pulumi.Resource, error) {
	if h.DataGB == 0 {
		return after, nil
	}
	made, err := b.run(command{name: h.Name + "-move", script: "data", on: h, limit: moveLimit, args: dataWords(h, "move"), after: after})
	return []pulumi.Resource{made}, err
}

func dataWords(h host.Host, verb string) []pulumi.StringInput {
	return words(h.Name, verb, strconv.Itoa(host.DataLUN), strconv.Itoa(h.DataGB))
}

// drain drains a node with a data disk before its VM is deleted, and gives it tasks again
// when the next one is ready. Such a node stays the same member of the Swarm: the command
// that would take it out keeps the trigger with which it was made.
func (b *builder) drain(m *membership, keeper host.Host, about func(verb string) []pulumi.StringInput, after []pulumi.Resource) error {
	made, err := b.run(command{
		name: m.host.Name + "-drain", script: "member", on: keeper, boundTo: &m.host, deleteBeforeReplace: true,
		limit: memberLimit, args: about("add"), updateArgs: about("keep"), removeArgs: about("drain"), after: after,
	})
	if err != nil {
		return err
	}
	b.ready = append(b.ready, made)
	b.beforeRestart[m.host.Name] = append(b.beforeRestart[m.host.Name], made)
	return nil
}
