package e2e

import (
	"cmp"
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

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/client"

	"averazure/internal/release"
	"averazure/internal/stackfile"
)

// labelNamespace is on all that Docker makes for a stack.
const labelNamespace = "com.docker.stack.namespace"

// sameAs is a stack file that Docker's command line on a node and this program
// each make into services.
type sameAs struct {
	name, text string
	stack      string
	input      stackfile.Input
	parsed     *stackfile.File
	specs      stackfile.Specs
	made       map[string]bool // the configs and secrets made from files, without versions
}

// What this program makes of a stack file equals what `docker stack deploy` on a
// node makes of it: every stack file of the tests is deployed both ways, and what
// Docker then has is compared, service by service and network by network.
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

// sampleFiles are two stack files that are merged, with images that the nodes can get, and
// what they name.
var sampleFiles = map[string][]byte{
	"one.yml": []byte(fileOf(small{name: "web", script: "exec sleep 100000", deploy: "update_config: {monitor: 1s}", more: []string{
		"networks: {back: {aliases: [www]}}", "configs: [{source: page, target: /page}]", "secrets: [{source: word, mode: 0400}]",
		"environment: {LEVEL: info, KEPT: 'yes'}", "volumes: ['data:/data']", "healthcheck: {test: ['CMD', 'true'], interval: 1s}"}}) +
		"networks: {back: {driver: overlay, attachable: true}}\nconfigs: {page: {file: ./page}}\nsecrets: {word: {file: ./word.txt}}\nvolumes: {data: {}}\n"),
	"two.yml":  []byte("services:\n  web:\n    environment: {LEVEL: debug}\n    deploy: {replicas: 2, labels: {merged: 'yes'}}\n"),
	"page":     []byte("a page\n"),
	"word.txt": []byte("a word\n"),
}

// TestStackctlDeploysWhatDockerDeploys is a sample of the long test, with what stackctl
// itself deploys: two files that are merged, images by their digests, a config and a secret
// from files. Both stacks run at the same time, under names of the same length.
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
	remove() // of an earlier run that was cut short
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

// removeStacks returns when their networks are gone, which Docker keeps until the
// last of their tasks has ended.
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

// stackFiles are those of the tests and the shipped one, each as a stack of its own.
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
			// Its edge finds no authority, and leaves the names to the one that runs.
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
		// Ports of the stack that runs already: two services cannot have the same.
		file.text = strings.NewReplacer(`"80:`, `"20080:`, `"443:`, `"20443:`, `"15672:`, `"25672:`, `"8081:`, `"28081:`).Replace(input.Files[0].Text)
		file.input.Files[0].Text = file.text
		files = append(files, file.read(t))
	}
	return append(files, besideFile(t))
}

// besideFile is the one that names files and takes values of variables.
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

// folder is where on the manager what the file names lies.
func (f *sameAs) folder() string { return "/tmp/e2e-" + f.stack }

// deployByDocker has Docker's command line on a node deploy the file, in a folder with
// what it names and with the variables in its environment.
func (f *sameAs) deployByDocker(t *testing.T) error {
	line := []string{"sh", "-ec", `mkdir -p "$1" && cd "$1" && shift && text=$1 && shift && printf %s "$text" | env "$@"`, "sh", f.folder(), f.text}
	for _, name := range slices.Sorted(maps.Keys(f.input.Variables)) {
		line = append(line, name+"="+f.input.Variables[name])
	}
	_, err := box.tryExec(t.Context(), "aver-manager", append(line, "docker", "stack", "deploy", "--detach=true", "--resolve-image", "never", "-c", "-", f.stack)...)
	return err
}

// outside makes the networks, secrets and configs that the files expect to be there.
func outside(t *testing.T, docker *client.Client, files []*sameAs) {
	t.Helper()
	ctx := context.Background()
	networks, secrets, configs := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, file := range files {
		for _, name := range file.specs.External {
			networks[name] = container.NetworkMode(name).IsUserDefined()
		}
		for _, spec := range file.specs.Services {
			for _, secret := range spec.TaskTemplate.ContainerSpec.Secrets {
				secrets[secret.SecretName] = !file.made[secret.SecretName]
			}
			for _, config := range spec.TaskTemplate.ContainerSpec.Configs {
				configs[config.ConfigName] = !file.made[stackfile.WithoutVersion(config.ConfigName)]
			}
		}
	}
	for name, wanted := range networks {
		if wanted {
			_, err := docker.NetworkCreate(ctx, name, network.CreateOptions{Driver: "overlay"})
			made(t, err, func() error { return docker.NetworkRemove(ctx, name) })
		}
	}
	for _, name := range wantedOf(secrets) {
		_, err := docker.SecretCreate(ctx, swarm.SecretSpec{Annotations: swarm.Annotations{Name: name}, Data: []byte("x")})
		made(t, err, func() error { return docker.SecretRemove(ctx, name) })
	}
	for _, name := range wantedOf(configs) {
		_, err := docker.ConfigCreate(ctx, swarm.ConfigSpec{Annotations: swarm.Annotations{Name: name}, Data: []byte("x")})
		made(t, err, func() error { return docker.ConfigRemove(ctx, name) })
	}
}

// wantedOf are the names whose value is true, sorted.
func wantedOf(names map[string]bool) []string {
	maps.DeleteFunc(names, func(_ string, wanted bool) bool { return !wanted })
	return slices.Sorted(maps.Keys(names))
}

// made has what a test made removed after it; what was there already stays.
func made(t *testing.T, err error, remove func() error) {
	t.Helper()
	if errdefs.IsConflict(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
}

// apply has Docker's API make the files' networks and services.
func apply(t *testing.T, docker *client.Client, files []*sameAs) {
	t.Helper()
	for _, file := range files {
		for name, options := range file.specs.Networks {
			if _, err := docker.NetworkCreate(t.Context(), name, options); err != nil {
				t.Fatal(file.name, err)
			}
		}
		for _, config := range file.parsed.Configs(file.stack) {
			if _, err := docker.ConfigCreate(t.Context(), config); err != nil {
				t.Fatal(file.name, err)
			}
		}
		for _, secret := range file.parsed.Contents(file.stack) {
			if _, err := docker.SecretCreate(t.Context(), secret.Spec); err != nil {
				t.Fatal(file.name, err)
			}
		}
		for _, spec := range file.specs.Services {
			fillIDs(t, docker, spec.TaskTemplate.ContainerSpec)
			if _, err := docker.ServiceCreate(t.Context(), spec, swarm.ServiceCreateOptions{}); err != nil {
				t.Fatal(file.name, err)
			}
		}
	}
}

// deployed is what Docker has of the files, as text, by file and name.
func deployed(t *testing.T, docker *client.Client, files []*sameAs) map[string]string {
	t.Helper()
	names := networkNames(t, docker)
	found := map[string]string{}
	for _, file := range files {
		filter := filters.NewArgs(filters.Arg("label", labelNamespace+"="+file.stack))
		services, err := docker.ServiceList(t.Context(), swarm.ServiceListOptions{Filters: filter})
		if err != nil {
			t.Fatal(err)
		}
		for _, service := range services {
			for i, attached := range service.Spec.TaskTemplate.Networks {
				service.Spec.TaskTemplate.Networks[i].Target = names[attached.Target]
			}
			file.unversioned(service.Spec.TaskTemplate.ContainerSpec)
			inOrder(service.Spec.TaskTemplate.ContainerSpec)
			found[file.name+" "+service.Spec.Name] = indented(t, service.Spec)
		}
		configs, err := docker.ConfigList(t.Context(), swarm.ConfigListOptions{Filters: filter})
		if err != nil {
			t.Fatal(err)
		}
		for _, config := range configs {
			delete(config.Spec.Labels, stackfile.LabelFile)
			config.Spec.Name = stackfile.WithoutVersion(config.Spec.Name)
			found[file.name+" config "+config.Spec.Name] = indented(t, config.Spec)
		}
		secrets, err := docker.SecretList(t.Context(), swarm.SecretListOptions{Filters: filter})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets { // nobody shows what is in it
			found[file.name+" secret "+stackfile.WithoutVersion(secret.Spec.Name)] = indented(t, secret.Spec.Labels[labelNamespace])
		}
		for _, n := range allocated(t, docker, filter) {
			// The address range is Docker's choice, unless the file names one.
			if file.specs.Networks[n.Name].IPAM == nil {
				n.IPAM.Config = nil
			}
			delete(n.Options, "com.docker.network.driver.overlay.vxlanid_list")
			found[file.name+" network "+n.Name] = indented(t, network.CreateOptions{
				Driver: n.Driver, Scope: n.Scope, EnableIPv6: &n.EnableIPv6, IPAM: &n.IPAM, Internal: n.Internal,
				Attachable: n.Attachable, Ingress: n.Ingress, Options: n.Options, Labels: n.Labels,
			})
		}
	}
	return found
}

// allocated are networks when the leader has seen to all of them: before that Docker shows
// them without a driver.
func allocated(t *testing.T, docker *client.Client, filter filters.Args) (networks []network.Summary) {
	t.Helper()
	eventually(t, time.Minute, "the networks have their drivers", func() (bool, string) {
		var err error
		networks, err = docker.NetworkList(t.Context(), network.ListOptions{Filters: filter})
		bare := slices.ContainsFunc(networks, func(n network.Summary) bool { return n.Driver == "" })
		return err == nil && !bare, fmt.Sprint(networks, err)
	})
	return networks
}

// unversioned makes references to what was made from files alike: Docker's command line
// gives them no versions, and they are made again.
func (f *sameAs) unversioned(spec *swarm.ContainerSpec) {
	for _, ref := range spec.Configs {
		if name := stackfile.WithoutVersion(ref.ConfigName); f.made[name] {
			ref.ConfigName, ref.ConfigID = name, ""
		}
	}
	for _, ref := range spec.Secrets {
		if name := stackfile.WithoutVersion(ref.SecretName); f.made[name] {
			ref.SecretName, ref.SecretID = name, ""
		}
	}
}

// inOrder sorts what Docker's command line has in another order every time.
func inOrder(spec *swarm.ContainerSpec) {
	slices.SortFunc(spec.Secrets, func(a, b *swarm.SecretReference) int {
		return cmp.Or(strings.Compare(a.SecretName, b.SecretName), strings.Compare(a.File.Name, b.File.Name))
	})
	slices.SortFunc(spec.Configs, func(a, b *swarm.ConfigReference) int {
		return cmp.Or(strings.Compare(a.ConfigName, b.ConfigName), strings.Compare(a.File.Name, b.File.Name))
	})
}

func indented(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
