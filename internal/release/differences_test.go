package release

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/golden"
	"averazure/internal/stackfile"
)

func aNode(name string, change func(*swarm.Node)) swarm.Node {
	role := swarm.NodeRoleWorker
	if strings.Contains(name, "manager") {
		role = swarm.NodeRoleManager
	}
	node := swarm.Node{ID: "id-" + name, Description: swarm.NodeDescription{Hostname: name}, Status: swarm.NodeStatus{State: swarm.NodeStateReady}}
	node.Spec.Role, node.Spec.Availability = role, swarm.NodeAvailabilityActive
	node.Spec.Labels = map[string]string{labelNode: name, labelRole: string(role)}
	if change != nil {
		change(&node)
	}
	return node
}

// live is a service as Docker stores it: with the ids of networks and secrets.
func live(spec swarm.ServiceSpec) swarm.ServiceSpec {
	spec.TaskTemplate.Networks = []swarm.NetworkAttachmentConfig{{Target: "id-default", Aliases: []string{"api", "aver_api"}}}
	return spec
}

// inSync is a release, and a Swarm that matches it.
func inSync() (*Release, State) {
	r := &Release{
		Number: 3, Secrets: map[string]string{"key": "key-1"},
		Specs: stackfile.Specs{
			Services: map[string]swarm.ServiceSpec{"aver_api": aSpec()},
			Networks: map[string]network.CreateOptions{"aver_default": {Attachable: true}},
		},
		Live: map[string]swarm.ServiceSpec{"aver_api": Normalise(live(aSpec()))},
	}
	s := State{
		Services: []swarm.Service{{ID: "s1", Spec: live(aSpec())}},
		Networks: []network.Summary{{ID: "id-default", Name: "aver_default", Driver: "overlay", Attachable: true}, {ID: "id-lan", Name: "lan"}},
		Secrets:  []swarm.Secret{{Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: "key-1"}}}},
		Nodes:    []swarm.Node{aNode("aver-worker-1", nil), aNode("aver-manager", nil)},
	}
	return r, s
}

func TestDifferences(t *testing.T) {
	service := func(change func(*swarm.ServiceSpec)) func(*Release, *State) {
		return func(_ *Release, s *State) {
			spec := live(aSpec(func(s *swarm.ServiceSpec) { s.TaskTemplate.ForceUpdate = 4 }))
			change(&spec)
			s.Services[0].Spec = spec
		}
	}
	node := func(change func(*swarm.Node)) func(*Release, *State) {
		return func(_ *Release, s *State) { change(&s.Nodes[0]) }
	}
	said := map[string]string{}
	for name, c := range map[string]struct {
		change func(*Release, *State)
		want   []Difference
	}{
		"nothing": {service(func(*swarm.ServiceSpec) {}), nil},
		"scaled": {service(func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = ptr(uint64(5)) }), []Difference{
			{CodeField, "service", "aver_api", "Mode.replicas", "2", "5", ""}}},
		"variables": {service(in(func(c *swarm.ContainerSpec) { c.Env = []string{"PASSWORD=geheim", "NEW=x"} })), []Difference{
			{CodeField, "service", "aver_api", "TaskTemplate.ContainerSpec.Env.LEVEL", "", "", ""},
			{CodeField, "service", "aver_api", "TaskTemplate.ContainerSpec.Env.NEW", "", "", ""},
			{CodeField, "service", "aver_api", "TaskTemplate.ContainerSpec.Env.PASSWORD", "", "", ""}}},
		"image": {service(in(func(c *swarm.ContainerSpec) { c.Image = "x:2" })), []Difference{
			{CodeField, "service", "aver_api", "TaskTemplate.ContainerSpec.Image", aSpec().TaskTemplate.ContainerSpec.Image, "x:2", ""}}},
		"mount": {service(mounts(mount.Mount{Type: "bind", Source: "/etc", Target: "/v"})), []Difference{
			{CodeField, "service", "aver_api", "TaskTemplate.ContainerSpec.Mounts./v", "", "bind /etc", ""}}},
		"a network by its name": {service(joins(swarm.NetworkAttachmentConfig{Target: "id-lan"})), []Difference{
			{CodeField, "service", "aver_api", "TaskTemplate.Networks.lan", "", "", ""}}},
		"port": {service(func(s *swarm.ServiceSpec) { s.EndpointSpec = nil }), []Difference{
			{CodeField, "service", "aver_api", "EndpointSpec.Ports.9090/tcp", "to 9090, ingress", "", ""}}},
		"gone": {func(_ *Release, s *State) { s.Services = nil }, []Difference{
			{Code: CodeServiceGone, Kind: "service", Name: "aver_api"}}},
		"not released": {func(r *Release, _ *State) { r.Live = nil }, []Difference{
			{Code: CodeServiceUnreleased, Kind: "service", Name: "aver_api"}}},
		"network gone": {func(_ *Release, s *State) { s.Networks[0].Name = "other"; s.Services[0].Spec = live(aSpec()) }, []Difference{
			{Code: CodeNetworkGone, Kind: "network", Name: "aver_default"}}},
		"network options": {func(_ *Release, s *State) { s.Networks[0].Attachable = false }, []Difference{
			{Code: CodeNetworkChanged, Kind: "network", Name: "aver_default"}}},
		"secret": {func(_ *Release, s *State) { s.Secrets = nil }, []Difference{
			{Code: CodeSecretMissing, Kind: "secret", Name: "key", Released: "key-1"}}},
		"secrets' record": {func(_ *Release, s *State) {
			s.Unrecorded = true
			s.Secrets[0].Spec.Labels = map[string]string{labelSecret: "key"}
		}, []Difference{
			{Code: CodeSecretsUnrecorded, Kind: "secret", Name: secretsRecord}}},
		"no record, and none stored": {func(_ *Release, s *State) { s.Unrecorded = true }, nil},
		"down": {node(func(n *swarm.Node) { n.Status.State = swarm.NodeStateDown }), []Difference{
			{CodeNodeDown, "node", "aver-worker-1", "", "ready", "down", ""}}},
		"drained": {node(func(n *swarm.Node) { n.Spec.Availability = swarm.NodeAvailabilityDrain }), []Difference{
			{CodeNodeAvailability, "node", "aver-worker-1", "", "active", "drain", ""}}},
		"held": {node(func(n *swarm.Node) {
			n.Spec.Availability, n.Spec.Labels = swarm.NodeAvailabilityDrain, map[string]string{labelHold: "disk"}
		}), nil},
		"left drained by a run that died": {node(func(n *swarm.Node) {
			n.Spec.Availability, n.Spec.Labels = swarm.NodeAvailabilityDrain, map[string]string{labelHold: holdLeaving}
		}), []Difference{
			{CodeNodeLeaving, "node", "aver-worker-1", "", "active", "drain", ""}}},
		"full": {node(func(n *swarm.Node) { n.Description.Engine.Labels = map[string]string{labelDisk: "93"} }), []Difference{
			{CodeNodeDisk, "node", "aver-worker-1", "", "", "93", ""}}},
		"full and down": {node(func(n *swarm.Node) {
			n.Status.State, n.Description.Engine.Labels = swarm.NodeStateDown, map[string]string{labelDisk: "93"}
		}), []Difference{
			{CodeNodeDown, "node", "aver-worker-1", "", "ready", "down", ""}}},
		"labels": {node(func(n *swarm.Node) { n.Spec.Labels = map[string]string{labelRole: "manager"} }), []Difference{
			{CodeNodeLabel, "node", "aver-worker-1", labelNode, "aver-worker-1", "", ""},
			{CodeNodeLabel, "node", "aver-worker-1", labelRole, "worker", "manager", ""}}},
	} {
		r, s := inSync()
		c.change(r, &s)
		got := Differences(r, s)
		for i := range got {
			said[name] += "  " + got[i].Text + "\n"
			got[i].Text = ""
		}
		t.Run(name, func(t *testing.T) {
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, c.want)
			}
		})
	}
	golden.Compare(t, "differences.txt", inWords(said))
}

// inWords is the text of each case, for reading.
func inWords(said map[string]string) string {
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(said)) {
		all.WriteString(name + "\n" + said[name])
	}
	return all.String()
}

// No difference and no change contains anything that may be secret, whatever differs.
func TestDifferencesShowNoSecrets(t *testing.T) {
	r, s := inSync()
	spec := &s.Services[0].Spec
	c := spec.TaskTemplate.ContainerSpec
	c.Env, c.Command, c.Args = []string{"PASSWORD=geheim"}, []string{"geheim"}, []string{"--password", "geheim"}
	c.Healthcheck = aHealthcheck("geheim")
	c.Labels["auth"], spec.Labels["auth"] = "geheim", "geheim"
	spec.TaskTemplate.LogDriver = &swarm.Driver{Name: "splunk", Options: map[string]string{"splunk-token": "geheim"}}
	c.Mounts[0].VolumeOptions = driver("local", map[string]string{"o": "password=geheim"})
	shown := canonical(Differences(r, s)) + canonical(Changes(r, stackfile.Specs{Services: map[string]swarm.ServiceSpec{"aver_api": *spec}})) +
		canonical(Changes(nil, stackfile.Specs{Services: map[string]swarm.ServiceSpec{"aver_api": *spec}})) +
		canonical(Guard(ScopeImages, announced{Specs: r.Specs}, stackfile.Specs{Services: map[string]swarm.ServiceSpec{"aver_api": *spec}}))
	for _, value := range []string{"geheim", "hunter2"} {
		if strings.Contains(shown, value) {
			t.Errorf("%s is shown: %s", value, shown)
		}
	}
	for _, name := range []string{"variable PASSWORD", "command", "entrypoint", "healthcheck test", "label auth", "logging option splunk-token", "volume /data"} {
		if !strings.Contains(shown, name) {
			t.Errorf("%s is not named", name)
		}
	}
}

func TestWithoutAReleaseOnlyTheNodesCount(t *testing.T) {
	_, s := inSync()
	s.Nodes[1].Spec.Availability = swarm.NodeAvailabilityPause
	if got := Differences(nil, s); len(got) != 1 || got[0] != (Difference{CodeNodeAvailability, "node", "aver-manager", "", "active", "pause", got[0].Text}) {
		t.Errorf("got %+v", got)
	}
}
