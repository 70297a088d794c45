package workspace

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	sdk "github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"averazure/internal/stackfile"
)

// shippedFile is the checked-out settings file of the sandbox.
const shippedFile = "Pulumi.sandbox.yaml"

// load reads a settings file as the CLI does. A missing file gives empty settings.
func load(file string) (*sdk.ProjectStack, error) {
	stack, err := sdk.LoadProjectStack(nil, &sdk.Project{Name: projectName}, file)
	if err != nil {
		// The SDK's error does not always name the file's line, and it never mentions a
		// tab.
		if text, failed := os.ReadFile(file); failed == nil {
			if invalid := stackfile.CheckYAML(filepath.Base(file), string(text)); invalid != nil {
				return nil, invalid
			}
		}
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return stack, nil
}

// save writes a settings file that only its owner can read.
func save(stack *sdk.ProjectStack, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), stack.Save(file))
}

// keyOf turns a path into the SDK's key, whose methods parse it.
func keyOf(path string) config.Key {
	namespace, name, _ := strings.Cut(path, ":")
	return config.MustMakeKey(namespace, name)
}

// flat lists settings by path: every entry of an object, and each list as a whole.
func flat(m config.Map) map[string]config.Value {
	settings := map[string]config.Value{}
	for key, value := range m {
		object, err := value.ToObject()
		entries, ok := object.(map[string]any)
		if err != nil || !ok || !value.Object() {
			settings[key.String()] = value
			continue
		}
		for name := range entries {
			path := key.Namespace() + ":" + resource.PropertyPath{key.Name(), name}.String()
			if entry, ok, err := m.Get(keyOf(path), true); err == nil && ok {
				settings[path] = entry
			}
		}
	}
	return settings
}

// over returns a configuration with the settings set on top.
func over(m config.Map, settings map[string]config.Value) (config.Map, error) {
	m = maps.Clone(m)
	for _, path := range slices.Sorted(maps.Keys(settings)) {
		if err := m.Set(keyOf(path), settings[path], true); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return m, nil
}

// same tells whether two values are equal as text, since the CLI writes numbers as text.
func same(a, b config.Value) bool {
	return text(a) == text(b) && a.Secure() == b.Secure() && a.Object() == b.Object()
}

// text is a value as it is in the file; a secret is encrypted.
func text(value config.Value) string {
	text, err := value.Value(config.NopDecrypter)
	if err != nil {
		panic(err) // NopDecrypter never fails
	}
	return text
}

// shown is a value for messages.
func shown(value config.Value) string {
	if value.Secure() {
		return "[secret]"
	}
	object, err := value.ToObject()
	list, ok := object.([]any)
	if err != nil || !ok {
		return strconv.Quote(text(value))
	}
	return strconv.Quote(strings.Join(texts(list), ","))
}

func texts(list []any) []string {
	words := make([]string, len(list))
	for i, element := range list {
		words[i] = fmt.Sprint(element)
	}
	return words
}

// adopt takes over what the user has set or removed with `pulumi config` since the
// sandbox wrote the settings file.
func (w *Workspace) adopt(yours *sdk.ProjectStack) error {
	if _, err := os.Stat(w.laidFile()); err != nil {
		return ignoreMissing(err)
	}
	laid, err := load(w.laidFile())
	if err != nil {
		return err
	}
	current, err := load(w.ConfigFile())
	if err != nil {
		return err
	}
	before, now := flat(laid.Config), flat(current.Config)
	for path := range before {
		if _, ok := now[path]; !ok {
			if err := yours.Config.Remove(keyOf(path), true); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	maps.DeleteFunc(now, func(path string, value config.Value) bool {
		old, ok := before[path]
		return ok && same(old, value)
	})
	yours.EncryptionSalt = current.EncryptionSalt
	yours.Config, err = over(yours.Config, now)
	return err
}

// laidFile is a copy of the settings file as the sandbox wrote it.
func (w *Workspace) laidFile() string { return filepath.Join(w.StateDir, "laid.yaml") }

// settingsFile holds the settings that later runs keep.
func (w *Workspace) settingsFile() string { return filepath.Join(w.StateDir, "settings.yaml") }

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// set adds a setting of --config to the user's settings. If it sets one element of a list,
// it changes a copy of the list that is in force.
func (d declared) set(yours, under config.Map, setting Setting) error {
	path, err := resource.ParsePropertyPathStrict(keyName(setting.Path))
	if err != nil || len(path) == 0 {
		return fmt.Errorf("--config %s: %q is not a valid path: %w", setting, setting.Path, err)
	}
	root := setting.root()
	if !d.isList(root) {
		if err := yours.Set(keyOf(setting.Path), config.NewValue(setting.Value), true); err != nil {
			return fmt.Errorf("--config %s: %w", setting, err)
		}
		return nil
	}
	elements := setting.elements()
	if len(path) > 1 {
		index, ok := path[1].(int)
		if !ok || len(path) > 2 {
			return fmt.Errorf("--config %s: %s is a list of plain values: write %s=ONE,TWO", setting, root, root)
		}
		now, err := d.list(yours, under, root)
		if err != nil {
			return err
		}
		if index > len(now) {
			return fmt.Errorf("--config %s: the list has no element [%d]: it is %q; the next element is %s[%d]; or set the whole list: %s=%s",
				setting, len(now), strings.Join(now, ","), root, len(now), root, strings.Join(append(now, setting.Value), ","))
		}
		elements = slices.Concat(now[:index], []string{setting.Value}, now[min(index+1, len(now)):])
	}
	list := config.Map{keyOf(root): config.NewObjectValue("[]")}
	for i, element := range elements {
		if err := list.Set(keyOf(fmt.Sprintf("%s[%d]", root, i)), config.NewValue(element), true); err != nil {
			return fmt.Errorf("--config %s: %w", setting, err)
		}
	}
	yours[keyOf(root)] = list[keyOf(root)]
	return nil
}

// list returns the list in force: the user's, else that of the configuration which the
// user's overrides, else the default.
func (d declared) list(yours, under config.Map, root string) ([]string, error) {
	for _, layer := range []config.Map{yours, under} {
		value, ok := layer[keyOf(root)]
		if !ok {
			continue
		}
		object, err := value.ToObject()
		list, ok := object.([]any)
		if err != nil || !ok {
			return nil, fmt.Errorf("%s is set to %s, which is not a list; set the whole list: %s=ONE,TWO", root, shown(value), root)
		}
		return texts(list), nil
	}
	list, _ := d.Config[keyName(root)].Default.([]any)
	return texts(list), nil
}
