package infra

import (
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"averazure/internal/golden"
)

var boot = bootData{
	Hostname:       "aver-manager",
	HostKeyPrivate: "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----\n",
	HostKeyPublic:  "ssh-ed25519 AAAAC3Nza\n",
}

// A change here rebuilds every node of every stack: custom data cannot change
// in place. Accept it only where that is meant.
func TestCloudInit(t *testing.T) {
	text, err := cloudInit(boot)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "cloudinit.yaml", text)
}

func TestCloudInitIsWhatCloudInitReads(t *testing.T) {
	text, err := cloudInit(boot)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "#cloud-config\n") {
		t.Error("without its first line cloud-init takes it for something else")
	}
	var read struct {
		Hostname string
		Keys     map[string]string                             `yaml:"ssh_keys"`
		Password bool                                          `yaml:"ssh_pwauth"`
		Files    []struct{ Path, Content, Permissions string } `yaml:"write_files"`
		First    [][]string                                    `yaml:"bootcmd"`
		Last     [][]string                                    `yaml:"runcmd"`
	}
	if err := yaml.Unmarshal([]byte(text), &read); err != nil {
		t.Fatal(err)
	}
	if read.Hostname != "aver-manager" || read.Password {
		t.Errorf("host name %q, password login %v", read.Hostname, read.Password)
	}
	if got := read.Keys["ed25519_private"]; got != boot.HostKeyPrivate {
		t.Errorf("host key %q: want it unchanged, with its line end", got)
	}
	if got := read.Keys["ed25519_public"]; got != strings.TrimSpace(boot.HostKeyPublic) {
		t.Errorf("public host key %q", got)
	}
	if len(read.Files) != 1 || !strings.Contains(read.Files[0].Content, "PasswordAuthentication no\n") {
		t.Errorf("files %v: want sshd's settings", read.Files)
	}
	// These commands run once only: a later boot has nothing that would let sshd start
	// again.
	if len(read.First) != 1 || !slices.Equal(read.First[0][:2], []string{"cloud-init-per", "instance"}) {
		t.Errorf("first commands %q: want one, for this instance only", read.First)
	}
	const hold = "/etc/ssh/sshd_not_to_be_run"
	if len(read.Last) != 3 || !strings.HasSuffix(read.First[0][5], hold) || read.Last[1][2] != hold || read.Last[2][1] != "start" {
		t.Fatalf("last commands %q: want a key made, and sshd let go, which %q holds, and started", read.Last, read.First)
	}
	if made := read.Last[0][2]; !strings.Contains(made, "-t rsa") || !strings.HasPrefix(made, "test -e /etc/ssh/ssh_host_rsa_key ||") {
		t.Errorf("%q makes the key that Azure's agent waits for: want an RSA key, where there is none", made)
	}
	// Azure's limit is 64 KiB of custom data.
	if len(text) > 16<<10 {
		t.Errorf("%d bytes", len(text))
	}
}

func TestCloudInitLeavesDockerToTheNextLayer(t *testing.T) {
	text, err := cloudInit(boot)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"docker", "apt-get", "packages:"} {
		if strings.Contains(text, word) {
			t.Errorf("cloud-init mentions %s", word)
		}
	}
}
