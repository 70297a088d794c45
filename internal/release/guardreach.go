package release

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// checkVolumes refuses mounts that are neither a plain volume of the stack nor memory.
func checkVolumes(c asking) []refusal {
	mounts, _ := c.value.Interface().([]mount.Mount)
	former, _ := c.former.Interface().([]mount.Mount)
	var found []refusal
	for _, m := range mounts {
		if slices.ContainsFunc(former, func(f mount.Mount) bool { return reflect.DeepEqual(f, m) }) {
			continue
		}
		why := beyondVolume(m)
		mounted := slices.ContainsFunc(former, func(f mount.Mount) bool { return f.Type == m.Type && f.Source == m.Source })
		switch {
		case why != "":
		case m.Source == "" || mounted && !c.g.specialVolumes[m.Source]:
		case c.g.specialVolumes[m.Source]:
			why = "the volume belongs to a service that reaches out of its container"
		case !strings.HasPrefix(m.Source, c.g.stack+"_"):
			why = "the volume was made elsewhere (external, or with a name of its own)"
		}
		if why != "" {
			found = append(found, c.no(m.Target, "%s", why)...)
		}
	}
	return found
}

// beyondVolume tells in which way a mount is more than a plain volume or memory. It removes
// everything that is known to be harmless; anything left is refused.
func beyondVolume(m mount.Mount) string {
	rest := tidy(reflect.ValueOf(m)).Interface().(mount.Mount)
	rest.Target, rest.ReadOnly, rest.Consistency = "", false, ""
	switch {
	case m.Type == mount.TypeTmpfs && m.Source == "":
		rest.Type = ""
		if rest.TmpfsOptions != nil {
			rest.TmpfsOptions.SizeBytes, rest.TmpfsOptions.Mode = 0, 0
			rest.TmpfsOptions = unlessEmpty(rest.TmpfsOptions)
		}
	case m.Type == mount.TypeVolume && (m.Source == "" || volumeName.MatchString(m.Source)):
		rest.Type, rest.Source = "", ""
		if o := rest.VolumeOptions; o != nil {
			o.NoCopy, o.Labels, o.Subpath = false, nil, ""
			if o.DriverConfig != nil && o.DriverConfig.Name == "local" {
				o.DriverConfig.Name = ""
				o.DriverConfig = unlessEmpty(o.DriverConfig)
			}
			rest.VolumeOptions = unlessEmpty(o)
		}
	case m.Type == mount.TypeVolume:
		return "its name is not a valid volume name: " + excerpt(m.Source, 60)
	case m.Type == mount.TypeBind || m.Type == "":
		return "it mounts a path of the node: " + excerpt(m.Source, 60)
	default:
		return "a mount of type " + string(m.Type)
	}
	if rest.VolumeOptions != nil && rest.VolumeOptions.DriverConfig != nil {
		return "the volume has a driver or driver options, so it may be any directory or device of the node"
	}
	if !reflect.ValueOf(rest).IsZero() {
		return "it has unknown options"
	}
	return ""
}

// checkJoined refuses networks that are not the stack's own overlays, or others
// that the trusted file already names.
func checkJoined(c asking) []refusal {
	list, _ := c.value.Interface().([]swarm.NetworkAttachmentConfig)
	former, _ := c.former.Interface().([]swarm.NetworkAttachmentConfig)
	var found []refusal
	for _, n := range list {
		if slices.ContainsFunc(former, func(f swarm.NetworkAttachmentConfig) bool {
			f.Aliases = n.Aliases
			return reflect.DeepEqual(f, n)
		}) {
			continue
		}
		_, own := c.g.asked.Networks[n.Target]
		own = own && strings.HasPrefix(n.Target, c.g.stack+"_")
		rest := n
		rest.Target, rest.Aliases = "", nil
		switch {
		case !reflect.ValueOf(rest).IsZero():
			found = append(found, c.no(n.Target, "it has driver options")...)
		case slices.Contains(nodeNetworks, n.Target) || c.g.specialNetworks[n.Target]:
			found = append(found, c.no(n.Target, "it is the node's own network, not an overlay")...)
		case !own && !slices.Contains(c.g.trusted.External, n.Target):
			found = append(found, c.no(n.Target, "it was made elsewhere, and no file that `pulumi up` deployed names it")...)
		}
	}
	return found
}

// beyondOverlay tells in which way a network is more than an overlay between containers.
func beyondOverlay(options network.CreateOptions) string {
	rest := tidy(reflect.ValueOf(options)).Interface().(network.CreateOptions)
	rest.Labels, rest.Internal, rest.Attachable = nil, false, false
	if rest.Driver == defaultDriver {
		rest.Driver = ""
	}
	for _, option := range harmlessNetOptions {
		delete(rest.Options, option)
	}
	if len(rest.Options) == 0 {
		rest.Options = nil
	}
	if rest.IPAM != nil {
		rest.IPAM = beyondSubnets(rest.IPAM)
	}
	v := reflect.ValueOf(rest)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			return strings.ToLower(v.Type().Field(i).Name)
		}
	}
	return ""
}

// beyondSubnets is what a network sets for its addresses in addition to plain subnets; nil
// if nothing.
func beyondSubnets(ipam *network.IPAM) *network.IPAM {
	for i := range ipam.Config {
		ipam.Config[i].Subnet = ""
	}
	ipam.Config = slices.DeleteFunc(ipam.Config, func(c network.IPAMConfig) bool { return reflect.ValueOf(c).IsZero() })
	if len(ipam.Config) == 0 {
		ipam.Config = nil
	}
	if ipam.Driver == "default" {
		ipam.Driver = ""
	}
	return unlessEmpty(ipam)
}

// specialVolumes are the volumes that reach out of a container because of their options in
// a file.
func specialVolumes(specs stackfile.Specs) []string {
	found := map[string]bool{}
	for _, spec := range specs.Services {
		if c := spec.TaskTemplate.ContainerSpec; c != nil {
			for _, m := range c.Mounts {
				if m.Type == mount.TypeVolume && m.Source != "" && beyondVolume(m) != "" {
					found[m.Source] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// addShared adds the plain volumes of services that reach out of their containers: another
// service that writes into such a volume controls them. So the services that share one
// count as reaching out as well, and so on.
func (g *guard) addShared() {
	for before := -1; before < len(g.specialVolumes); {
		before = len(g.specialVolumes)
		for _, spec := range g.trusted.Services {
			if g.reach(spec) != "" {
				for _, name := range volumes(spec) {
					g.specialVolumes[name] = true
				}
			}
		}
	}
}

// reach names the first thing by which a service reaches out of its container.
func (g *guard) reach(spec swarm.ServiceSpec) string {
	c := spec.TaskTemplate.ContainerSpec
	switch {
	case c == nil:
		return ""
	case len(c.CapabilityAdd) > 0:
		return "cap_add"
	case c.Privileges != nil:
		return "security options"
	}
	for _, m := range c.Mounts {
		if g.leadsOut(m) {
			return mountSource(m)
		}
	}
	for _, n := range spec.TaskTemplate.Networks {
		if slices.Contains(nodeNetworks, n.Target) || g.specialNetworks[n.Target] {
			return "network " + n.Target
		}
	}
	return ""
}

// leadsOut tells whether a service reaches out of its container by a mount.
func (g *guard) leadsOut(m mount.Mount) bool {
	if g.specialVolumes[m.Source] {
		return true
	}
	if m.Type == mount.TypeVolume {
		m.Source = "" // a template in its name does not lead out
	}
	return beyondVolume(m) != ""
}
