package release

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/ports"
)

// The options of Docker that cannot reach out of a container.
var (
	harmlessLogDrivers = []string{"", "json-file", "local", "none"}
	harmlessLogOptions = []string{"max-size", "max-file", "max-buffer-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode"}
	harmlessNetOptions = []string{"encrypted", "com.docker.network.driver.mtu"}
	// These exist on every node from the start.
	nodeNetworks = []string{"host", "bridge", "none", "docker_gwbridge", "ingress"}
)

var (
	// volumeName is Docker's own rule. It allows no template: only the node knows the
	// result of a template.
	volumeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	// stackctlConfig matches the names of the Docker configs in which this package and the
	// program keep their data.
	stackctlConfig = regexp.MustCompile(`^averazure-|-(release-[0-9]+|(trusted|trusted-variables|attempt)-[0-9a-f]+|deploying|paused)$`)
)

// same allows only the value that `pulumi up` deployed.
func same(c asking) []refusal {
	if c.unchanged() {
		return nil
	}
	return c.no("", "it is not as `pulumi up` deployed it")
}

// noMore allows a part to be dropped, or to stay as `pulumi up` deployed it.
func noMore(c asking) []refusal {
	if c.value.IsZero() {
		return nil
	}
	return same(c)
}

func sameRepository(c asking) []refusal {
	now, before := c.value.String(), c.former.String()
	if a, b := repository(now), repository(before); now == before || a != "" && a == b {
		return nil
	}
	return c.no("", "it is from another repository than the one that `pulumi up` deployed")
}

// repository is an image's name without tag and digest; empty where it has none.
func repository(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	return named.Name()
}

func onlyReplicas(c asking) []refusal {
	if c.now.Mode.Replicated != nil && c.before.Mode.Replicated != nil {
		now, before := c.now.Mode, c.before.Mode
		now.Replicated, before.Replicated = nil, nil
		c.value, c.former = reflect.ValueOf(now), reflect.ValueOf(before)
	}
	if c.unchanged() {
		return nil
	}
	return c.no("mode", "it is not as `pulumi up` deployed it")
}

// checkLabels protects the labels by which Docker knows what belongs to a stack.
func checkLabels(c asking) []refusal {
	now, before := c.value.Interface().(map[string]string), c.former.Interface().(map[string]string)
	var found []refusal
	if now[convert.LabelNamespace] != c.g.stack {
		found = c.no(convert.LabelNamespace, "it does not name the stack")
	}
	for key := range now {
		if key != convert.LabelNamespace && strings.HasPrefix(key, "com.docker.") && now[key] != before[key] {
			found = append(found, c.no(key, "it is Docker's own")...)
		}
	}
	slices.SortFunc(found, func(a, b refusal) int { return strings.Compare(a.field, b.field) })
	return found
}

// checkReadLabels also protects the labels that stackctl reads: a service without
// averazure.backup is no longer backed up.
func checkReadLabels(c asking) []refusal {
	now, before := c.value.Interface().(map[string]string), c.former.Interface().(map[string]string)
	found := checkLabels(c)
	for _, key := range slices.Sorted(maps.Keys(merged(now, before))) {
		if strings.HasPrefix(key, "averazure.") && now[key] != before[key] {
			found = append(found, c.no(key, "it is not as `pulumi up` deployed it")...)
		}
	}
	return found
}

// checkPorts refuses the ports of the node itself.
func checkPorts(c asking) []refusal {
	list, _ := c.value.Interface().([]swarm.PortConfig)
	former, _ := c.former.Interface().([]swarm.PortConfig)
	known := map[swarm.PortConfig]bool{}
	for _, port := range former {
		known[port] = true
	}
	var found []refusal
	for _, port := range list {
		key, _ := portItem(port)
		owner := ports.Kept(int(port.PublishedPort))
		rest := port
		rest.Name, rest.Protocol, rest.TargetPort, rest.PublishedPort = "", "", 0, 0
		switch {
		case known[port]:
		case port.PublishMode == swarm.PortConfigPublishModeHost:
			found = append(found, c.no(key, "mode host publishes the port on the node itself")...)
		case owner != "":
			found = append(found, c.no(key, "it belongs to %s", owner)...)
		case rest != (swarm.PortConfig{PublishMode: swarm.PortConfigPublishModeIngress}):
			found = append(found, c.no(key, "its mode is unknown")...)
		}
	}
	return found
}

// checkSecrets refuses target paths that lead out of a directory.
func checkSecrets(c asking) []refusal {
	list, _ := c.value.Interface().([]*swarm.SecretReference)
	former, _ := c.former.Interface().([]*swarm.SecretReference)
	var found []refusal
	for _, s := range list {
		if slices.ContainsFunc(former, func(f *swarm.SecretReference) bool { return reflect.DeepEqual(f, s) }) {
			continue
		}
		if s == nil || s.File == nil || !straight(s.File.Name) {
			found = append(found, c.no(logical(secretName(s)), "its target is not a plain path")...)
		}
	}
	return found
}

// checkConfigs refuses the configs in which releases are kept, configs for credentials, and
// the same targets that are refused for secrets.
func checkConfigs(c asking) []refusal {
	list, _ := c.value.Interface().([]*swarm.ConfigReference)
	former, _ := c.former.Interface().([]*swarm.ConfigReference)
	var found []refusal
	for _, config := range list {
		if slices.ContainsFunc(former, func(f *swarm.ConfigReference) bool { return reflect.DeepEqual(f, config) }) {
			continue
		}
		switch {
		case config == nil || config.File == nil || config.Runtime != nil || !straight(config.File.Name):
			found = append(found, c.no(configName(config), "its target is not a plain path")...)
		case stackctlConfig.MatchString(config.ConfigName):
			found = append(found, c.no(config.ConfigName, "it is stackctl's own")...)
		}
	}
	return found
}

// straight tells whether a path only leads down.
func straight(target string) bool {
	return target != "" && !slices.Contains(strings.Split(target, "/"), "..")
}

// checkLogging refuses drivers and options with which Docker itself, as root on the node,
// would read files or connect to others.
func checkLogging(c asking) []refusal {
	if strings.HasSuffix(c.path, "Name") {
		if name := c.value.String(); !slices.Contains(harmlessLogDrivers, name) {
			return same(c)
		}
		return nil
	}
	now, before := c.value.Interface().(map[string]string), c.former.Interface().(map[string]string)
	var found []refusal
	for _, i := range items(c.path, c.value) {
		if value, had := before[i.key]; !slices.Contains(harmlessLogOptions, i.key) && (!had || value != now[i.key]) {
			found = append(found, c.no(i.key, "it is not as `pulumi up` deployed it")...)
		}
	}
	return found
}
