package workspace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// declared is what Pulumi.yaml says of the configuration, by key without the
// project's name.
type declared struct {
	Name   string
	Config map[string]struct {
		Type    string
		Default any
	}
}

func (w *Workspace) declared() (declared, error) { return readDeclared(w.ProjectDir) }

func readDeclared(projectDir string) (declared, error) {
	var d declared
	text, err := os.ReadFile(filepath.Join(projectDir, "Pulumi.yaml"))
	if err != nil {
		return d, err
	}
	return d, yaml.Unmarshal(text, &d)
}

// IsProject says whether the directory's Pulumi.yaml is this program's.
func IsProject(dir string) bool {
	d, err := readDeclared(dir)
	return err == nil && d.Name == projectName
}

// ParseSettings reads settings of the form path=value by path. A path without a
// namespace gets the project's, as `pulumi config set` gives it, so that one
// setting has one name. All that is wrong with them is one error.
func ParseSettings(projectDir string, args []string) (map[string]string, error) {
	project, err := readDeclared(projectDir)
	if err != nil {
		return nil, fmt.Errorf("read what can be configured: %w", err)
	}
	settings := map[string]string{}
	var problems []error
	for _, arg := range args {
		path, value, ok := strings.Cut(arg, "=")
		if !ok || path == "" {
			problems = append(problems, fmt.Errorf("--config %s: write path=value, as in averazure:workers=3", arg))
			continue
		}
		path = qualified(path)
		if project.isList(path) {
			problems = append(problems, fmt.Errorf("--config %s: %s is a list: write %[2]s[0]=%[3]s", arg, path, value))
		}
		settings[path] = value
	}
	return settings, errors.Join(problems...)
}

// isList says whether the path names a list as a whole, whose place a text
// cannot take.
func (d declared) isList(path string) bool {
	key, ours := strings.CutPrefix(path, projectName+":")
	return ours && d.Config[key].Type == "array"
}

func qualified(path string) string {
	if root := rootOf(path); root == "" || strings.Contains(root, ":") {
		return path
	}
	return projectName + ":" + path
}

// rootOf is the key in which the path begins.
func rootOf(path string) string {
	if end := strings.IndexAny(path, ".["); end >= 0 {
		return path[:end]
	}
	return path
}

// List is a list of the stack's configuration, its default where it is not set.
func (w *Workspace) List(key string) ([]string, error) {
	project, err := w.declared()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(w.ConfigFile())
	if err != nil {
		return nil, err
	}
	var stack struct{ Config map[string]any }
	if err := yaml.Unmarshal(text, &stack); err != nil {
		return nil, err
	}
	value, set := stack.Config[projectName+":"+key]
	if !set {
		value = project.Config[key].Default
	}
	elements, _ := value.([]any)
	var list []string
	for _, element := range elements {
		list = append(list, fmt.Sprint(element))
	}
	return list, nil
}
