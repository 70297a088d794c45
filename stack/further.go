package stack

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"averazure/internal/release"
	"averazure/internal/settings"
	"averazure/internal/stackfile"
)

// Further is a stack beside the one that runs the image built here.
type Further struct {
	// Name is the Docker stack's name.
	Name string
	// Deploy says whether this program deploys it; false leaves it to the pipeline of
	// stack-repo.
	Deploy bool
	// File is its stack file.
	File *stackfile.File
}

// ReadFurther loads the files of Stacks, in the order of their names, or reports every
// problem with its key. Main is the file of the main stack, where it could be read.
func (c Config) ReadFurther(site Site, main *stackfile.File) ([]Further, []error) {
	var all []Further
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Stacks)) {
		one, err := c.readFurther(name, site)
		if err != nil {
			problems = append(problems, settings.Problemf("stacks", "%s: %w", name, err))
		}
		all = append(all, one)
	}
	if len(problems) == 0 && main != nil {
		problems = portsTwice(main, all)
	}
	return all, problems
}

func (c Config) readFurther(name string, site Site) (Further, error) {
	owner := c.Stacks[name]
	one := Further{Name: name, Deploy: owner == release.FromPulumi}
	switch err := stackfile.CheckStackName(name); {
	case err != nil:
		return one, err
	case name == c.StackName:
		return one, fmt.Errorf("%s already has this name; take another one", settings.Name("stackName"))
	case owner != release.FromPulumi && owner != release.FromStackRepo:
		return one, fmt.Errorf("%q cannot own a stack; write %s or %s, the one that deploys it", owner, release.FromPulumi, release.FromStackRepo)
	case len(c.StackFiles) == 0:
		return one, fmt.Errorf("%s is empty, so the folder of stacks/%s is unknown", settings.Name("stackFiles"), name)
	}
	c.StackName = name
	file, err := stackfile.Load([]string{path.Join(path.Dir(c.StackFiles[0]), "stacks", name, "stack.yml")}, c.values(site))
	if err != nil {
		var unset stackfile.UnsetError // the file then shows what else is missing
		errors.As(err, &unset)
		one.File = unset.File
		return one, err
	}
	one.File = file
	_, err = file.Specs(name, nil, nil)
	return one, err
}

// portsTwice refuses ports that two stacks publish.
func portsTwice(main *stackfile.File, all []Further) []error {
	files := []*stackfile.File{main}
	for _, one := range all {
		files = append(files, one.File)
	}
	var problems []error
	for _, problem := range stackfile.PortsTwice(files...) {
		problems = append(problems, settings.Problemf("stacks", "%w", problem))
	}
	return problems
}

// Names are the stacks of the configuration, the main one first.
func (c Config) Names() []string {
	return append([]string{c.StackName}, slices.Sorted(maps.Keys(c.Stacks))...)
}

// of are the arguments for one of the further stacks.
func (a Args) of(one Further) Args {
	a.StackName, a.StackDeploy, a.File = one.Name, one.Deploy, one.File
	return a
}
