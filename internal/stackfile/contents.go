package stackfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	slashpath "path"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/cli/cli/compose/types"
	"github.com/docker/docker/api/types/swarm"
)

// Encrypted is the file name ending of a secret that is encrypted with age.
const Encrypted = ".age"

// LabelFile is a label on each config and secret made from a file. It holds the name in the
// Swarm, without the version.
const LabelFile = "averazure.file"

// Content is a secret of the Swarm that a stack file describes: made from a file beside
// it, or by a driver.
type Content struct {
	// Spec is the secret, without the version in its name. Data is the unchanged content of
	// the file.
	Spec swarm.SecretSpec
	// Encrypted says that Data has to be decrypted with age.
	Encrypted bool
	// At is the place in the stack file that defines it, for messages.
	At string
}

// Configs are the configs that the file's services use and that are made from files. They
// have the names that Specs gives them, and are sorted by these.
func (f *File) Configs(stack string) []swarm.ConfigSpec {
	var made []swarm.ConfigSpec
	namespace := convert.NewNamespace(stack)
	for _, key := range f.used("configs") {
		if config := f.model.Configs[key]; !config.External.External {
			made = append(made, f.config(namespace, key, types.FileObjectConfig(config)))
		}
	}
	slices.SortFunc(made, func(a, b swarm.ConfigSpec) int { return strings.Compare(a.Name, b.Name) })
	return made
}

// Contents are the secrets that the file's services use and that are made from files
// or by drivers, in the order of their names.
func (f *File) Contents(stack string) []Content {
	var made []Content
	namespace := convert.NewNamespace(stack)
	for _, key := range f.used("secrets") {
		secret := types.FileObjectConfig(f.model.Secrets[key])
		if secret.External.External {
			continue
		}
		spec := swarm.SecretSpec{Annotations: annotations(namespace, key, secret), Templating: driver(secret.TemplateDriver, nil)}
		if secret.Driver != "" {
			spec.Driver = driver(secret.Driver, secret.DriverOpts)
		} else {
			spec.Data = f.input.Beside[fileOf(secret)]
		}
		made = append(made, Content{spec, encrypted(secret), f.places.at("secrets", key).String()})
	}
	slices.SortFunc(made, func(a, b Content) int { return strings.Compare(a.Spec.Name, b.Spec.Name) })
	return made
}

func encrypted(secret types.FileObjectConfig) bool {
	return secret.Driver == "" && slashpath.Ext(secret.File) == Encrypted
}

// used are the keys of the configs or secrets that services use, sorted.
func (f *File) used(kind string) []string {
	keys := map[string]bool{}
	for _, service := range f.model.Services {
		if kind == "configs" {
			for _, ref := range service.Configs {
				keys[ref.Source] = true
			}
			continue
		}
		for _, ref := range service.Secrets {
			keys[ref.Source] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// config is a config with the hash of its content in its name: changed content gives a new
// config, and so causes a rolling update of the services that use it.
func (f *File) config(namespace convert.Namespace, key string, object types.FileObjectConfig) swarm.ConfigSpec {
	spec := swarm.ConfigSpec{
		Annotations: annotations(namespace, key, object),
		Data:        f.input.Beside[fileOf(object)],
		Templating:  driver(object.TemplateDriver, nil),
	}
	text, err := json.Marshal(spec)
	if err != nil {
		panic(err) // Docker's types can always be encoded
	}
	sum := sha256.Sum256(text)
	spec.Name = Version(spec.Name, sum[:])
	return spec
}

// Version is the name of a config or secret with its version: the beginning of the digest
// of its content.
func Version(name string, digest []byte) string { return name + "-" + hex.EncodeToString(digest)[:12] }

// versionSuffix matches the ending that Version adds; the program adds the same ending to
// the secrets that it stores.
var versionSuffix = regexp.MustCompile(`-[0-9a-f]{12}$`)

// WithoutVersion is a config's or secret's name without its version.
func WithoutVersion(name string) string { return versionSuffix.ReplaceAllString(name, "") }

func annotations(namespace convert.Namespace, key string, object types.FileObjectConfig) swarm.Annotations {
	name := object.Name
	if name == "" {
		name = namespace.Scope(key)
	}
	labels := convert.AddStackLabel(namespace, maps.Clone(object.Labels))
	labels[LabelFile] = name
	return swarm.Annotations{Name: name, Labels: labels}
}

func driver(name string, options map[string]string) *swarm.Driver {
	if name == "" {
		return nil
	}
	return &swarm.Driver{Name: name, Options: options}
}

// fileOf is the path of the file that a config or secret is made from, as in Input.Beside.
// Docker's loader makes it absolute.
func fileOf(object types.FileObjectConfig) string { return strings.TrimPrefix(object.File, "/") }

// maxContentName leaves room for the version in the 64 characters that Swarm allows.
const maxContentName = 64 - 13

// contentNames are the names that Swarm accepts for configs and secrets.
// https://github.com/moby/swarmkit/blob/master/manager/controlapi/common.go
var contentNames = regexp.MustCompile(`^[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?$`)

// checkContents refuses names and contents that the Swarm refuses, names that stackctl
// could not tell apart, and labels by which stackctl recognises what it made.
func (f *File) checkContents(namespace convert.Namespace) error {
	found := problems{places: f.places}
	check := func(kind, key string, object types.FileObjectConfig) {
		if object.External.External {
			return
		}
		name := annotations(namespace, key, object).Name
		for _, label := range slices.Sorted(maps.Keys(object.Labels)) {
			if strings.HasPrefix(label, "averazure.") || strings.HasPrefix(label, "com.docker.stack.") {
				found.add(at(kind, key, "labels", label), "%s.%s has the label %s, which a stack file must not set; remove it", kind, key, label)
			}
		}
		if len(name) > maxContentName || !contentNames.MatchString(name) {
			found.add(at(kind, key), "%s cannot be the name of one of the Swarm's %s: up to %d letters, digits, -, _ and ., with a letter or digit first and last", name, kind, maxContentName)
		}
		if WithoutVersion(name) != name {
			found.add(at(kind, key), "%s ends like the version that stackctl puts behind a name; give it another name", name)
		}
		if object.Driver == "" && len(f.input.Beside[fileOf(object)]) == 0 {
			found.add(at(kind, key, "file"), "%s.%s is made from %s, which is empty; Docker accepts no empty one", kind, key, fileOf(object))
		}
	}
	for _, key := range f.used("configs") {
		check("configs", key, types.FileObjectConfig(f.model.Configs[key]))
	}
	taken := map[string]string{}
	for _, key := range f.used("secrets") {
		secret := types.FileObjectConfig(f.model.Secrets[key])
		check("secrets", key, secret)
		name := secret.Name
		if !secret.External.External {
			name = annotations(namespace, key, secret).Name
		}
		if before, ok := taken[name]; ok && !(secret.External.External && f.model.Secrets[before].External.External) {
			found.add(at("secrets", key), "secrets.%s and secrets.%s are both %s in the Swarm; give one of them another name", before, key, name)
		}
		taken[name] = key
	}
	return found.err()
}

// PlainSecrets returns a warning for every secret in a file that is not encrypted. A later
// stack file may replace it: the file is sent all the same.
func (f *File) PlainSecrets() []string {
	var warnings []string
	for _, one := range f.named {
		if one.secret && slashpath.Ext(one.path) != Encrypted {
			warnings = append(warnings, fmt.Sprintf("%s: the %s is in %s in plain text, and everybody who reads the repository can read it; encrypt it with age for the output ageRecipient, in a file that ends in %s",
				one.at, one.use, one.path, Encrypted))
		}
	}
	return warnings
}
