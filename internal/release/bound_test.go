package release

import (
	"slices"
	"testing"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/swarm"
)

// bindTo binds a service to nodes and has it mount something.
func bindTo(constraint string, mounts ...mount.Mount) func(*swarm.ServiceSpec) {
	return func(spec *swarm.ServiceSpec) {
		spec.TaskTemplate.Placement = &swarm.Placement{Constraints: []string{constraint}}
		spec.TaskTemplate.ContainerSpec.Mounts = mounts
	}
}

func volumeOf(driver string, options ...string) mount.Mount {
	m := mount.Mount{Type: mount.TypeVolume, Source: "data"}
	if driver != "" {
		m.VolumeOptions = &mount.VolumeOptions{DriverConfig: &mount.Driver{Name: driver, Options: map[string]string{}}}
		for _, kind := range options {
			m.VolumeOptions.DriverConfig.Options["type"] = kind
		}
	}
	return m
}

func TestLocalDataIsWhatANodeTakesAlong(t *testing.T) {
	for name, test := range map[string]struct {
		mount mount.Mount
		want  string
	}{
		"a named volume":         {volumeOf(""), "volume data"},
		"of the local driver":    {volumeOf("local"), "volume data"},
		"a directory by volume":  {volumeOf("local", "none"), "volume data"},
		"a share":                {volumeOf("local", "nfs"), ""},
		"in memory":              {volumeOf("local", "tmpfs"), ""},
		"of a plugin":            {volumeOf("rexray"), ""},
		"without a name":         {mount.Mount{Type: mount.TypeVolume, Target: "/data"}, ""},
		"a directory":            {mount.Mount{Type: mount.TypeBind, Source: "/srv/data"}, "directory /srv/data"},
		"one that is only read":  {mount.Mount{Type: mount.TypeBind, Source: "/etc/ssl", ReadOnly: true}, ""},
		"Docker's socket":        {mount.Mount{Type: mount.TypeBind, Source: "/var/run/docker.sock"}, ""},
		"a name that begins so":  {mount.Mount{Type: mount.TypeBind, Source: "/runner"}, "directory /runner"},
		"a temporary filesystem": {mount.Mount{Type: mount.TypeTmpfs, Target: "/data"}, ""},
	} {
		data := localData(aSpec(bindTo("node.role==worker", test.mount)))
		if got := append(data, "")[0]; got != test.want {
			t.Errorf("%s: %q, want %q", name, data, test.want)
		}
	}
}

func TestServicesAreBoundByTheirConstraints(t *testing.T) {
	m := newMemory("manager", "worker-1", "worker-2")
	m.node(t, "worker-2").Spec.Labels["disk"] = "fast"
	m.node(t, "worker-2").Status.State = swarm.NodeStateDown // its data are still there
	for constraint, want := range map[string][]string{
		"node.hostname == worker-1": {"worker-1"},
		"node.id==id-worker-1":      {"worker-1"},
		"node.labels.disk == fast":  {"worker-2"},
		"node.role == worker":       {"worker-1", "worker-2"},
		"node.hostname==elsewhere":  nil,
	} {
		found := boundServices([]swarm.Service{{Spec: aSpec(bindTo(constraint, volumeOf("")))}}, nil, m.nodes)
		var got []string
		for _, one := range found {
			got = one.Nodes
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", constraint, got, want)
		}
	}
	stateless, free := aSpec(bindTo("node.role==worker")), aSpec(bindTo("", volumeOf("")))
	free.TaskTemplate.Placement = nil
	services := []swarm.Service{{ID: "none", Spec: stateless}, {ID: "free", Spec: free}}
	if found := boundServices(services, nil, m.nodes); found == nil || len(found) > 0 {
		t.Errorf("without data, and without tasks: %#v", found)
	}
	var tasks []swarm.Task
	for _, id := range []string{"none", "free"} { // a service without constraints is bound to where its tasks run
		tasks = append(tasks, swarm.Task{ServiceID: id, NodeID: "id-worker-1", DesiredState: swarm.TaskStateRunning, Status: swarm.TaskStatus{State: swarm.TaskStateRunning}},
			swarm.Task{ServiceID: id, NodeID: "id-worker-2", DesiredState: swarm.TaskStateShutdown, Status: swarm.TaskStatus{State: swarm.TaskStateRunning}})
	}
	if found := boundServices(services, tasks, m.nodes); len(found) != 1 || !slices.Equal(found[0].Nodes, []string{"worker-1"}) || len(found[0].Constraints) > 0 {
		t.Errorf("without constraints: %#v", found)
	}
}

// Status also lists the bound services of other stacks: removing a node removes their data,
// too.
func TestStatusNamesBoundServicesOfAllStacks(t *testing.T) {
	m := newMemory("manager", "worker-1")
	d := newDeployer(t, m)
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	other := serviceOf("other", "db", "run:1", bindTo("node.hostname==worker-1", volumeOf("")))
	if _, err := m.ServiceCreate(t.Context(), other, swarm.ServiceCreateOptions{}); err != nil {
		t.Fatal(err)
	}
	status, err := d.Status(t.Context(), "shop")
	if err != nil || len(status.Bound) != 1 || status.Bound[0].Name != "other_db" {
		t.Errorf("%+v, %v", status.Bound, err)
	}
}
