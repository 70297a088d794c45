package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"averazure/sandbox/workspace"
)

// dirs are a sandbox's own directory, the cache that all sandboxes of this user share,
// and the module that pins other people's programs.
type dirs struct{ state, cache, tools string }

func sandboxDirs(project, name string) (dirs, error) {
	cache, err := os.UserCacheDir()
	return dirs{
		state: filepath.Join(project, ".sandbox", name), cache: filepath.Join(cache, "averazure-sandbox"),
		tools: filepath.Join(project, "tools"),
	}, err
}

func (d dirs) make() error {
	return errors.Join(os.MkdirAll(d.state, 0o700), os.MkdirAll(d.cache, 0o755))
}

// openDirs makes and returns the directories of the named sandbox in the current
// checkout.
func openDirs(name string) (project string, d dirs, err error) {
	if project, err = projectDir(); err != nil {
		return "", dirs{}, err
	}
	if d, err = sandboxDirs(project, name); err != nil {
		return "", dirs{}, err
	}
	return project, d, d.make()
}

// projectDir is the nearest parent directory with this program's Pulumi.yaml.
// examples/consumer has its own Pulumi.yaml and does not count.
func projectDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if workspace.IsProject(at) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s and its parents have no Pulumi.yaml of the project averazure; run the sandbox in the repository", dir)
		}
	}
}
