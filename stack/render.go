package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/loader"
	"github.com/docker/cli/cli/compose/types"
	"gopkg.in/yaml.v3"
)

// Changes is what the program puts into the stack file before it is deployed.
type Changes struct {
	// Images maps a service to the image that it runs, by digest.
	Images map[string]string
	// Secrets maps the name of an external secret to the versioned name under
	// which the Swarm holds its present value.
	Secrets map[string]string
}

// Render returns the stack file with the changes made, for `docker stack
// deploy -c -` on a manager. The same input gives the same text. It fails
// rather than return a text that Docker would understand differently.
func (f *File) Render(changes Changes) (string, error) {
	changed, err := f.changed(changes)
	if err != nil {
		return "", err
	}
	var tree yaml.Node
	if err := tree.Encode(changed); err != nil {
		return "", fmt.Errorf("%s: render: %w", f.name, err)
	}
	// The nodes' Docker checks a file without a version against the newest
	// format that it knows, which is at least the one used here.
	drop(&tree, "version")
	escape(&tree)
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(&tree); err != nil {
		return "", fmt.Errorf("%s: render: %w", f.name, err)
	}
	if err := same(changed, text.Bytes()); err != nil {
		return "", fmt.Errorf("%s: render: %w", f.name, err)
	}
	return text.String(), nil
}

// changed returns a copy of the model with the changes in it.
func (f *File) changed(changes Changes) (*types.Config, error) {
	model := *f.model
	model.Services = slices.Clone(f.model.Services)
	model.Secrets = maps.Clone(f.model.Secrets)
	for _, service := range slices.Sorted(maps.Keys(changes.Images)) {
		if !f.has(service) {
			return nil, fmt.Errorf("%s: there is no service %q, only %s", f.name, service, f.serviceNames())
		}
	}
	for i, service := range model.Services {
		if image, ok := changes.Images[service.Name]; ok {
			model.Services[i].Image = image
		}
	}
	for key, secret := range model.Secrets {
		if versioned, ok := changes.Secrets[secret.Name]; ok && secret.External.External {
			secret.Name = versioned
			model.Secrets[key] = secret
		}
	}
	return &model, nil
}

// drop removes a key of the top level.
func drop(tree *yaml.Node, key string) {
	for i := 0; i+1 < len(tree.Content); i += 2 {
		if tree.Content[i].Value == key {
			tree.Content = slices.Delete(tree.Content, i, i+2)
			return
		}
	}
}

// escape doubles every dollar sign: Docker interpolates what it reads, and the
// loader has done so once already. Keys are never interpolated.
func escape(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!str" {
		node.Value = strings.ReplaceAll(node.Value, "$", "$$")
	}
	for i, child := range node.Content {
		if node.Kind != yaml.MappingNode || i%2 == 1 {
			escape(child)
		}
	}
}

// same reads the text as Docker will and compares what comes out: the loader's
// types do not all survive being written, and a lost key must not go unnoticed.
func same(want *types.Config, text []byte) error {
	dict, err := loader.ParseYAML(text)
	if err != nil {
		return err
	}
	dict["version"] = fileFormat
	got, err := loader.Load(types.ConfigDetails{
		Version: fileFormat, WorkingDir: "/", ConfigFiles: []types.ConfigFile{{Config: dict}},
	})
	if err != nil {
		return err
	}
	before, err := canonical(want)
	if err != nil {
		return err
	}
	after, err := canonical(got)
	if err != nil {
		return err
	}
	if before != after {
		return fmt.Errorf("the rendered file would not mean the same: want %s, got %s", before, after)
	}
	return nil
}

// canonical writes a model as JSON, whose field names are complete, with the
// services in one order.
func canonical(model *types.Config) (string, error) {
	text, err := json.Marshal(model)
	return string(text), err
}
