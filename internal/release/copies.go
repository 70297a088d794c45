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

// A release names its configs. What is in those that were made from files stands in a copy
// of each, so that one that somebody removes by hand can be made again. A copy goes with the
// last release that names its config. It has the data as it is, so it is no larger than the
// config, and it does not have the stack's own label: `docker stack rm` leaves it.
const (
	labelCopy = "averazure.copy" // of a copy: its stack
	labelSpec = "averazure.spec" // the config that it is of, as JSON, without the data
)

// copyOf is the copy of a config.
func copyOf(stack string, config swarm.ConfigSpec) (swarm.ConfigSpec, error) {
	data := config.Data
	config.Data = nil
	text, err := json.Marshal(config)
	labels := map[string]string{labelCopy: stack, labelSpec: string(text)}
	return configOf(copyName(config.Name), labels, data), err
}

// copyName is short: Docker takes 64 characters.
func copyName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return stackfile.Version("averazure-copy", sum[:])
}

// original is the config that a copy is of.
func original(copy swarm.Config) (swarm.ConfigSpec, error) {
	var spec swarm.ConfigSpec
	if err := json.Unmarshal([]byte(copy.Spec.Labels[labelSpec]), &spec); err != nil {
		return spec, fmt.Errorf("the config %s cannot be read: %w; `docker config rm %s` removes it", copy.Spec.Name, err, copy.Spec.Name)
	}
	spec.Data = copy.Spec.Data
	return spec, nil
}

// copies are those of the stack's configs.
func (w *work) copies(ctx context.Context) ([]swarm.Config, error) {
	return w.labelled(ctx, labelCopy+"="+w.stack)
}

// secured makes a config that a service wants, where it is gone, from its copy; and its copy,
// where that is gone. It returns the list of all configs as it is then.
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
		err = wanted // somebody removes them at this moment
	}
	return list, err
}

// isFromFile tells a config that was made from a file of the stack.
func (w *work) isFromFile(config swarm.Config) bool {
	labels := config.Spec.Labels
	return labels[stackfile.LabelFile] != "" && labels[labelNamespace] == w.stack
}

// configAt is where a list has the config of a name; -1 is nowhere.
func configAt(list []swarm.Config, name string) int {
	return slices.IndexFunc(list, func(have swarm.Config) bool { return have.Spec.Name == name })
}
