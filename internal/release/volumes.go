package release

import (
	"maps"
	"slices"

	"github.com/docker/docker/api/types/mount"

	"averazure/internal/stackfile"
)

// volumeChanges are volumes whose options or labels a file changes. Docker silently ignores
// such a change: a node keeps a volume as it was first made there.
func volumeChanges(was, is stackfile.Specs) []Change {
	before, after := describedVolumes(was), describedVolumes(is)
	var found []Change
	for _, name := range slices.Sorted(maps.Keys(after)) {
		old, had := before[name]
		if !had || sameJSON(old, after[name]) {
			continue
		}
		c := Change{Kind: "volume", Name: name, Code: CodeChanged}
		found = append(found, c.say(name, "other options or labels, which Docker only gives to a new volume; give it another name in the stack file, or remove it on each node that has it (docker volume rm %s) before the deployment", name))
	}
	return found
}

// describedVolumes are the volumes that services mount by name, as they describe them.
func describedVolumes(specs stackfile.Specs) map[string]mount.VolumeOptions {
	found := map[string]mount.VolumeOptions{}
	for _, name := range slices.Sorted(maps.Keys(specs.Services)) {
		container := specs.Services[name].TaskTemplate.ContainerSpec
		if container == nil {
			continue
		}
		for _, m := range container.Mounts {
			if m.Type != mount.TypeVolume || m.Source == "" {
				continue
			}
			var options mount.VolumeOptions
			if m.VolumeOptions != nil {
				options = *m.VolumeOptions
			}
			options.NoCopy, options.Subpath = false, "" // they belong to the mount
			found[m.Source] = options
		}
	}
	return found
}
