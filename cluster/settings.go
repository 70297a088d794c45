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

// settings gives new settings to every Docker that runs already, one node after
// the other, each when it is in the Swarm: so that neither the quorum nor a service
// is lost on the way, and no deployment runs into a restart. A node is drained before its
// Docker restarts, and takes tasks again before the next one's turn. A node that cannot be
// reached holds up those after it, not those before. The Docker of a new node began with its
// settings, so new nodes wait for no other's.
func (b *builder) settings() error {
	leaving, err := b.newLeaving()
	if err != nil {
		return err
	}
	after := b.backs // nor while another node is rebuilt
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

// isNew tells whether no run has made the node ready for Docker before this one.
func (b *builder) isNew(h host.Host) bool { return !b.args.Drift.Made(h.Name + prepareStep) }

// What installs Docker on a node, what changes Docker's settings, and what has the node take
// tasks again.
const (
	prepareStep  = "-prepare"
	settingsStep = "-settings"
	resumeStep   = "-resume"
)

// newLeaving is what the engine calls before it changes Docker's settings on a node.
func (b *builder) newLeaving() (pulumi.ResourceOption, error) {
	return failure.BeforeUpdate(b.ctx, b.name+"-leave-before-settings", func(args *pulumi.ResourceHookArgs) error {
		node := strings.TrimSuffix(args.Name, settingsStep)
		// A state of before has nothing that would let the node take tasks again.
		if !restarts(args.OldInputs, args.NewInputs) || !b.args.Drift.Made(node+resumeStep) {
			return nil
		}
		return b.args.Last.Leave(b.ctx.Context(), node)
	})
}

// restarts tells whether Docker restarts for an update of the command of settings: for
// other arguments or another mark of drift, not for another text of the script.
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

// settingsArguments are the arguments and the mark in the text of the command of settings.
func settingsArguments(command string) (text string, found bool) {
	_, text, found = strings.Cut(command, quote("averazure-settings"))
	return text, found
}

// resume has a node take tasks again that was drained for Docker's settings, and waits for
// it and for the services. The first time there is nothing to do. On which node it runs,
// see back.
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

// restartsFor names the settings for which Docker restarts: all but the mirrors.
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
