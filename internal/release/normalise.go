package release

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/swarm"
)

// imageLabel holds the image as the stack file wrote it, before it became a digest.
const imageLabel = "com.docker.stack.image"

// Swarm's defaults for what a spec does not set (swarmkit, api/defaults/service.go).
const (
	defaultGrace   = 10 * time.Second
	defaultDelay   = 5 * time.Second
	defaultMonitor = 5 * time.Second
)

// SameSpec tells whether two specs mean the same to Swarm.
func SameSpec(a, b swarm.ServiceSpec) bool {
	return reflect.DeepEqual(Normalise(a), Normalise(b))
}

// Normalise returns a copy of a spec without the parts that do not matter for its meaning:
// how often an update was forced, what the registry said about the image's platforms, how
// the image was written before it became a digest, the order of lists in which order has no
// meaning, and whether a default of Docker was written out.
func Normalise(spec swarm.ServiceSpec) swarm.ServiceSpec {
	spec = tidy(reflect.ValueOf(spec)).Interface().(swarm.ServiceSpec)
	delete(spec.Labels, imageLabel)
	if len(spec.Labels) == 0 {
		spec.Labels = nil
	}
	spec.Mode = normaliseMode(spec.Mode)
	spec.UpdateConfig = normaliseUpdate(spec.UpdateConfig)
	spec.RollbackConfig = normaliseUpdate(spec.RollbackConfig)
	spec.EndpointSpec = normaliseEndpoint(spec.EndpointSpec)
	normaliseTask(&spec.TaskTemplate)
	return spec
}

// telling are the structs that mean something even with nothing set.
var telling = map[reflect.Type]bool{
	reflect.TypeFor[swarm.ReplicatedService]():            true,
	reflect.TypeFor[swarm.GlobalService]():                true,
	reflect.TypeFor[swarm.ReplicatedJob]():                true,
	reflect.TypeFor[swarm.GlobalJob]():                    true,
	reflect.TypeFor[swarm.UpdateConfig]():                 true, // no parallelism means all at once
	reflect.TypeFor[swarm.ConfigReferenceRuntimeTarget](): true,
}

// tidy copies a value. Empty lists and maps become nil, and so do pointers to
// structs in which nothing is set, but for the telling ones.
func tidy(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(tidy(v.Field(i)))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		inner := tidy(v.Elem())
		if inner.Kind() != reflect.Struct || telling[inner.Type()] || !inner.IsZero() {
			out.Set(reflect.New(inner.Type()))
			out.Elem().Set(inner)
		}
	case v.Kind() == reflect.Slice && v.Len() > 0:
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(tidy(v.Index(i)))
		}
	case v.Kind() == reflect.Map && v.Len() > 0:
		out.Set(reflect.MakeMap(v.Type()))
		for _, key := range v.MapKeys() {
			out.SetMapIndex(key, tidy(v.MapIndex(key)))
		}
	case v.Kind() != reflect.Pointer && v.Kind() != reflect.Slice && v.Kind() != reflect.Map:
		out.Set(v)
	}
	return out
}

func normaliseMode(mode swarm.ServiceMode) swarm.ServiceMode {
	one := uint64(1)
	if mode.ReplicatedJob != nil {
		job := *mode.ReplicatedJob
		job.MaxConcurrent = cmp.Or(job.MaxConcurrent, &one)
		job.TotalCompletions = cmp.Or(job.TotalCompletions, job.MaxConcurrent)
		mode.ReplicatedJob = &job
	}
	if mode == (swarm.ServiceMode{}) || mode.Replicated != nil && mode.Replicated.Replicas == nil {
		mode.Replicated = &swarm.ReplicatedService{Replicas: &one}
	}
	return mode
}

func normaliseUpdate(update *swarm.UpdateConfig) *swarm.UpdateConfig {
	if update == nil {
		update = &swarm.UpdateConfig{Parallelism: 1}
	}
	update.FailureAction = cmp.Or(update.FailureAction, swarm.UpdateFailureActionPause)
	update.Order = cmp.Or(update.Order, swarm.UpdateOrderStopFirst)
	update.Monitor = cmp.Or(update.Monitor, defaultMonitor)
	return update
}

func normaliseEndpoint(endpoint *swarm.EndpointSpec) *swarm.EndpointSpec {
	if endpoint == nil {
		endpoint = &swarm.EndpointSpec{}
	}
	endpoint.Mode = cmp.Or(endpoint.Mode, swarm.ResolutionModeVIP)
	for i := range endpoint.Ports {
		port := &endpoint.Ports[i]
		port.Protocol = cmp.Or(port.Protocol, swarm.PortConfigProtocolTCP)
		port.PublishMode = cmp.Or(port.PublishMode, swarm.PortConfigPublishModeIngress)
	}
	slices.SortStableFunc(endpoint.Ports, func(a, b swarm.PortConfig) int {
		return cmp.Or(cmp.Compare(a.PublishedPort, b.PublishedPort), cmp.Compare(a.TargetPort, b.TargetPort), cmp.Compare(a.Protocol, b.Protocol))
	})
	return endpoint
}

func normaliseTask(task *swarm.TaskSpec) {
	task.ForceUpdate = 0
	task.Runtime = cmp.Or(task.Runtime, swarm.RuntimeContainer)
	if task.Placement != nil {
		task.Placement.Platforms = nil
		slices.Sort(task.Placement.Constraints)
		task.Placement = unlessEmpty(task.Placement)
	}
	if task.RestartPolicy == nil {
		task.RestartPolicy = &swarm.RestartPolicy{}
	}
	restart := task.RestartPolicy
	restart.Condition = cmp.Or(restart.Condition, swarm.RestartPolicyConditionAny)
	restart.Delay = or(restart.Delay, defaultDelay)
	restart.Window = or(restart.Window, 0)
	restart.MaxAttempts = or(restart.MaxAttempts, 0)
	for i := range task.Networks {
		slices.Sort(task.Networks[i].Aliases)
	}
	slices.SortStableFunc(task.Networks, func(a, b swarm.NetworkAttachmentConfig) int { return cmp.Compare(a.Target, b.Target) })
	if task.ContainerSpec != nil {
		normaliseContainer(task.ContainerSpec)
	}
}

func normaliseContainer(c *swarm.ContainerSpec) {
	c.StopGracePeriod = or(c.StopGracePeriod, defaultGrace)
	if c.Isolation == container.IsolationDefault {
		c.Isolation = container.IsolationEmpty
	}
	if c.Privileges != nil {
		c.Privileges = normalisedPrivileges(c.Privileges)
	}
	for i := range c.Mounts {
		if bind := c.Mounts[i].BindOptions; bind != nil && bind.Propagation == mount.PropagationRPrivate {
			bind.Propagation = ""
			c.Mounts[i].BindOptions = unlessEmpty(bind)
		}
	}
	slices.SortStableFunc(c.Mounts, func(a, b mount.Mount) int { return cmp.Compare(a.Target, b.Target) })
	slices.SortStableFunc(c.Env, func(a, b string) int { return cmp.Compare(variable(a), variable(b)) })
	slices.SortStableFunc(c.Secrets, func(a, b *swarm.SecretReference) int { return cmp.Compare(secretName(a), secretName(b)) })
	slices.SortStableFunc(c.Configs, func(a, b *swarm.ConfigReference) int { return cmp.Compare(configName(a), configName(b)) })
	slices.SortStableFunc(c.Ulimits, func(a, b *container.Ulimit) int { return cmp.Compare(ulimitName(a), ulimitName(b)) })
	slices.Sort(c.CapabilityAdd)
	slices.Sort(c.CapabilityDrop)
}

func normalisedPrivileges(p *swarm.Privileges) *swarm.Privileges {
	if p.Seccomp != nil && p.Seccomp.Mode == swarm.SeccompModeDefault && len(p.Seccomp.Profile) == 0 {
		p.Seccomp = nil
	}
	if p.AppArmor != nil && p.AppArmor.Mode == swarm.AppArmorModeDefault {
		p.AppArmor = nil
	}
	return unlessEmpty(p)
}

// variable is the name in NAME=value.
func variable(env string) string {
	name, _, _ := strings.Cut(env, "=")
	return name
}

func secretName(s *swarm.SecretReference) string {
	if s == nil {
		return ""
	}
	return s.SecretName
}

func configName(c *swarm.ConfigReference) string {
	if c == nil {
		return ""
	}
	return c.ConfigName
}

func ulimitName(u *container.Ulimit) string {
	if u == nil {
		return ""
	}
	return u.Name
}

func or[T any](p *T, otherwise T) *T {
	if p == nil {
		return &otherwise
	}
	return p
}

func unlessEmpty[T any](p *T) *T {
	if reflect.ValueOf(p).Elem().IsZero() {
		return nil
	}
	return p
}
