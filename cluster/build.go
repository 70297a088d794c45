package cluster

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
)

// The most that each script may take, in seconds. A script ends its waits and its
// further attempts before that; where a wait must not be cut short, the limit is
// as long as all of them together.
const (
	prepareLimit  = 1500 // cloud-init and several runs of apt
	swarmLimit    = 420
	memberLimit   = 900 // a node that goes is drained
	equipLimit    = 300
	secretsLimit  = 300
	dataLimit     = 1200 // a disk appears, is formatted, or grows
	moveLimit     = 3600 // Docker's directory is copied
	leaveLimit    = 840  // another manager goes first, and then this one is drained
	backLimit     = 840  // Docker starts, and its tasks do
	settingsLimit = 1000 // Docker restarts, finds back into the Swarm and to its tasks
	spreadLimit   = 3600 // one service after the other starts its tasks anew
)

// builder carries what one step makes for the next.
type builder struct {
	ctx    *pulumi.Context
	parent pulumi.Resource
	name   string
	args   Args

	mounted       map[string][]pulumi.Resource // data disks, by node
	prepared      map[string]*remote.Command   // Docker runs, by node
	joined        []*membership                // in the order of the hosts
	names         map[string]pulumi.StringOutput
	ready         []pulumi.Resource            // all that a deployment waits for
	beforeRestart map[string][]pulumi.Resource // what a node's restart waits for, by node
	equipped      map[string][]pulumi.Resource // what deploys is installed, by node
	backs         []pulumi.Resource            // every node's turn is over
}

func (b *builder) managers() []host.Host {
	var managers []host.Host
	for _, h := range b.args.Hosts {
		if h.Role == host.Manager {
			managers = append(managers, h)
		}
	}
	return managers
}

// doorFirst are the managers, the one first that acts for the whole Swarm.
func (b *builder) doorFirst() []host.Host {
	managers := b.managers()
	for i, h := range managers {
		if h.Name == b.args.Door {
			return append([]host.Host{h}, slices.Delete(managers, i, i+1)...)
		}
	}
	return managers
}

// keeper is the manager that keeps the Swarm's books about a node: the door, and for the
// door another one. For the first manager that is always the second, and for no other
// door the first: while another stands in for it, it may be away, and nothing about it
// has to change for that.
func (b *builder) keeper(of host.Host) host.Host {
	managers := b.managers()
	door := b.doorFirst()[0]
	if len(managers) == 1 || of.Name != door.Name && of.Name != managers[0].Name {
		return door
	}
	for _, h := range managers[1:] {
		if h.Name != of.Name && !h.Silent {
			return h
		}
	}
	return door
}

// door is the place in the Swarm of the manager that acts for all of it.
func (b *builder) door() *membership {
	at := slices.IndexFunc(b.joined, func(m *membership) bool { return m.host.Name == b.doorFirst()[0].Name })
	return b.joined[at]
}

func (b *builder) run(c command) (*remote.Command, error) {
	return c.run(b.ctx, b.parent, b.args.Drift.Of(c.name))
}

// prepare makes every machine a Docker host, all at the same time.
func (b *builder) prepare() error {
	for _, h := range b.args.Hosts {
		made, err := b.run(command{
			name: h.Name + "-prepare", script: "prepare", on: h, limit: prepareLimit,
			args:  words(h.Name, yesOrNo(b.args.MaintenanceWindow != "")),
			input: pulumi.String(strings.Join([]string{b.args.daemonJSON(), script("disk"), script("reboot")}, "\n---\n")),
			after: b.mounted[h.Name],
		})
		if err != nil {
			return err
		}
		b.prepared[h.Name] = made
	}
	return nil
}

// settings gives new settings to every Docker that runs already, one node after
// the other, each when it is in the Swarm: so that neither the quorum nor a service
// is lost on the way, and no deployment runs into a restart. A node that cannot be
// reached holds up those after it, not those before.
func (b *builder) settings() error {
	after := b.backs // nor while another node is built anew
	for _, h := range b.args.Hosts {
		before, err := b.move(h, join(after, b.beforeRestart[h.Name]))
		if err != nil {
			return err
		}
		made, err := b.run(command{
			name: h.Name + "-settings", script: "settings", on: h, limit: settingsLimit,
			args: words(h.Name), input: pulumi.String(b.args.daemonJSON()), after: before,
		})
		if err != nil {
			return err
		}
		after = []pulumi.Resource{made}
	}
	b.ready = join(b.ready, after)
	return nil
}

// rebalance has tasks spread over a node that is new, or was built anew, when all nodes are
// ready. The first of several such nodes does it for all, and the others find nothing to do.
func (b *builder) rebalance() error {
	if !b.args.Rebalance {
		return nil
	}
	door, after := b.door(), b.ready
	for _, h := range b.args.Hosts {
		made, err := b.run(command{
			name: h.Name + "-rebalance", script: "rebalance", on: door.host, boundTo: &h, limit: spreadLimit,
			args: words(h.Name), after: join(door.commands, after),
		})
		if err != nil {
			return err
		}
		b.ready, after = append(b.ready, made), join(b.ready, []pulumi.Resource{made})
	}
	return nil
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

// equip installs on every manager what deploys there.
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

// upload is where stackctl arrives, in the home of the login: nobody else can write
// there. It stays there, so that manager.sh can install it again.
const upload = ".averazure-stackctl"

// send copies stackctl to a manager: a command's input would be kept in the state. The
// copy belongs to the login, so manager.sh checks it before it is installed.
func (b *builder) send(h host.Host) (pulumi.Resource, error) {
	made, err := remote.NewCopyToRemote(b.ctx, h.Name+"-upload", &remote.CopyToRemoteArgs{
		Connection: h.Connection(),
		Source:     pulumi.NewFileAsset(b.args.Stackctl.Path),
		RemotePath: pulumi.String(upload),
		Triggers:   pulumi.Array{h.VMID}, // a rebuilt machine has none
	}, slices.Concat([]pulumi.ResourceOption{pulumi.Parent(b.parent), pulumi.DependsOn(h.Needs), pulumi.DeletedWith(h.VM)},
		h.Left("connection", "source"), h.Options)...)
	if err != nil {
		return nil, fmt.Errorf("copy stackctl to %s: %w", h.Name, err)
	}
	return made, nil
}

// secrets stores the Docker secrets.
func (b *builder) secrets() error {
	names, input := versions(b.args.Secrets, b.args.SecretKey)
	b.names = names
	door := b.door()
	made, err := b.run(command{
		name: b.name + "-secrets", script: "secrets", on: door.host, limit: secretsLimit,
		args: append(words(door.host.Name), door.swarm()), input: input,
		quiet: true, after: join(door.commands, b.ready), // not during a restart
	})
	if err != nil {
		return err
	}
	b.ready = append(b.ready, made)
	return nil
}

func yesOrNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// words are arguments that are known from the start.
func words(texts ...string) []pulumi.StringInput {
	inputs := make([]pulumi.StringInput, len(texts))
	for i, text := range texts {
		inputs[i] = pulumi.String(text)
	}
	return inputs
}

func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // maps of texts always encode
	}
	return string(text)
}
