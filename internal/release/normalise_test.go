package release

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/swarm"
)

func ptr[T any](v T) *T { return &v }

// aSpec is a service as the converter makes it of a stack file.
func aSpec(changes ...func(*swarm.ServiceSpec)) swarm.ServiceSpec {
	spec := swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: "aver_api", Labels: map[string]string{"com.docker.stack.namespace": "aver", imageLabel: "ghcr.io/org/api:1"}},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{
				Image:      "ghcr.io/org/api:1@sha256:" + strings.Repeat("aa", 32),
				Labels:     map[string]string{"com.docker.stack.namespace": "aver"},
				Env:        []string{"LEVEL=info", "PASSWORD=hunter2"},
				Privileges: &swarm.Privileges{},
				Secrets:    []*swarm.SecretReference{{SecretName: "key-1", File: &swarm.SecretReferenceFileTarget{Name: "key", UID: "0", GID: "0", Mode: 0o444}}},
				Mounts:     []mount.Mount{{Type: mount.TypeVolume, Source: "aver_data", Target: "/data", VolumeOptions: &mount.VolumeOptions{}}},
				Ulimits:    []*container.Ulimit{},
			},
			Resources: &swarm.ResourceRequirements{},
			Placement: &swarm.Placement{},
			Networks:  []swarm.NetworkAttachmentConfig{{Target: "aver_default", Aliases: []string{"api", "aver_api"}}},
		},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: ptr(uint64(2))}},
		EndpointSpec: &swarm.EndpointSpec{Ports: []swarm.PortConfig{{TargetPort: 9090, PublishedPort: 9090}}},
	}
	for _, change := range changes {
		change(&spec)
	}
	return spec
}

func TestSameSpec(t *testing.T) {
	for name, c := range map[string]struct {
		same   bool
		change func(*swarm.ServiceSpec)
	}{
		"forced":        {true, func(s *swarm.ServiceSpec) { s.TaskTemplate.ForceUpdate = 7 }},
		"platforms":     {true, func(s *swarm.ServiceSpec) { s.TaskTemplate.Placement.Platforms = []swarm.Platform{{OS: "linux"}} }},
		"image label":   {true, func(s *swarm.ServiceSpec) { delete(s.Labels, imageLabel) }},
		"nil for empty": {true, func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Ulimits = nil }},
		"no privileges": {true, func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Privileges = nil }},
		"no placement":  {true, func(s *swarm.ServiceSpec) { s.TaskTemplate.Placement = nil }},
		"runtime":       {true, func(s *swarm.ServiceSpec) { s.TaskTemplate.Runtime = swarm.RuntimeContainer }},
		"isolation":     {true, func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Isolation = container.IsolationDefault }},
		"grace":         {true, func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.StopGracePeriod = ptr(10 * time.Second) }},
		"vip, tcp, ingress": {true, func(s *swarm.ServiceSpec) {
			s.EndpointSpec.Mode = "vip"
			s.EndpointSpec.Ports[0].Protocol = "tcp"
			s.EndpointSpec.Ports[0].PublishMode = "ingress"
		}},
		"order of variables": {true, func(s *swarm.ServiceSpec) {
			s.TaskTemplate.ContainerSpec.Env = []string{"PASSWORD=hunter2", "LEVEL=info"}
		}},
		"order of aliases": {true, func(s *swarm.ServiceSpec) { s.TaskTemplate.Networks[0].Aliases = []string{"aver_api", "api"} }},
		"update defaults": {true, func(s *swarm.ServiceSpec) {
			s.UpdateConfig = &swarm.UpdateConfig{Parallelism: 1, Order: "stop-first", FailureAction: "pause"}
		}},
		"restart defaults": {true, func(s *swarm.ServiceSpec) {
			s.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{MaxAttempts: ptr(uint64(0))}
		}},
		"seccomp default": {true, func(s *swarm.ServiceSpec) {
			s.TaskTemplate.ContainerSpec.Privileges.Seccomp = &swarm.SeccompOpts{Mode: "default"}
		}},

		"replicas":    {false, func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = ptr(uint64(0)) }},
		"global":      {false, func(s *swarm.ServiceSpec) { s.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}} }},
		"unlimited":   {false, func(s *swarm.ServiceSpec) { s.UpdateConfig = &swarm.UpdateConfig{} }},
		"image":       {false, func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Image += "b" }},
		"value":       {false, func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Env[1] = "PASSWORD=other" }},
		"other label": {false, func(s *swarm.ServiceSpec) { s.Labels["x"] = "y" }},
		"init off":    {false, func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Init = ptr(false) }},
		"condition":   {false, func(s *swarm.ServiceSpec) { s.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: "none"} }},
		"seccomp off": {false, func(s *swarm.ServiceSpec) {
			s.TaskTemplate.ContainerSpec.Privileges.Seccomp = &swarm.SeccompOpts{Mode: "unconfined"}
		}},
		"order of args":   {false, func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Args = []string{"b", "a"} }},
		"another network": {false, func(s *swarm.ServiceSpec) { s.TaskTemplate.Networks[0].Target = "other" }},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SameSpec(aSpec(), aSpec(c.change)); got != c.same {
				t.Errorf("SameSpec is %v", got)
			}
		})
	}
}

// A mode without a number means one replica, and so does a missing mode.
func TestNormaliseFillsTheModeIn(t *testing.T) {
	one := Normalise(aSpec(func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = ptr(uint64(1)) }))
	for _, mode := range []swarm.ServiceMode{{}, {Replicated: &swarm.ReplicatedService{}}} {
		if got := Normalise(aSpec(func(s *swarm.ServiceSpec) { s.Mode = mode })); !reflect.DeepEqual(got, one) {
			t.Errorf("%+v is not one replica", mode)
		}
	}
	job := Normalise(aSpec(func(s *swarm.ServiceSpec) { s.Mode = swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{}} }))
	if j := job.Mode.ReplicatedJob; *j.MaxConcurrent != 1 || *j.TotalCompletions != 1 || job.Mode.Replicated != nil {
		t.Errorf("got %+v", job.Mode)
	}
	if global := Normalise(aSpec(func(s *swarm.ServiceSpec) { s.Mode = swarm.ServiceMode{GlobalJob: &swarm.GlobalJob{}} })); global.Mode.GlobalJob == nil {
		t.Error("a global job lost its mode")
	}
}

// Normalising does not change its input. Doing it twice gives the same result, and so does
// storing the result in between.
func TestNormaliseCopies(t *testing.T) {
	spec := aSpec()
	once := Normalise(spec)
	if !reflect.DeepEqual(spec, aSpec()) {
		t.Error("the spec that was given has changed")
	}
	once.TaskTemplate.ContainerSpec.Env[0] = "LEVEL=changed"
	once.TaskTemplate.ContainerSpec.Secrets[0].File.Name = "changed"
	if !reflect.DeepEqual(spec, aSpec()) {
		t.Error("the copy shares memory with what was given")
	}
	once = Normalise(spec)
	data, err := json.Marshal(once)
	if err != nil {
		t.Fatal(err)
	}
	var stored swarm.ServiceSpec
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(once, Normalise(once)) || !reflect.DeepEqual(once, Normalise(stored)) {
		t.Error("normalising again gives something else")
	}
}
