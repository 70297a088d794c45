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
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/client"

	"averazure/internal/stackfile"
)

// sameAs is a stack file that Docker's command line on a node and this program
// each make into services.
type sameAs struct {
	name, text string
	stack      string
	specs      stackfile.Specs
}

// What this program makes of a stack file equals what `docker stack deploy` on a
// node makes of it: every stack file of the tests is deployed both ways, and what
// Docker then has is compared, service by service and network by network.
func TestStackFilesMeanWhatDockerMakesOfThem(t *testing.T) {
	docker, files := nodeDocker(t), stackFiles(t)
	outside(t, docker, files)
	t.Cleanup(func() { removeStacks(t, docker, files) })
	for _, file := range files {
		box.exec(t, "aver-manager", "sh", "-c", `printf %s "$1" | FIRST_MANAGER=aver-manager docker stack deploy --detach=true --resolve-image never -c - "$2"`, "sh", file.text, file.stack)
	}
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
	paths, err := filepath.Glob(filepath.Join(box.project, "internal/stackfile/testdata/stacks/*.yml"))
	if err != nil || len(paths) == 0 {
		t.Fatal(err, paths)
	}
	var files []*sameAs
	for i, path := range append(paths, filepath.Join(box.project, "repos/stack-repo/stack.yml")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file := &sameAs{name: filepath.Base(path), text: string(text), stack: fmt.Sprintf("same%d", i)}
		// Ports of the stack that runs already: two services cannot have the same.
		file.text = strings.NewReplacer(`"8080:`, `"28080:`, `"15672:`, `"25672:`, `"8081:`, `"28081:`, "published: 8080\n", "published: 28088\n").Replace(file.text)
		parsed, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: path, Text: file.text}}, Variables: map[string]string{"FIRST_MANAGER": "aver-manager"}})
		if err != nil {
			t.Fatal(err)
		}
		if file.specs, err = parsed.Specs(file.stack, nil, nil); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
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
				secrets[secret.SecretName] = true
			}
			for _, config := range spec.TaskTemplate.ContainerSpec.Configs {
				configs[config.ConfigName] = true
			}
		}
	}
	for name, wanted := range networks {
		if wanted {
			_, err := docker.NetworkCreate(ctx, name, network.CreateOptions{Driver: "overlay"})
			made(t, err, func() error { return docker.NetworkRemove(ctx, name) })
		}
	}
	for name := range secrets {
		_, err := docker.SecretCreate(ctx, swarm.SecretSpec{Annotations: swarm.Annotations{Name: name}, Data: []byte("x")})
		made(t, err, func() error { return docker.SecretRemove(ctx, name) })
	}
	for name := range configs {
		_, err := docker.ConfigCreate(ctx, swarm.ConfigSpec{Annotations: swarm.Annotations{Name: name}, Data: []byte("x")})
		made(t, err, func() error { return docker.ConfigRemove(ctx, name) })
	}
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
		filter := filters.NewArgs(filters.Arg("label", "com.docker.stack.namespace="+file.stack))
		services, err := docker.ServiceList(t.Context(), swarm.ServiceListOptions{Filters: filter})
		if err != nil {
			t.Fatal(err)
		}
		for _, service := range services {
			for i, attached := range service.Spec.TaskTemplate.Networks {
				service.Spec.TaskTemplate.Networks[i].Target = names[attached.Target]
			}
			inOrder(service.Spec.TaskTemplate.ContainerSpec)
			found[file.name+" "+service.Spec.Name] = indented(t, service.Spec)
		}
		networks, err := docker.NetworkList(t.Context(), network.ListOptions{Filters: filter})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range networks {
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
