package release

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// A release names its configs. Each config that was made from a file has a copy with its
// content. If somebody removes the config by hand, it can be made again from the copy. A
// copy is removed with the last release that names its config. It has the same data, so it
// is no larger than the config. It does not have the stack's own label, so `docker stack
// rm` leaves it.
const (
	labelCopy = "averazure.copy" // of a copy: its stack
	labelSpec = "averazure.spec" // the original config as JSON, without the data
)

// copyOf is the copy of a config.
func copyOf(stack string, config swarm.ConfigSpec) (swarm.ConfigSpec, error) {
	data := config.Data
	config.Data = nil
	text, err := json.Marshal(config)
	labels := map[string]string{labelCopy: stack, labelSpec: string(text)}
	return configOf(copyName(config.Name), labels, data), err
}

// copyName is short: Docker allows 64 characters.
func copyName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return stackfile.Version("averazure-copy", sum[:])
}

// original is the config from which a copy was made.
func original(copy swarm.Config) (swarm.ConfigSpec, error) {
	var spec swarm.ConfigSpec
	if err := json.Unmarshal([]byte(copy.Spec.Labels[labelSpec]), &spec); err != nil {
		return spec, fmt.Errorf("the config %s cannot be read: %w; `docker config rm %s` removes it", copy.Spec.Name, err, copy.Spec.Name)
	}
	spec.Data = copy.Spec.Data
	return spec, nil
}

// copies are the copies of the stack's configs.
func (w *work) copies(ctx context.Context) ([]swarm.Config, error) {
	return w.labelled(ctx, labelCopy+"="+w.stack)
}

// secured handles a config that a service needs. If the config is gone, it makes it again
// from its copy; if the copy is gone, it makes the copy again. It returns the list of all
// configs afterwards.
func (w *work) secured(ctx context.Context, list []swarm.Config, wanted missingConfig) ([]swarm.Config, error) {
	at, second := configAt(list, wanted.name), configAt(list, copyName(wanted.name))
	var spec swarm.ConfigSpec
	var err error
	switch {
	case at < 0 && (second < 0 || list[second].Spec.Labels[labelCopy] != w.stack):
		return list, wanted
	case at < 0:
		if spec, err = original(list[second]); err != nil {
			return list, err
		}
		w.say("making the config %s again, which somebody removed", spec.Name)
	case second >= 0 || !w.isFromFile(list[at]):
		return list, nil
	default:
		if spec, err = copyOf(w.stack, list[at].Spec); err != nil {
			return list, err
		}
	}
	if err = w.createConfig(ctx, spec); err == nil {
		list, err = w.labelled(ctx, "")
	}
	if err == nil && configAt(list, wanted.name) < 0 {
		err = wanted // somebody is removing them at this moment
	}
	return list, err
}

// isFromFile tells whether a config was made from a file of the stack.
func (w *work) isFromFile(config swarm.Config) bool {
	labels := config.Spec.Labels
	return labels[stackfile.LabelFile] != "" && labels[labelNamespace] == w.stack
}

// configAt is the index of the config with that name in a list; -1 if it is not there.
func configAt(list []swarm.Config, name string) int {
	return slices.IndexFunc(list, func(have swarm.Config) bool { return have.Spec.Name == name })
}
