package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// Snapshot is what stackctl and the stacks' files left in a Swarm: enough to deploy every
// release again in another Swarm. It does not contain the values of secrets, which Docker
// gives to nobody: `pulumi up` and stack-repo's files have them.
type Snapshot struct {
	Time time.Time `json:"time"`
	Host string    `json:"host"`
	// Configs are the releases, the records against which the deploy key is measured, the
	// values of variables, and the configs made from stack files and by hand.
	Configs []swarm.ConfigSpec `json:"configs"`
	// Secrets are the names and labels of the secrets.
	Secrets []swarm.Annotations `json:"secrets"`
}

// Snapshot reads the Swarm. It leaves out configs that only matter at the moment, and
// copies, which a release gets again as soon as it comes up, and the files of shared volumes.
func (d *Reader) Snapshot(ctx context.Context) (Snapshot, error) {
	s := Snapshot{Time: d.now().UTC().Truncate(time.Second), Host: d.Host}
	configs, err := d.labelled(ctx, "")
	if err != nil {
		return s, err
	}
	for _, config := range configs {
		if labels := config.Spec.Labels; labels[labelHolder] == "" && labels[labelPaused] == "" && labels[labelBackedUp] == "" && labels[labelCopy] == "" && labels[labelShared] == "" {
			s.Configs = append(s.Configs, config.Spec)
		}
	}
	secrets, err := d.secrets(ctx)
	for _, secret := range secrets {
		s.Secrets = append(s.Secrets, secret.Spec.Annotations)
	}
	return s, err
}

// Stacks are the stacks that have a release in the snapshot.
func (s Snapshot) Stacks() []string {
	names := map[string]bool{}
	for _, config := range s.Configs {
		if config.Labels[labelRelease] != "" {
			names[config.Labels[labelStack]] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// last is a stack's newest release in the snapshot; nil if there is none.
func (s Snapshot) last(stack string) (*Release, error) {
	var configs []swarm.Config
	for _, spec := range s.Configs {
		if spec.Labels[labelStack] == stack && spec.Labels[labelRelease] != "" {
			configs = append(configs, swarm.Config{Spec: spec})
		}
	}
	kept, _ := standing(configs)
	if len(kept) == 0 {
		return nil, nil
	}
	r, err := readRelease(kept[len(kept)-1])
	return &r, err
}

// ByRestore made a release that was brought from a backup.
const ByRestore = "restore"

// Restoration is what a stack is to get back.
type Restoration struct {
	Snapshot Snapshot
	// Volumes are filled by Fill while no service uses them.
	Volumes []string
	Fill    func(ctx context.Context) error
}

// Restore brings back the newest release that a snapshot has of a stack, and the content of
// volumes. The volumes are filled while the services that use them are stopped. If that
// fails, what ran before runs again.
func (d *Deployer) Restore(ctx context.Context, stack string, from Restoration) Result {
	target, err := from.Snapshot.last(stack)
	if err == nil && target == nil {
		err = fmt.Errorf("the backup has no release of stack %s", stack)
	}
	if err != nil {
		result := refuse("no-release", err)
		result.Stack = stack
		return result
	}
	return d.change(ctx, stack, d.Settings.Queue, func(ctx context.Context, w *work) Result {
		return w.restore(ctx, *target, from)
	})
}

func (w *work) restore(ctx context.Context, target Release, from Restoration) Result {
	want := wanted{specs: target.Specs, secrets: target.Secrets, release: Release{
		From: target.From, By: ByRestore, Revision: target.Revision, Actor: target.Actor, Token: target.Token}}
	if last := w.history.last(); last != nil {
		want.release.Token = last.Token
	}
	if err := w.bring(ctx, from.Snapshot, target); err != nil {
		return w.fail("docker", err)
	}
	if _, err := w.prepare(ctx, want); err != nil { // before anything is stopped
		return w.refuseOrFail(err)
	}
	w.say("%s: restoring release %d of %s", w.stack, target.Number, from.Snapshot.Time.Format(time.RFC3339))
	if len(from.Volumes) > 0 {
		if err := w.refill(ctx, from); err != nil {
			problems := []Problem{problemOf(err)}
			w.explain(problems)
			if !w.changed {
				return Result{Outcome: Failed, Problems: problems, Verdict: fmt.Sprintf("%s: not restored: %v", w.stack, err)}
			}
			return w.putBack(ctx, problems)
		}
		w.began = w.now() // however long the volumes took, the services have their full time
	}
	return w.bringUp(ctx, want)
}

// used are the configs of a snapshot that a release names.
func (s Snapshot) used(r Release) []swarm.ConfigSpec {
	var found []swarm.ConfigSpec
	for _, service := range r.Specs.Services {
		if service.TaskTemplate.ContainerSpec == nil {
			continue
		}
		for _, ref := range service.TaskTemplate.ContainerSpec.Configs {
			at := slices.IndexFunc(s.Configs, func(c swarm.ConfigSpec) bool { return c.Name == ref.ConfigName })
			if at >= 0 && !slices.ContainsFunc(found, func(c swarm.ConfigSpec) bool { return c.Name == ref.ConfigName }) {
				found = append(found, s.Configs[at])
			}
		}
	}
	return found
}

// bring creates the configs that a release names. If `pulumi up` has not announced the
// stack, it also creates the record against which the deploy key is measured, and the
// values of variables. An existing config with the same name is kept.
func (w *work) bring(ctx context.Context, s Snapshot, r Release) error {
	wanted := s.used(r)
	for _, label := range []string{labelTrusted, labelVariables} {
		there, err := w.labelled(ctx, label+"="+w.stack)
		if err != nil {
			return err
		}
		for _, spec := range s.Configs {
			if len(there) == 0 && spec.Labels[label] == w.stack {
				wanted = append(wanted, spec)
			}
		}
	}
	for _, spec := range wanted {
		if err := w.createConfig(ctx, spec); err != nil && !conflict(err) {
			return err
		}
	}
	return nil
}

// refill has the volumes filled while nothing uses them.
func (w *work) refill(ctx context.Context, from Restoration) error {
	stopped, err := w.usersOf(ctx, from.Volumes)
	if err != nil {
		return err
	}
	for _, id := range stopped {
		w.changed = true
		if err := w.update(ctx, id, still); err != nil {
			return err
		}
	}
	err = w.wait(ctx, "the services that use the volumes stand still", func(ctx context.Context) (bool, error) {
		occupied, err := w.occupied(ctx, func(t swarm.Task) bool { return slices.Contains(stopped, t.ServiceID) })
		return err == nil && !occupied, err
	})
	if err == nil {
		err = from.Fill(ctx)
	}
	return errors.Join(err, context.Cause(ctx))
}

// usersOf are the stack's services that use the volumes, by their ids. It is an error if
// any other service uses one.
func (w *work) usersOf(ctx context.Context, restored []string) ([]string, error) {
	all, err := w.services(ctx, "")
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, service := range all {
		if !slices.ContainsFunc(volumes(service.Spec), func(name string) bool { return slices.Contains(restored, name) }) {
			continue
		}
		if service.Spec.Labels[labelNamespace] != w.stack {
			return nil, fmt.Errorf("service %s, which is not of stack %s, uses a volume that is to be restored; stop it first", service.Spec.Name, w.stack)
		}
		ids = append(ids, service.ID)
	}
	return ids, nil
}

// labelStill is a label that no node has.
const labelStill = "averazure.restored"

// still is a service's spec without tasks. A global service has a task wherever it fits, so
// it gets a constraint that no node meets.
func still(spec swarm.ServiceSpec) swarm.ServiceSpec {
	spec = cloneSpec(spec)
	if spec.Mode.Replicated != nil {
		spec.Mode.Replicated.Replicas = new(uint64)
		return spec
	}
	if spec.TaskTemplate.Placement == nil {
		spec.TaskTemplate.Placement = &swarm.Placement{}
	}
	spec.TaskTemplate.Placement.Constraints = append(spec.TaskTemplate.Placement.Constraints, "node.labels."+labelStill+"==never")
	return spec
}
