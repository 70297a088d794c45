package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
	"averazure/internal/host"
)

// settings gives new settings to every Docker that already runs, one node after the other,
// each when it is in the Swarm. So neither the quorum nor a service is lost, and no
// deployment runs into a restart. A node is drained before its Docker restarts, and takes
// tasks again before the next one's turn. A node that cannot be reached holds up the nodes
// after it, not those before. The Docker of a new node starts with its settings, so new
// nodes do not wait for the settings of others.
func (b *builder) settings() error {
	leaving, err := b.newLeaving()
	if err != nil {
		return err
	}
	after := b.backs // no restart while another node is rebuilt
	for _, m := range b.joined {
		h, turn := m.host, after
		if b.isNew(h) {
			turn = b.backs
		}
		before, err := b.move(h, join(turn, b.beforeRestart[h.Name]))
		if err != nil {
			return err
		}
		made, err := b.run(command{
			name: h.Name + settingsStep, script: "settings", on: h, limit: settingsLimit,
			args: words(h.Name, b.args.restartsFor()), input: pulumi.String(b.args.daemonJSON()), after: before, hooks: leaving,
		})
		if err != nil {
			return err
		}
		done, err := b.resume(m, made)
		if err != nil {
			return err
		}
		b.ready = join(b.ready, done)
		if !b.isNew(h) {
			after = done
		}
	}
	return nil
}

// isNew tells whether no earlier run has prepared the node for Docker.
func (b *builder) isNew(h host.Host) bool { return !b.args.Drift.Made(h.Name + prepareStep) }

// The steps that install Docker on a node, change Docker's settings, and let the node take
// tasks again.
const (
	prepareStep  = "-prepare"
	settingsStep = "-settings"
	resumeStep   = "-resume"
)

// newLeaving is the hook that the engine calls before it changes Docker's settings on a
// node.
func (b *builder) newLeaving() (pulumi.ResourceOption, error) {
	return failure.BeforeUpdate(b.ctx, b.name+"-leave-before-settings", func(args *pulumi.ResourceHookArgs) error {
		node := strings.TrimSuffix(args.Name, settingsStep)
		// An older state has no step that would let the node take tasks again.
		if !restarts(args.OldInputs, args.NewInputs) || !b.args.Drift.Made(node+resumeStep) {
			return nil
		}
		return b.args.Last.Leave(b.ctx.Context(), node)
	})
}

// restarts tells whether Docker restarts for an update of the settings command: it does for
// other arguments or another mark of drift, but not for another text of the script.
func restarts(before, after resource.PropertyMap) bool {
	arguments := func(inputs resource.PropertyMap) string {
		if !inputs["update"].IsString() {
			return ""
		}
		text, _ := settingsArguments(inputs["update"].StringValue())
		return text
	}
	return arguments(before) != arguments(after)
}

// settingsArguments are the arguments and the mark in the text of a settings command.
func settingsArguments(command string) (text string, found bool) {
	_, text, found = strings.Cut(command, quote("averazure-settings"))
	return text, found
}

// resume lets a node that was drained for Docker's settings take tasks again, and waits for
// the node and for the services. The first time there is nothing to do. The comment of back
// explains on which node it runs.
func (b *builder) resume(m *membership, settings pulumi.Resource) ([]pulumi.Resource, error) {
	on, after := b.door().host, join(b.door().commands, m.commands, []pulumi.Resource{settings})
	if m.host.Role == host.Manager {
		on = m.host
	}
	made, err := command{
		name: m.host.Name + resumeStep, script: "member", on: on, boundTo: &m.host, limit: backLimit, later: true,
		args:  append(words(m.host.Name, "back"), m.node(), pulumi.String(m.host.Role), pulumi.String(b.args.restartsFor())),
		after: after,
	}.run(b.ctx, b.parent, b.args.Drift.Of(m.host.Name+settingsStep))
	return []pulumi.Resource{made}, err
}

// restartsFor is a hash of the settings for which Docker restarts: all but the mirrors.
func (c Config) restartsFor() string {
	c.RegistryMirrors = nil
	sum := sha256.Sum256([]byte(c.daemonJSON()))
	return hex.EncodeToString(sum[:6])
}

// daemonJSON is the configuration of the Docker daemon, in the layout in which
// settings.sh compares it with what is there.
// https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
func (c Config) daemonJSON() string {
	mirrors := c.RegistryMirrors
	if mirrors == nil {
		mirrors = []string{}
	}
	text, err := json.MarshalIndent(map[string]any{
		"log-driver":       "json-file",
		"log-opts":         map[string]string{"max-size": c.LogMaxSize, "max-file": fmt.Sprint(c.LogMaxFiles)},
		"registry-mirrors": mirrors,
	}, "", "  ")
	if err != nil {
		panic(err) // a map of texts always encodes
	}
	return string(text)
}
