package workspace

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// withUsers is the shipped configuration with what the user has set by hand in
// the stack's own, as `pulumi config set` in the shell of serve does, and the
// names of that. What the sandbox laid there, before or now, is not the user's.
func (w *Workspace) withUsers(shipped []byte, ours []string) (merged []byte, users []string, err error) {
	current, err := os.ReadFile(w.ConfigFile())
	if errors.Is(err, os.ErrNotExist) {
		return shipped, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	earlier, err := os.ReadFile(w.keysFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	laid := map[string]bool{}
	for _, key := range append(strings.Fields(string(earlier)), ours...) {
		laid[key] = true
	}
	merged, users, err = carry(shipped, current, laid)
	if err != nil {
		err = fmt.Errorf("read %s: %w", w.ConfigFile(), err)
	}
	return merged, users, err
}

// keysFile names the keys that the sandbox has laid over the shipped ones.
func (w *Workspace) keysFile() string { return w.ConfigFile() + ".keys" }

// carry adds to the shipped configuration what only the current one has, but
// for what the sandbox laid itself. Beside the keys that is the salt, without
// which no secret among them could be read.
func carry(shipped, current []byte, laid map[string]bool) (merged []byte, keys []string, err error) {
	var into, from yaml.Node
	if err := errors.Join(yaml.Unmarshal(shipped, &into), yaml.Unmarshal(current, &from)); err != nil {
		return nil, nil, err
	}
	target, source := mapping(&into), mapping(&from)
	if target == nil || source == nil {
		return shipped, nil, nil
	}
	before := len(target.Content)
	add(target, source, nil)
	config, theirs := entry(target, "config"), entry(source, "config")
	if config != nil && config != theirs && theirs != nil && config.Kind == yaml.MappingNode && theirs.Kind == yaml.MappingNode {
		keys = add(config, theirs, laid)
	}
	if len(keys) == 0 && len(target.Content) == before {
		return shipped, nil, nil
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err = errors.Join(encoder.Encode(&into), encoder.Close())
	return out.Bytes(), keys, err
}

// add copies the entries that the target lacks and skip does not name.
func add(target, source *yaml.Node, skip map[string]bool) (added []string) {
	for i := 0; i+1 < len(source.Content); i += 2 {
		key := source.Content[i].Value
		if skip[key] || entry(target, key) != nil {
			continue
		}
		target.Content = append(target.Content, source.Content[i], source.Content[i+1])
		added = append(added, key)
	}
	return added
}

// mapping is the document's outermost mapping, or nil.
func mapping(document *yaml.Node) *yaml.Node {
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	return document.Content[0]
}

func entry(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}
