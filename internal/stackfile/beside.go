package stackfile

import (
	"bytes"
	"fmt"
	"maps"
	slashpath "path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/pkg/kvfile"
)

const (
	// maxFile bounds a file that a stack file names, since Docker accepts no larger secret,
	// and maxBeside all of them together, in bytes.
	maxFile   = 500<<10 - 1
	maxBeside = 1 << 20
	// maxNamed bounds the number of such files.
	maxNamed = 500
)

// named is a file that a stack file names.
type named struct {
	path string // below the folder of the stack file, cleaned
	use  string // what it is for, as in config "caddy"
	at   position
	// secret says that the file is the value of a secret.
	secret bool
}

// Names are the files that stack files name, sorted: configs, secrets and env_file.
// Input.Beside has to hold them, but they need not be there yet. Images are those of the
// services, sorted.
func Names(input Input) (files, images []string, err error) {
	input.Beside = nil
	f, err := read(input)
	if err != nil {
		return nil, nil, err
	}
	if err := f.checkPaths(); err != nil {
		return nil, nil, err
	}
	return f.names(), slices.Compact(slices.Sorted(maps.Values(f.images))), nil
}

// names are the files that this file names, sorted.
func (f *File) names() []string {
	var paths []string
	for _, one := range f.named {
		paths = append(paths, one.path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// noteNamed collects the files and the images that a source names. Plain is the source with
// its variables replaced.
func (f *File) noteNamed(tree tree, plain map[string]any) {
	note := func(value any, use string, where ...string) {
		if name, ok := value.(string); ok {
			f.named = append(f.named, named{clean(name), use, places{tree}.at(where...), where[0] == "secrets"})
		}
	}
	services, _ := plain["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		service, _ := services[name].(map[string]any)
		if image, ok := service["image"].(string); ok {
			f.images[name] = image
		}
		for i, file := range texts(service["env_file"]) {
			note(file, fmt.Sprintf("env_file of service %q", name), "services", name, "env_file", strconv.Itoa(i))
		}
	}
	for _, kind := range []string{"configs", "secrets"} {
		objects, _ := plain[kind].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(objects)) {
			object, _ := objects[name].(map[string]any)
			note(object["file"], fmt.Sprintf("%s %q", strings.TrimSuffix(kind, "s"), name), kind, name, "file")
		}
	}
}

// clean is a path in its shortest form. One that leads out of the folder still shows that.
func clean(name string) string {
	if name == "" {
		return ""
	}
	return slashpath.Clean(name)
}

// texts are the items of a value that may be a single text or a list of texts.
func texts(value any) []any {
	if _, ok := value.(string); ok {
		return []any{value}
	}
	return list(value)
}

// checkPaths refuses files outside the folder of the stack file.
func (f *File) checkPaths() error {
	found := problems{places: f.places}
	if len(f.named) > maxNamed {
		return fmt.Errorf("%s: names %d files; %d are allowed", f.named[0].at, len(f.named), maxNamed)
	}
	for _, one := range f.named {
		switch {
		case one.path == "" || one.path == ".":
			found.addAt(one.at, "%s has an empty file name", one.use)
		case !filepath.IsLocal(one.path) || strings.HasPrefix(one.path, "~"):
			found.addAt(one.at, "%s is %s, which does not lie below the stack file's folder; put it there and name it from there", one.use, one.path)
		}
	}
	return found.err()
}

// checkBeside refuses files that are missing or too large.
func (f *File) checkBeside() error {
	if err := f.checkPaths(); err != nil {
		return err
	}
	found := problems{places: f.places}
	total := 0
	for _, one := range f.named {
		content, ok := f.input.Beside[one.path]
		switch {
		case !ok:
			found.addAt(one.at, "%s is the file %s, which does not lie beside the stack file", one.use, one.path)
		case len(content) > maxFile:
			found.addAt(one.at, "%s is %s, which has %d bytes; %d are allowed", one.use, one.path, len(content), maxFile)
		}
	}
	for _, name := range f.names() {
		total += len(f.input.Beside[name])
	}
	if total > maxBeside {
		return fmt.Errorf("%s: the files that it names have %d bytes together; %d are allowed", f.input.Files[0].Name, total, maxBeside)
	}
	return found.err()
}

// envFiles puts the pairs of a service's env_file into its environment, as Docker's loader
// would. Docker's loader reads the files itself. Variables that the environment has already
// keep their values.
func (w *written) envFiles(dict, plain map[string]any, beside map[string][]byte) {
	services, _ := dict["services"].(map[string]any)
	plainServices, _ := plain["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		service, _ := services[name].(map[string]any)
		plainService, _ := plainServices[name].(map[string]any)
		files, ok := plainService["env_file"]
		if !ok || !allTexts(files) {
			continue // the loader refuses values that are not texts
		}
		var pairs []string
		for i, file := range texts(files) {
			where := at("services", name, "env_file", strconv.Itoa(i))
			content := beside[clean(file.(string))]
			if w.size.text += len(content); w.size.text > maxText {
				w.add(where, "env_file makes the stack file longer than %d bytes", maxText)
				return
			}
			read, err := kvfile.ParseFromReader(bytes.NewReader(content), w.value)
			if err != nil {
				w.add(where, "%s: %v", file, err)
			}
			if w.size.values += len(read); w.size.values > maxValues {
				w.add(where, "env_file makes the stack file longer than %d values", maxValues)
				return
			}
			pairs = append(pairs, read...)
		}
		// Services may share one mapping through an alias: this service gets its own copy.
		service = maps.Clone(service)
		delete(service, "env_file")
		service["environment"] = withPairs(service["environment"], pairs)
		services[name] = service
	}
}

func allTexts(value any) bool {
	if _, ok := value.(string); ok {
		return true
	}
	items, ok := value.([]any)
	return ok && !slices.ContainsFunc(items, func(item any) bool { _, ok := item.(string); return !ok })
}

// withPairs adds pairs of an env_file, as NAME=value, to an environment that is a
// list or a mapping. Docker does not replace variables in such a file.
func withPairs(environment any, pairs []string) any {
	added := map[string]string{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		added[name] = strings.ReplaceAll(value, "$", "$$")
	}
	switch environment := environment.(type) {
	case nil, map[string]any:
		before, _ := environment.(map[string]any)
		all := map[string]any{}
		for name, value := range added {
			all[name] = value
		}
		maps.Copy(all, before)
		return all
	case []any:
		for _, item := range environment {
			name, _, _ := strings.Cut(fmt.Sprint(item), "=")
			delete(added, name)
		}
		all := slices.Clone(environment)
		for _, name := range slices.Sorted(maps.Keys(added)) {
			all = append(all, name+"="+added[name])
		}
		return all
	}
	return environment // the loader refuses it
}
