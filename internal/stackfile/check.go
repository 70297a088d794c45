package stackfile

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/compose/types"

	"averazure/internal/ports"
	"averazure/internal/settings"
)

// serviceNames are those that Swarm accepts; the schema accepts more.
var serviceNames = regexp.MustCompile(`^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$`)

// checker finds what the schema allows but the manager refuses.
type checker struct {
	problems
	model   *types.Config
	mounted int // length of the volumes' definitions, counted once for every mount
}

func (f *File) check() error {
	c := &checker{problems: problems{places: f.places}, model: f.model}
	if len(f.model.Services) == 0 {
		c.add(at("services"), "the file has no services")
	}
	for _, service := range f.model.Services {
		c.service(service)
		c.environment(service)
		c.publishes(f, service)
		c.resources(service)
		c.constraints(service)
		c.volumes(service)
		c.backup(service)
		c.share(service)
	}
	c.portsTwice(f)
	c.networks()
	c.files("secrets", asFiles(f.model.Secrets))
	c.files("configs", asFiles(f.model.Configs))
	return c.err()
}

func (c *checker) service(service types.ServiceConfig) {
	fail := func(key, text string, values ...any) {
		c.add(at("services", service.Name, key), "service %q "+text, append([]any{service.Name}, values...)...)
	}
	if !serviceNames.MatchString(service.Name) {
		fail("", "has a name that Docker refuses: letters, digits, - and _, with a letter or digit first and last")
	}
	if service.Image == "" {
		fail("image", "has no image; docker stack deploy does not build one")
	} else if _, err := reference.ParseAnyReference(service.Image); err != nil {
		fail("image", "has the image %q: %v", service.Image, err)
	}
	for _, name := range slices.Sorted(maps.Keys(service.Networks)) {
		if _, ok := c.model.Networks[name]; !ok && name != "default" {
			fail("networks", "is on the network %q, which the file does not define; %s", name,
				c.orDefine(name, maps.Keys(c.model.Networks), "at the top level, networks: {%s: {}} defines it"))
		}
	}
	for _, secret := range service.Secrets {
		if _, ok := c.model.Secrets[secret.Source]; !ok {
			fail("secrets", "uses the secret %q, which the file does not define; %s", secret.Source,
				c.orDefine(secret.Source, maps.Keys(c.model.Secrets), "at the top level, secrets: {%s: {external: true}} defines one that is stored apart"))
		}
	}
	for _, config := range service.Configs {
		if _, ok := c.model.Configs[config.Source]; !ok {
			fail("configs", "uses the config %q, which the file does not define; %s", config.Source,
				c.orDefine(config.Source, maps.Keys(c.model.Configs), "at the top level, configs: {%[1]s: {file: ./%[1]s}} defines it"))
		}
	}
}

// orDefine suggests the defined name that is most similar to an unknown one, and says how
// to define the unknown one. It searches for no name if the problem will not be listed
// anyway.
func (c *checker) orDefine(name string, defined iter.Seq[string], how string) string {
	how = fmt.Sprintf(how, name)
	if len(c.found) >= maxProblems {
		return how
	}
	if best := nearest(name, slices.Collect(defined)); best != "" {
		return fmt.Sprintf("did you mean %s? Or %s", best, how)
	}
	return how
}

// nearest is the name that somebody may have meant; empty if no name is similar.
func nearest(name string, defined []string) string {
	return settings.Nearest(name, slices.Sorted(slices.Values(defined)), max(1, len(name)/3))
}

// environment refuses a variable that has no value here and is not among the stack's
// variables: Docker would take it from the environment of the process that deploys.
func (c *checker) environment(service types.ServiceConfig) {
	for _, name := range slices.Sorted(maps.Keys(service.Environment)) {
		if service.Environment[name] == nil {
			c.addUnset(name, at("services", service.Name, "environment", name),
				"service %q passes on %s, which has no value; %s, or write the value here, as \"\" where it is empty", service.Name, name, howToSet(name))
		}
	}
}

// publishes refuses ports that the nodes need themselves.
func (c *checker) publishes(f *File, service types.ServiceConfig) {
	for _, port := range service.Ports {
		if use := ports.Kept(int(port.Published)); use != "" {
			c.addAt(publication{f, service.Name, port}.at(),
				"service %q publishes %s, which on every node belongs to %s; publish another port", service.Name, socketOf(port), use)
		}
	}
}

// The least that Swarm accepts, in bytes and in billionths of a CPU.
// https://github.com/moby/swarmkit/blob/master/manager/controlapi/service.go
const (
	leastMemory = 4 << 20
	leastCPU    = 1e6
)

// isNumber tells whether Docker reads a text as a number; it accepts 0.5, 1/2 and 1e-1. A
// number that is out of the range of a float is refused without being computed.
func isNumber(text string) bool {
	if _, err := strconv.ParseFloat(text, 64); errors.Is(err, strconv.ErrRange) {
		return false
	}
	_, ok := new(big.Rat).SetString(text)
	return ok
}

// modes are the modes of a deployment; the first one means that none is set.
var modes = []string{"", "replicated", "global", "replicated-job", "global-job"}

// resources refuses modes, limits and reservations that the Swarm refuses.
func (c *checker) resources(service types.ServiceConfig) {
	check := func(kind string, memory types.UnitBytes, cpus string) {
		where := at("services", service.Name, "deploy", "resources", kind)
		if memory > 0 && memory < leastMemory {
			c.add(append(where, "memory"), "service %q has %d bytes of memory; Swarm accepts 4M or more", service.Name, memory)
		}
		if cpus != "" && !isNumber(cpus) {
			c.add(append(where, "cpus"), "service %q has %q CPUs, which is not a number; write it like 0.5", service.Name, cpus)
		}
		if n, err := strconv.ParseFloat(cpus, 64); err == nil && n > 0 && n*1e9 < leastCPU {
			c.add(append(where, "cpus"), "service %q has %s CPUs; Swarm accepts 0.001 or more", service.Name, cpus)
		}
	}
	if mode := service.Deploy.Mode; !slices.Contains(modes, mode) {
		c.add(at("services", service.Name, "deploy", "mode"), "service %q has the mode %q; Docker knows %s", service.Name, mode, strings.Join(modes[1:], ", "))
	}
	if limits := service.Deploy.Resources.Limits; limits != nil {
		check("limits", limits.MemoryBytes, limits.NanoCPUs)
	}
	if reservations := service.Deploy.Resources.Reservations; reservations != nil {
		check("reservations", reservations.MemoryBytes, reservations.NanoCPUs)
	}
}

// constraintKeys are the keys that Swarm knows. A service with another one fits no node.
// https://docs.docker.com/reference/cli/docker/service/create/#constraint
var constraintKeys = regexp.MustCompile(`(?i)^(node\.(id|hostname|ip|role|platform\.(os|arch)|labels\..+)|engine\.labels\..+)$`)

// constraints refuses keys that Swarm does not know. Docker itself accepts them.
func (c *checker) constraints(service types.ServiceConfig) {
	for i, constraint := range service.Deploy.Placement.Constraints {
		key, _, compared := strings.Cut(strings.Replace(constraint, "!=", "==", 1), "==")
		if key = strings.TrimSpace(key); !compared || !constraintKeys.MatchString(key) {
			c.add(at("services", service.Name, "deploy", "placement", "constraints", strconv.Itoa(i)),
				"service %q has the constraint %q, which no node meets; the keys are node.id, node.hostname, node.ip, node.role, node.platform.os, node.platform.arch, "+
					"node.labels.NAME and engine.labels.NAME, with == or != after them", service.Name, constraint)
		}
	}
}

// networks refuses names that the Swarm refuses.
func (c *checker) networks() {
	for _, key := range slices.Sorted(maps.Keys(c.model.Networks)) {
		network := c.model.Networks[key]
		if name := cmp.Or(network.Name, key); !network.External.External && !serviceNames.MatchString(name) {
			c.add(at("networks", key), "the network %q has a name that Docker refuses: letters, digits, - and _, with a letter or digit first and last; set its name:", name)
		}
	}
}

func (c *checker) volumes(service types.ServiceConfig) {
	for _, volume := range service.Volumes {
		described, ok := c.model.Volumes[volume.Source]
		// Docker does not store volumes as parts of a stack: each mount repeats the
		// volume's whole definition.
		before := c.mounted
		c.mounted += size(described.Labels) + size(described.DriverOpts)
		switch {
		case before <= maxText && c.mounted > maxText:
			c.add(at("services", service.Name, "volumes"), "service %q mounts the volume %q, and with it the labels and options of all mounts are longer than %d bytes", service.Name, volume.Source, maxText)
		case volume.Type == "volume" && volume.Source != "" && !ok:
			c.add(at("services", service.Name, "volumes"), "service %q mounts the volume %q, which the file does not define; at the top level, volumes: {%[2]s: {}} defines it", service.Name, volume.Source)
		case !strings.HasPrefix(volume.Target, "/"): // no node could start the task
			c.add(at("services", service.Name, "volumes"), "service %q mounts something at %q, which is not an absolute path; a volume's name needs two letters, since one is read as a drive", service.Name, volume.Target)
		}
	}
}

func size(texts map[string]string) int {
	sum := 0
	for key, value := range texts {
		sum += len(key) + len(value)
	}
	return sum
}

// files refuses secrets and configs that have neither a file beside the stack file nor
// the mark external.
func (c *checker) files(kind string, objects map[string]types.FileObjectConfig) {
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		switch object := objects[name]; {
		case object.External.External:
		case object.Driver == "" && fileOf(object) == "":
			c.add(at(kind, name), "%s.%s has no file; name one beside the stack file, or set external: true if it is in the Swarm already", kind, name)
		}
	}
}

// asFiles turns secrets or configs into one type: docker/cli has two for the same thing.
func asFiles[T types.SecretConfig | types.ConfigObjConfig](objects map[string]T) map[string]types.FileObjectConfig {
	files := map[string]types.FileObjectConfig{}
	for name, object := range objects {
		files[name] = types.FileObjectConfig(object)
	}
	return files
}
