package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
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

// folder is the folder on the manager that holds the files that the stack file names.
func (f *sameAs) folder() string { return "/tmp/e2e-" + f.stack }

// deployByDocker makes Docker's command line on a node deploy the stack file. The files
// that it names are in the current folder, and the variables are in the environment.
func (f *sameAs) deployByDocker(t *testing.T) error {
	line := []string{"sh", "-ec", `mkdir -p "$1" && cd "$1" && shift && text=$1 && shift && printf %s "$text" | env "$@"`, "sh", f.folder(), f.text}
	for _, name := range slices.Sorted(maps.Keys(f.input.Variables)) {
		line = append(line, name+"="+f.input.Variables[name])
	}
	_, err := box.tryExec(t.Context(), "aver-manager", append(line, "docker", "stack", "deploy", "--detach=true", "--resolve-image", "never", "-c", "-", f.stack)...)
	return err
}

// outside makes the external networks, secrets and configs that the files expect to exist.
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

// wantedOf are the names whose value is true, in sorted order.
func wantedOf(names map[string]bool) []string {
	maps.DeleteFunc(names, func(_ string, wanted bool) bool { return !wanted })
	return slices.Sorted(maps.Keys(names))
}

// made registers the removal of what a test made; what already existed stays.
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

// apply makes the files' networks and services through Docker's API.
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

// deployed is what Docker stores for the files, as text, by file and name.
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
		for _, secret := range secrets { // Docker does not return a secret's value
			found[file.name+" secret "+stackfile.WithoutVersion(secret.Spec.Name)] = indented(t, secret.Spec.Labels[labelNamespace])
		}
		for _, n := range allocated(t, docker, filter) {
			// Docker chooses the address range, unless the file names one.
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

// allocated are the networks once the leader has allocated all of them: before that, Docker
// shows them without a driver.
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

// unversioned makes references to configs and secrets from files comparable: Docker's
// command line gives these no versions, and they are made separately for each deployment.
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

// inOrder sorts the lists whose order differs each time with Docker's command line.
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
