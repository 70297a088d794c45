package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"

	"averazure/internal/release"
	"averazure/internal/stackfile"
)

// labelNamespace is the label of everything that Docker makes for a stack.
const labelNamespace = "com.docker.stack.namespace"

// sameAs is a stack file that both Docker's command line on a node and this program turn
// into services.
type sameAs struct {
	name, text string
	stack      string
	input      stackfile.Input
	parsed     *stackfile.File
	specs      stackfile.Specs
	made       map[string]bool // the configs and secrets made from files, without versions
}

// This program has to make the same of a stack file as `docker stack deploy` on a node:
// every stack file of the tests is deployed both ways, and what Docker then stores is
// compared, service by service and network by network.
func TestLongStackFilesMeanWhatDockerMakesOfThem(t *testing.T) {
	isLong(t)
	docker, files := nodeDocker(t), stackFiles(t)
	outside(t, docker, files)
	t.Cleanup(func() { removeStacks(t, docker, files) })
	for _, file := range files {
		site{}.with(file.input.Beside).onManager(t, file.folder())
	}
	var group sync.WaitGroup
	turns := make(chan struct{}, 4)
	for _, file := range files {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := file.deployByDocker(t); err != nil {
				t.Error(file.name, err)
			}
		})
	}
	group.Wait()
	theirs := deployed(t, docker, files)
	removeStacks(t, docker, files)
	apply(t, docker, files)
	ours := deployed(t, docker, files)
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		if theirs[name] != ours[name] {
			t.Errorf("%s: docker stack deploy makes\n%s\nand this program\n%s", name, theirs[name], ours[name])
		}
	}
	if len(theirs) != len(ours) || len(theirs) < 2*len(files) {
		t.Errorf("docker stack deploy made %d services and networks of %d files, this program %d", len(theirs), len(files), len(ours))
	}
	t.Logf("compared %d services and networks of %d files", len(theirs), len(files))
}

// sampleFiles are two stack files that are merged, with images that the nodes can pull, and
// the files that they name.
var sampleFiles = map[string][]byte{
	"one.yml": []byte(fileOf(small{name: "web", script: "exec sleep 100000", deploy: "update_config: {monitor: 1s}", more: []string{
		"networks: {back: {aliases: [www]}}", "configs: [{source: page, target: /page}]", "secrets: [{source: word, mode: 0400}]",
		"environment: {LEVEL: info, KEPT: 'yes'}", "volumes: ['data:/data']", "healthcheck: {test: ['CMD', 'true'], interval: 1s}"}}) +
		"networks: {back: {driver: overlay, attachable: true}}\nconfigs: {page: {file: ./page}}\nsecrets: {word: {file: ./word.txt}}\nvolumes: {data: {}}\n"),
	"two.yml":  []byte("services:\n  web:\n    environment: {LEVEL: debug}\n    deploy: {replicas: 2, labels: {merged: 'yes'}}\n"),
	"page":     []byte("a page\n"),
	"word.txt": []byte("a word\n"),
}

// TestStackctlDeploysWhatDockerDeploys is a short version of the long test, with a
// deployment by stackctl itself: two files that are merged, images by their digests, a
// config and a secret from files. Both stacks run at the same time, under names of the same
// length.
func TestStackctlDeploysWhatDockerDeploys(t *testing.T) {
	t.Parallel()
	docker, ours := nodeDocker(t), newStack(t, "samea")
	sample := func(stack string) *sameAs {
		file := &sameAs{name: "sample", stack: stack, input: stackfile.Input{Beside: map[string][]byte{}}}
		for _, name := range slices.Sorted(maps.Keys(sampleFiles)) {
			if filepath.Ext(name) == ".yml" {
				file.input.Files = append(file.input.Files, stackfile.Source{Name: name, Text: string(sampleFiles[name])})
			} else {
				file.input.Beside[name] = sampleFiles[name]
			}
		}
		return file.read(t)
	}
	mine, theirs := sample("samea"), sample("sameb")
	site{}.with(sampleFiles).onManager(t, theirs.folder())
	remove := func() { removeStacks(t, docker, []*sameAs{theirs}) }
	remove() // what an interrupted earlier run left
	t.Cleanup(remove)
	box.exec(t, "aver-manager", "sh", "-ec", `cd "$1" && docker stack deploy --with-registry-auth --detach=true -c one.yml -c two.yml "$2"`, "sh", theirs.folder(), theirs.stack)
	if result := ours.ask(t, "", "deploy", ours.name, theirs.folder()+"/one.yml", theirs.folder()+"/two.yml"); result.Outcome != release.Runs {
		t.Fatalf("%+v", result)
	}
	byDocker, byUs := deployed(t, docker, []*sameAs{theirs}), deployed(t, docker, []*sameAs{mine})
	for _, key := range slices.Sorted(maps.Keys(byDocker)) {
		want, got := strings.ReplaceAll(byDocker[key], "sameb", "samea"), byUs[strings.ReplaceAll(key, "sameb", "samea")]
		if got != want {
			t.Errorf("%s: docker stack deploy makes\n%s\nand stackctl\n%s", key, want, got)
		}
	}
	if len(byDocker) != len(byUs) || len(byUs) != 4 { // a service, a network, a config, a secret
		t.Errorf("docker stack deploy makes %d things, stackctl %d", len(byDocker), len(byUs))
	}
}

// removeStacks removes the stacks and waits until their networks are gone, which Docker
// keeps until the last of their tasks has ended.
func removeStacks(t *testing.T, docker *client.Client, files []*sameAs) {
	t.Helper()
	names := []string{"docker", "stack", "rm"}
	for _, file := range files {
		names = append(names, file.stack)
	}
	eventually(t, 3*time.Minute, "removal of the stacks", func() (bool, string) {
		_, err := box.tryExec(context.Background(), "aver-manager", names...)
		left := networkNames(t, docker)
		maps.DeleteFunc(left, func(_, name string) bool {
			return !slices.ContainsFunc(files, func(f *sameAs) bool { _, ours := f.specs.Networks[name]; return ours })
		})
		return err == nil && len(left) == 0, fmt.Sprint(left, err)
	})
}

// stackFiles are the stack files of the tests and the shipped one, each as a separate
// stack.
func stackFiles(t *testing.T) []*sameAs {
	t.Helper()
	paths := []string{filepath.Join(box.project, "repos/stack-repo/stack.yml")}
	for _, pattern := range []string{"internal/stackfile/testdata/stacks/*.yml", "testdata/everything/stack.yml",
		"testdata/everything/stacks/*/stack.yml", "repos/code-repo/scripts/setimage/testdata/*.yml"} {
		found, err := filepath.Glob(filepath.Join(box.project, pattern))
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		paths = append(paths, found...)
	}
	var files []*sameAs
	for i, path := range paths {
		input, err := stackfile.Gather([]string{path}, map[string]string{
			"FIRST_MANAGER": "aver-manager",
			// Its edge finds no authority, so it does not take the names from the edge that
			// already runs.
			"ENTRY_NAMES": "same.invalid", "ACME_SERVER": "https://127.0.0.1/dir", "ACME_EMAIL": "",
		})
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(box.project, path)
		if err != nil {
			t.Fatal(err)
		}
		file := &sameAs{name: name, stack: fmt.Sprintf("same%d", i), input: input}
		// Other ports than those of the stack that already runs: two services cannot
		// publish the same one.
		file.text = strings.NewReplacer(`"80:`, `"20080:`, `"443:`, `"20443:`, `"15672:`, `"25672:`, `"8081:`, `"28081:`).Replace(input.Files[0].Text)
		file.input.Files[0].Text = file.text
		files = append(files, file.read(t))
	}
	return append(files, besideFile(t))
}

// besideFile is the stack file that names other files and uses values of variables.
func besideFile(t *testing.T) *sameAs {
	t.Helper()
	folder := filepath.Join(box.project, "internal/stackfile/testdata/beside")
	text, err := os.ReadFile(filepath.Join(folder, "variables.json"))
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	if err := json.Unmarshal(text, &variables); err != nil {
		t.Fatal(err)
	}
	file := &sameAs{name: "beside", stack: "samebeside"}
	if file.input, err = stackfile.Gather([]string{filepath.Join(folder, "stack.yml")}, variables); err != nil {
		t.Fatal(err)
	}
	file.text = file.input.Files[0].Text
	return file.read(t)
}

// read parses the file.
func (f *sameAs) read(t *testing.T) *sameAs {
	t.Helper()
	var err error
	if f.parsed, err = stackfile.Parse(f.input); err != nil {
		t.Fatal(err)
	}
	if f.specs, err = f.parsed.Specs(f.stack, nil, nil); err != nil {
		t.Fatal(err)
	}
	f.made = map[string]bool{}
	for _, config := range f.parsed.Configs(f.stack) {
		f.made[config.Labels[stackfile.LabelFile]] = true
	}
	for _, secret := range f.parsed.Contents(f.stack) {
		f.made[secret.Spec.Name] = true
	}
	return f
}
