package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAPIAnswersAndReportsItsSecrets(t *testing.T) {
	status, body := get(t, box.outputs(t).APIURL)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	for _, secret := range []string{"azure_tenant_id", "azure_client_id", "azure_client_secret"} {
		if !strings.Contains(body, secret) {
			t.Errorf("the API does not report %s mounted: %s", secret, body)
		}
	}
}

// TestSecretsAreMountedWithTheirValuesForAnUnprivilegedProcess looks into the running
// containers from their nodes, because the image has no shell.
func TestSecretsAreMountedWithTheirValuesForAnUnprivilegedProcess(t *testing.T) {
	want := map[string]string{}
	for _, r := range stateResources(t) {
		if r.Type == "azuread:index/applicationPassword:ApplicationPassword" {
			want[r.secret(t, "value")] = r.name()
		}
	}
	replicas := 0
	for _, n := range box.outputs(t).Nodes {
		for _, id := range strings.Fields(box.exec(t, n.Name, "docker", "ps", "-q", "--filter", "label=com.docker.swarm.service.name=aver_api")) {
			replicas++
			pid := strings.TrimSpace(box.exec(t, n.Name, "docker", "inspect", "--format", "{{.State.Pid}}", id))
			value := box.exec(t, n.Name, "cat", "/proc/"+pid+"/root/run/secrets/azure_client_secret")
			if want[value] == "" {
				t.Errorf("the secret mounted on %s is none that the program made", n.Name)
			}
			if owner := strings.Fields(box.exec(t, n.Name, "grep", "Uid", "/proc/"+pid+"/status")); owner[1] == "0" {
				t.Errorf("the API runs as root on %s", n.Name)
			}
		}
	}
	if replicas != 2 {
		t.Errorf("%d replicas run, the stack file says 2", replicas)
	}
}

func TestReadmeShowsWhatTheServiceSays(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(box.project, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, body := get(t, box.outputs(t).APIURL)
	var said map[string]any
	if err := json.Unmarshal([]byte(body), &said); err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf(`"message":%q`, said["message"])
	if !strings.Contains(string(readme), shown) || !strings.Contains(box.firstUp, shown) {
		t.Errorf("the README or the first up does not show %s", shown)
	}
}

func TestEveryNodeAnswersOnThePublishedPort(t *testing.T) {
	for _, node := range box.outputs(t).Nodes {
		client := visitor(t, publicIP(t, node.Name))
		if status, body, err := fetch(client, box.outputs(t).APIURL+"/healthz"); status != http.StatusOK {
			t.Errorf("%s: status %d: %s, %v", node.Name, status, body, err)
		}
	}
}

func TestMessageGoesRoundThroughRabbitMQ(t *testing.T) {
	status, body := get(t, strings.TrimSuffix(box.outputs(t).APIURL, "/")+"/roundtrip")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
}

func TestEventReachesSeq(t *testing.T) {
	o := box.outputs(t)
	response, err := box.visitor().Post(strings.TrimSuffix(o.APIURL, "/")+"/events", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode >= 300 {
		t.Fatalf("post an event: %s", response.Status)
	}
	url := "http://" + net.JoinHostPort(o.ManagerIP, "8081") + "/api/events"
	eventually(t, 20*time.Second, "an event of the API in Seq", func() (bool, string) {
		status, body, err := tryGet(url)
		return status == http.StatusOK && strings.Contains(body, "event asked for"), fmt.Sprint(body, err)
	})
}

func TestServicesRunAsTheStackFileSays(t *testing.T) {
	o := box.outputs(t)
	out := box.exec(t, "aver-manager", "docker", "service", "ls", "--format", "{{.Name}} {{.Replicas}} {{.Image}}")
	for _, name := range []string{"aver_api", "aver_edge", "aver_rabbitmq", "aver_seq"} {
		if !strings.Contains(out, name+" ") {
			t.Errorf("no service %s in:\n%s", name, out)
		}
	}
	_, digest, ok := strings.Cut(o.ImageDigest, "@")
	if !ok || !strings.HasPrefix(digest, "sha256:") {
		t.Fatalf("output imageDigest is %q, want image@sha256:...", o.ImageDigest)
	}
	image := box.exec(t, "aver-manager", "docker", "service", "inspect", "aver_api", "--format", "{{.Spec.TaskTemplate.ContainerSpec.Image}}")
	if !strings.Contains(image, digest) {
		t.Errorf("aver_api runs %s, want the digest %s", image, digest)
	}
	networks := box.exec(t, "aver-manager", "docker", "network", "ls", "--format", "{{.Name}} {{.Driver}}")
	if !strings.Contains(networks, "aver_net overlay") {
		t.Errorf("no overlay network aver_net in:\n%s", networks)
	}
}

// TestImageIsSmallUnprivilegedAndChecksItself inspects the image on a node that runs it.
func TestImageIsSmallUnprivilegedAndChecksItself(t *testing.T) {
	nodes := box.exec(t, "aver-manager", "docker", "service", "ps", "aver_api", "--filter", "desired-state=running", "--format", "{{.Node}}")
	node, _, _ := strings.Cut(strings.TrimSpace(nodes), "\n")
	var found []struct {
		Size   int64
		Config struct {
			User        string
			Healthcheck struct{ Test []string }
		}
		RootFS struct{ Layers []string }
	}
	out := box.exec(t, node, "docker", "image", "inspect", box.outputs(t).ImageDigest)
	if err := json.Unmarshal([]byte(out), &found); err != nil || len(found) != 1 {
		t.Fatalf("%v in:\n%s", err, out)
	}
	image := found[0]
	if user := image.Config.User; user == "" || strings.HasPrefix(user, "0") || user == "root" {
		t.Errorf("it runs as %q", user)
	}
	if !slices.Equal(image.Config.Healthcheck.Test, []string{"CMD", "/aver-api", "healthcheck"}) {
		t.Errorf("its health check is %q", image.Config.Healthcheck.Test)
	}
	if layers := len(image.RootFS.Layers); layers != 1 || image.Size > 20<<20 {
		t.Errorf("%d layers, %d bytes: want the one program and nothing below it", layers, image.Size)
	}
}

func TestStatefulServicesStayOnTheirManager(t *testing.T) {
	for _, service := range []string{"aver_rabbitmq", "aver_seq"} {
		out := box.exec(t, "aver-manager", "docker", "service", "ps", service, "--filter", "desired-state=running", "--format", "{{.Node}}")
		if strings.TrimSpace(out) != "aver-manager" {
			t.Errorf("%s runs on %q, want aver-manager", service, out)
		}
	}
}

func TestDockerSecretsCarryHashedNames(t *testing.T) {
	out := box.exec(t, "aver-manager", "docker", "secret", "ls", "--format", "{{.Name}}")
	for _, name := range []string{"azure_tenant_id-", "azure_client_id-", "azure_client_secret-"} {
		if strings.Count(out, name) != 1 {
			t.Errorf("want one secret %s<hash> in:\n%s", name, out)
		}
	}
}

func TestRegistryHoldsBothTagsOfTheDeployedImage(t *testing.T) {
	image, digest, _ := strings.Cut(box.outputs(t).ImageDigest, "@")
	for _, tag := range []string{"latest", sourceTag(t)} {
		if found := pushedDigest(t, image, tag); found != digest {
			t.Errorf("tag %s is %s in the registry, the deployed image %s", tag, found, digest)
		}
	}
}

// sourceTag is the tag of the image that the program builds from the checkout.
func sourceTag(t *testing.T) string {
	t.Helper()
	tag := git(t, box.project, "log", "-1", "--abbrev=7", "--format=%h", "--", "repos/code-repo")
	if dirty := git(t, box.project, "status", "--porcelain", "--", "repos/code-repo"); dirty != "" {
		tag += "-dirty"
	}
	return tag
}

// pushedDigest asks the registry which digest a tag stands for, with the login that the
// nodes have.
// https://distribution.github.io/distribution/spec/api/#existing-manifests
func pushedDigest(t *testing.T, image, tag string) string {
	t.Helper()
	_, name, _ := strings.Cut(image, "/")
	status, header := registryAs(t, "registryPull").ask(t, http.MethodHead, name+"/manifests/"+tag)
	if status != http.StatusOK {
		t.Fatalf("ask the registry for %s:%s: %d", image, tag, status)
	}
	return header.Get("Docker-Content-Digest")
}
