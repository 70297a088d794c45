package release

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// The labels of a pause.
const (
	labelPaused = "averazure.paused" // its stack
	labelWhy    = "averazure.why"
)

// Paused says until when a stack is left as it is, and why.
type Paused struct {
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

// Pause keeps healing off a stack for a time. It replaces an existing pause.
func (d *Deployer) Pause(ctx context.Context, stack string, length time.Duration, why string) error {
	if err := d.known(ctx, stack); err != nil {
		return err
	}
	labels := map[string]string{labelPaused: stack, labelWhy: why, labelUntil: strconv.FormatInt(d.now().Add(length).Unix(), 10)}
	former, err := d.labelled(ctx, labelPaused+"="+stack)
	if err != nil {
		return err
	}
	if len(former) == 0 {
		return d.createConfig(ctx, configOf(stack+"-paused", labels, []byte("paused")))
	}
	spec := former[0].Spec
	spec.Labels = labels
	return d.once(ctx, func(ctx context.Context) error {
		return d.Swarm.ConfigUpdate(ctx, former[0].ID, former[0].Version, spec)
	})
}

// Resume ends a pause.
func (d *Deployer) Resume(ctx context.Context, stack string) error {
	configs, err := d.labelled(ctx, labelPaused+"="+stack)
	for _, config := range configs {
		err = errors.Join(err, d.removeConfig(ctx, config.Spec.Name, config.ID))
	}
	return err
}

// paused is the stack's pause; nil if there is none or it is over.
func (d *Reader) paused(ctx context.Context, stack string) (*Paused, error) {
	configs, err := d.labelled(ctx, labelPaused+"="+stack)
	return d.pauseOf(stack, configs), err
}

// pauseOf picks a stack's pause out of several.
func (d *Reader) pauseOf(stack string, configs []swarm.Config) *Paused {
	for _, config := range configs {
		until, _ := strconv.ParseInt(config.Spec.Labels[labelUntil], 10, 64)
		p := Paused{time.Unix(until, 0).UTC(), config.Spec.Labels[labelWhy]}
		if config.Spec.Labels[labelPaused] == stack && p.Until.After(d.now()) {
			return &p
		}
	}
	return nil
}
