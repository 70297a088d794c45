package release

import (
	"cmp"
	"context"
	"slices"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// trusted reads the specs that last came from `pulumi up`; nil where the stack was
// never announced.
func (d *Deployer) trusted(ctx context.Context, stack string) (*stackfile.Specs, error) {
	configs, err := d.labelled(ctx, labelTrusted+"="+stack)
	if err != nil || len(configs) == 0 {
		return nil, err
	}
	newest := slices.MaxFunc(configs, func(a, b swarm.Config) int { return cmp.Compare(a.Version.Index, b.Version.Index) })
	specs, err := unpack[stackfile.Specs](newest.Spec.Data)
	return &specs, err
}

// trust notes what the deploy key is measured against.
func (d *Deployer) trust(ctx context.Context, stack string, specs stackfile.Specs) error {
	data, err := pack(specs)
	if err != nil {
		return err
	}
	name := stack + "-trusted-" + digest(data)
	configs, err := d.labelled(ctx, labelTrusted+"="+stack)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(configs, func(c swarm.Config) bool { return c.Spec.Name == name }) {
		if err := d.createConfig(ctx, name, map[string]string{labelTrusted: stack}, data); err != nil {
			return err
		}
	}
	for _, former := range configs {
		if former.Spec.Name != name {
			if err := d.removeConfig(ctx, former.Spec.Name, former.ID); err != nil {
				d.say("%v", err)
			}
		}
	}
	return nil
}
