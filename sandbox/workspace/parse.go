package workspace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	sdk "github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"gopkg.in/yaml.v3"
)

// declared is the configuration section of Pulumi.yaml, by key without the project's
// name.
type declared struct {
	Name   string
	Config map[string]declaredKey
}

// declaredKey is one key of the configuration section.
type declaredKey struct {
	Type, Description string
	Default           any
	Items             *sdk.ProjectConfigItemsType
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

// IsProject tells whether the directory's Pulumi.yaml is this program's.
func IsProject(dir string) bool {
	d, err := readDeclared(dir)
	return err == nil && d.Name == projectName
}

// Setting is one --config argument.
type Setting struct{ Path, Value string }

func (s Setting) String() string { return s.Path + "=" + s.Value }

// root is the key that the path starts with.
func (s Setting) root() string { return rootOf(s.Path) }

// elements are the elements of a list value.
func (s Setting) elements() []string {
	if s.Value == "" {
		return nil
	}
	elements := strings.Split(s.Value, ",")
	for i := range elements {
		elements[i] = strings.TrimSpace(elements[i])
	}
	return elements
}

// ParseSettings parses arguments of the form path=value. A path without a namespace gets
// the project's, as in `pulumi config set`, so each setting has one name. One error
// reports all mistakes. self is the command line of the sandbox.
func ParseSettings(projectDir, self string, args []string) ([]Setting, error) {
	project, err := readDeclared(projectDir)
	if err != nil {
		return nil, fmt.Errorf("read the known settings: %w", err)
	}
	var settings []Setting
	var problems []error
	for _, arg := range args {
		path, value, ok := strings.Cut(arg, "=")
		if !ok || path == "" {
			problems = append(problems, fmt.Errorf("--config %s: write path=value, as in workers=3", arg))
			continue
		}
		setting := Setting{qualified(path), value}
		if err := project.refuse(setting, self); err != nil {
			problems = append(problems, fmt.Errorf("--config %s: %w", path, err))
			continue
		}
		settings = append(settings, setting)
	}
	return settings, errors.Join(problems...)
}

// refuse returns why a setting is not allowed, and what to do instead.
func (d declared) refuse(s Setting, self string) error {
	key, ours := strings.CutPrefix(s.root(), projectName+":")
	switch {
	case !ours:
		return nil
	case key == "secrets":
		name := "NAME"
		if path, err := resource.ParsePropertyPathStrict(keyName(s.Path)); err == nil && len(path) == 2 {
			name = fmt.Sprint(path[1])
		}
		return fmt.Errorf("do not pass a secret on the command line; `%s secret set %s` asks for its value", self, name)
	case strings.HasPrefix(d.Config[key].Description, "Secret:"):
		return fmt.Errorf("do not pass a secret on the command line; `%s pulumi -- config set --secret %s` asks for its value", self, s.root())
	case d.Config[key].Type == "object" && s.Path == s.root():
		return fmt.Errorf("%s is an object; write %s.NAME=VALUE", s.root(), s.root())
	case d.isList(s.root()) && slices.Contains(s.elements(), ""):
		return fmt.Errorf("the list has an empty element: write %s=ONE,TWO", s.root())
	case d.Config[key].kind() == "array of integer":
		for _, element := range s.elements() {
			if _, err := strconv.Atoi(element); err != nil {
				return fmt.Errorf("%q is not a whole number; %s is a list of whole numbers", element, s.root())
			}
		}
	}
	return nil
}

// isList tells whether the key is a list.
func (d declared) isList(key string) bool {
	key, ours := strings.CutPrefix(key, projectName+":")
	return ours && d.Config[key].Type == "array"
}

func qualified(path string) string {
	if root := rootOf(path); root == "" || strings.Contains(root, ":") {
		return path
	}
	return projectName + ":" + path
}

// rootOf is the key that a path starts with.
func rootOf(path string) string {
	if end := strings.IndexAny(path, ".["); end >= 0 {
		return path[:end]
	}
	return path
}

// List is a list of the stack's configuration, or its default.
func (w *Workspace) List(key string) ([]string, error) {
	project, err := w.declared()
	if err != nil {
		return nil, err
	}
	stack, err := load(w.ConfigFile())
	if err != nil {
		return nil, err
	}
	return project.list(stack.Config, nil, qualified(key))
}

// keyName is a path without its namespace.
func keyName(path string) string {
	_, name, _ := strings.Cut(path, ":")
	return name
}
