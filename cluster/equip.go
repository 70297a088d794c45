package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
)

// equip installs stackctl and its settings on every manager.
func (b *builder) equip() error {
	registry := b.args.Registry
	token := registry.Token
	if token == nil {
		token = pulumi.String("")
	}
	container, recipient := b.args.backupInputs()
	input := pulumi.All(b.args.DeployPublicKey, token, b.args.AgeKey, container, recipient).ApplyT(func(known []any) string {
		settings := map[string]any{"deployScope": b.args.DeployScope, "converge": b.args.DeployTimeout, "patience": b.args.DeployPatience, "window": b.args.MaintenanceWindow}
		equipment := map[string]any{
			"stackctl":   map[string]string{"upload": upload, "sha256": b.args.Stackctl.SHA256},
			"settings":   settings,
			"unit":       strings.TrimSpace(agentUnit),
			"deployUser": b.args.DeployUser, "deployKey": known[0],
			"secretsKey": strings.TrimSpace(known[2].(string)),
			"registry":   map[string]any{"server": registry.Server, "username": registry.Username, "token": known[1]},
		}
		b.args.equipBackups(equipment, settings, known[3].(string), known[4].(string))
		return encode(equipment)
	}).(pulumi.StringOutput)
	for _, h := range b.managers() {
		sent, err := b.send(h)
		if err != nil {
			return err
		}
		made, err := b.run(command{
			name: h.Name + "-stackctl", script: "manager", on: h, limit: equipLimit,
			args: words(h.Name), input: pulumi.ToSecret(input).(pulumi.StringOutput),
			quiet: true, after: []pulumi.Resource{b.prepared[h.Name], sent},
		})
		if err != nil {
			return err
		}
		b.ready = append(b.ready, made)
		b.beforeRestart[h.Name] = append(b.beforeRestart[h.Name], made)
		b.equipped[h.Name] = []pulumi.Resource{made}
	}
	return nil
}

// upload is the path to which stackctl is copied, in the home of the admin user: nobody
// else can write there. The copy stays, so that manager.sh can install it again.
const upload = ".averazure-stackctl"

// send copies stackctl to a manager as a file, because the state would keep a command's
// input. The copy belongs to the admin user, so manager.sh checks it before it installs it.
func (b *builder) send(h host.Host) (pulumi.Resource, error) {
	made, err := remote.NewCopyToRemote(b.ctx, h.Name+"-upload", &remote.CopyToRemoteArgs{
		Connection: h.Connection(),
		Source:     pulumi.NewFileAsset(b.args.Stackctl.Path),
		RemotePath: pulumi.String(upload),
		Triggers:   pulumi.Array{h.VMID}, // a rebuilt VM has no copy
	}, slices.Concat([]pulumi.ResourceOption{pulumi.Parent(b.parent), pulumi.DependsOn(h.Needs), pulumi.DeletedWith(h.VM)},
		h.Left("connection", "source"), h.Options)...)
	if err != nil {
		return nil, fmt.Errorf("copy stackctl to %s: %w", h.Name, err)
	}
	return made, nil
}
