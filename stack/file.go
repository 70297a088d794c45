package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/loader"
	"github.com/docker/cli/cli/compose/types"
	"gopkg.in/yaml.v3"
)

// fileFormat is the newest version of the format that the nodes' Docker (26.1)
// knows; one that a file itself names only narrows it.
const fileFormat = "3.12"

// versions are the values of the key "version" that Docker accepts.
var versions = regexp.MustCompile(`^3(\.([0-9]|1[0-3]))?$`)

// File is one or more stack files, merged and checked.
type File struct {
	model  *types.Config
	where  positions
	name   string // the first file, for what has no line of its own
	ignore []string
}

// Load reads and merges stack files with Docker's own loader and checks what
// `docker stack deploy` would find out only on the manager. Every error names
// the file and, where there is one, the line.
//
// Variables take their defaults (${TAG:-latest}) and one without is an error:
// stack-repo's pipeline deploys the same file on a manager, where nobody's
// environment is set, and the two must agree.
func Load(paths []string) (*File, error) {
	if len(paths) == 0 {
		return nil, errors.New("no stack file is named")
	}
	f := &File{where: positions{}, name: paths[0]}
	details := types.ConfigDetails{Version: fileFormat}
	var problems []error
	for _, path := range paths {
		dict, err := f.read(path)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: path, Config: dict})
	}
	if len(problems) > 0 {
		return nil, join(problems)
	}
	var err error
	if details.WorkingDir, err = filepath.Abs(filepath.Dir(paths[0])); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if problems = f.tryAlone(details); len(problems) > 0 {
		return nil, join(problems)
	}
	if f.model, err = loader.Load(details, loader.WithDiscardEnvFiles); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(paths, ", "), err)
	}
	// The loader has them in another order every time.
	slices.SortFunc(f.model.Services, func(a, b types.ServiceConfig) int { return strings.Compare(a.Name, b.Name) })
	if problems = f.check(details.WorkingDir); len(problems) > 0 {
		return nil, join(problems)
	}
	return f, nil
}

// tryAlone loads every file by itself and by the version that it declares:
// merging hides which file an error came from. Afterwards all have one version,
// as the merger wants it.
func (f *File) tryAlone(details types.ConfigDetails) []error {
	var problems []error
	for _, file := range details.ConfigFiles {
		alone := details
		alone.Version = ""
		alone.ConfigFiles = []types.ConfigFile{file}
		if _, err := loader.Load(alone, loader.WithDiscardEnvFiles); err != nil {
			problems = append(problems, f.positionsOf(file.Filename).explain(file.Filename, plain(err)))
		}
		file.Config["version"] = fileFormat
	}
	return problems
}

// read parses one file, notes the lines of everything in it, and returns it in
// the form that the loader wants.
func (f *File) read(path string) (map[string]any, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", path, err)
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(source, &tree); err != nil {
		return nil, yamlError(path, err)
	}
	dict, err := loader.ParseYAML(source)
	if err != nil {
		return nil, yamlError(path, err)
	}
	f.where.index(path, "", &tree)
	if version, ok := dict["version"]; ok && !versions.MatchString(fmt.Sprint(version)) {
		return nil, fmt.Errorf("%s: version %v is not one that docker stack deploy knows (3 to 3.13); leave the key out", f.where.at(path, "version"), version)
	}
	switch dict["version"] {
	case nil, "", "3", "3.13": // "the newest": for the nodes that is this one
		dict["version"] = fileFormat
	}
	f.noteIgnored(path, dict)
	return dict, errors.Join(envFiles(path, &tree), unsetVariables(path, &tree))
}

// positionsOf returns the places in one of the files only.
func (f *File) positionsOf(file string) positions {
	own := positions{}
	for path, place := range f.where {
		if place.file == file {
			own[path] = place
		}
	}
	return own
}

// yamlLine finds the line in an error of the YAML parser.
var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?line (\d+): `)

func yamlError(path string, err error) error {
	text := err.Error()
	if match := yamlLine.FindStringSubmatch(text); match != nil {
		return fmt.Errorf("%s:%s: not valid YAML: %s", path, match[1], text[len(match[0]):])
	}
	return fmt.Errorf("%s: not valid YAML: %s", path, strings.TrimPrefix(text, "yaml: "))
}

// plain names the properties that the loader's own error keeps to itself.
func plain(err error) error {
	var forbidden *loader.ForbiddenPropertiesError
	if !errors.As(err, &forbidden) {
		return err
	}
	var texts []string
	for property, reason := range forbidden.Properties {
		texts = append(texts, property+": "+reason)
	}
	slices.Sort(texts)
	return fmt.Errorf("not supported by docker stack deploy: %s", strings.Join(texts, "; "))
}

// reference to a variable that has no default; $$ is a dollar sign.
var bareVariable = regexp.MustCompile(`\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))`)

// unsetVariables refuses what would silently become empty text.
func unsetVariables(path string, node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		for _, match := range bareVariable.FindAllStringSubmatch(node.Value, -1) {
			if name := match[1] + match[2]; name != "" {
				return fmt.Errorf("%s:%d: the variable %s has no value: write it out, or give it a default as ${%s:-value}; a dollar sign itself is $$", path, node.Line, name, name)
			}
		}
	}
	var problems []error
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			continue // keys are never interpolated
		}
		if err := unsetVariables(path, child); err != nil {
			problems = append(problems, err)
		}
	}
	return join(problems)
}
