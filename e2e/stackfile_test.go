package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

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
	files := stackFiles(t)
	outside(t, files)
	for _, file := range files {
		t.Cleanup(func() { box.exec(t, "aver-manager", "docker", "stack", "rm", file.stack) })
		box.exec(t, "aver-manager", "sh", "-c", `printf %s "$1" | docker stack deploy --detach=true --resolve-image never -c - "$2"`, "sh", file.text, file.stack)
	}
	docker := deployed(t, files)
	for _, file := range files {
		box.exec(t, "aver-manager", "docker", "stack", "rm", file.stack)
	}
	eventually(t, 2*time.Minute, "removal of the stacks", func() (bool, string) {
		left := networkNames(t)
		maps.DeleteFunc(left, func(_, name string) bool {
			return !slices.ContainsFunc(files, func(f *sameAs) bool { _, ours := f.specs.Networks[name]; return ours })
		})
		return len(left) == 0, fmt.Sprint(left)
	})
	secrets, configs := ids(t, "secrets"), ids(t, "configs")
	for _, file := range files {
		apply(t, file, secrets, configs)
	}
	ours := deployed(t, files)
	for _, name := range slices.Sorted(maps.Keys(docker)) {
		if docker[name] != ours[name] {
			t.Errorf("%s: docker stack deploy makes\n%s\nand this program\n%s", name, docker[name], ours[name])
		}
	}
	if len(docker) != len(ours) || len(docker) < 2*len(files) {
		t.Errorf("docker stack deploy made %d services and networks of %d files, this program %d", len(docker), len(files), len(ours))
	}
	t.Logf("compared %d services and networks of %d files", len(docker), len(files))
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
		// The shipped one runs already, and two services cannot have one port.
		file.text = strings.NewReplacer(`"8080:`, `"28080:`, `"15672:`, `"25672:`, `"8081:`, `"28081:`).Replace(file.text)
		parsed, err := stackfile.Parse([]stackfile.Source{{Name: path, Text: file.text}})
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
func outside(t *testing.T, files []*sameAs) {
	t.Helper()
	make := func(kind, name string, arguments ...string) {
		if out, err := box.tryExec(t.Context(), "aver-manager", append([]string{"docker", kind, "create"}, arguments...)...); err != nil {
			if strings.Contains(err.Error(), "already exists") {
				return
			}
			t.Fatal(out, err)
		}
		t.Cleanup(func() {
			eventually(t, time.Minute, "removal of "+name, func() (bool, string) {
				out, err := box.tryExec(context.Background(), "aver-manager", "docker", kind, "rm", name)
				return err == nil, fmt.Sprint(out, err)
			})
		})
	}
	names := map[string]map[string]bool{"network": {}, "secret": {}, "config": {}}
	for _, file := range files {
		for _, name := range file.specs.External {
			if container.NetworkMode(name).IsUserDefined() {
				names["network"][name] = true
			}
		}
		for _, spec := range file.specs.Services {
			for _, secret := range spec.TaskTemplate.ContainerSpec.Secrets {
				names["secret"][secret.SecretName] = true
			}
			for _, config := range spec.TaskTemplate.ContainerSpec.Configs {
				names["config"][config.ConfigName] = true
			}
		}
	}
	for name := range names["network"] {
		make("network", name, "--driver", "overlay", name)
	}
	for _, kind := range []string{"secret", "config"} {
		for name := range names[kind] {
			make(kind, name, name, "/etc/hostname")
		}
	}
}

// apply has Docker's API make a file's networks and services.
func apply(t *testing.T, file *sameAs, secrets, configs map[string]string) {
	t.Helper()
	for name, options := range file.specs.Networks {
		var made network.CreateResponse
		dockerAPI(t, "POST", "/networks/create", network.CreateRequest{Name: name, CreateOptions: options}, &made)
	}
	for _, spec := range file.specs.Services {
		for _, secret := range spec.TaskTemplate.ContainerSpec.Secrets {
			secret.SecretID = secrets[secret.SecretName]
		}
		for _, config := range spec.TaskTemplate.ContainerSpec.Configs {
			config.ConfigID = configs[config.ConfigName]
		}
		var made swarm.ServiceCreateResponse
		dockerAPI(t, "POST", "/services/create", spec, &made)
	}
}

// deployed is what Docker has of the files, as text, by file and name.
func deployed(t *testing.T, files []*sameAs) map[string]string {
	t.Helper()
	names := networkNames(t)
	found := map[string]string{}
	for _, file := range files {
		filter := "?filters=" + url.QueryEscape(`{"label":["com.docker.stack.namespace=`+file.stack+`"]}`)
		var services []swarm.Service
		dockerAPI(t, "GET", "/services"+filter, nil, &services)
		for _, service := range services {
			for i, attached := range service.Spec.TaskTemplate.Networks {
				service.Spec.TaskTemplate.Networks[i].Target = names[attached.Target]
			}
			inOrder(service.Spec.TaskTemplate.ContainerSpec)
			found[file.name+" "+service.Spec.Name] = indented(t, service.Spec)
		}
		var networks []network.Inspect
		dockerAPI(t, "GET", "/networks"+filter, nil, &networks)
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

// networkNames are the names of all networks, by id.
func networkNames(t *testing.T) map[string]string {
	t.Helper()
	var networks []network.Summary
	dockerAPI(t, "GET", "/networks", nil, &networks)
	names := map[string]string{}
	for _, n := range networks {
		names[n.ID] = n.Name
	}
	return names
}

// ids are those of all secrets or configs, by name.
func ids(t *testing.T, kind string) map[string]string {
	t.Helper()
	var objects []struct {
		ID   string
		Spec swarm.Annotations
	}
	dockerAPI(t, "GET", "/"+kind, nil, &objects)
	found := map[string]string{}
	for _, object := range objects {
		found[object.Spec.Name] = object.ID
	}
	return found
}

// dockerAPI asks the engine of the first manager, by the API version that
// stackctl speaks.
func dockerAPI(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	out := box.exec(t, "aver-manager", "sh", "-c",
		`printf %s "$3" | curl -sS --unix-socket /var/run/docker.sock -X "$1" -H "Content-Type: application/json" --data-binary @- -w '\n%{http_code}' "http://docker/v1.45$2"`,
		"sh", method, path, string(text))
	end := strings.LastIndex(out, "\n")
	reply, status := out[:max(end, 0)], out[end+1:]
	if !strings.HasPrefix(status, "2") {
		t.Fatalf("%s %s: %s %s\n%s", method, path, status, reply, text)
	}
	if err := json.Unmarshal([]byte(reply), answer); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, reply)
	}
}

func indented(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
