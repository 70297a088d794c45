package hosts

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

var testVM = VM{
	ID: "vm-1", Name: "aver-manager", ComputerName: "aver-manager", AdminUser: "azureuser",
	AuthorizedKeys: []string{"ssh-ed25519 AAAA me"}, CustomData: []byte("#cloud-config\n"),
	NetworkID: "vnet", PrivateIP: "10.0.0.4", PublicIP: "198.51.100.10",
}

func TestAContainerLikeAMachine(t *testing.T) {
	config, host := room(t).nodeConfig(testVM, "image", cgroups{legacy: true, noResource: true})
	if host.Privileged || !slices.Contains(host.CapAdd, "ALL") || !slices.Contains(host.CapDrop, "SYS_RESOURCE") {
		t.Errorf("capabilities: %+v", host)
	}
	if host.MaskedPaths == nil || host.ReadonlyPaths == nil {
		t.Error("nil paths stand for the engine's own list, not for none")
	}
	if !slices.Contains(config.Env, legacySystemd) {
		t.Errorf("the environment is %v", config.Env)
	}
	if _, ok := config.Volumes["/var/lib/docker"]; !ok || config.Labels[labelVM] != "vm-1" || config.StopSignal != "SIGRTMIN+3" {
		t.Errorf("the container is %+v", config)
	}
	config, host = room(t).nodeConfig(testVM, "image", cgroups{})
	if len(host.CapDrop) != 0 || len(config.Env) != 0 {
		t.Errorf("a modern machine needs no exceptions: %v, %v", host.CapDrop, config.Env)
	}
}

func TestCapabilities(t *testing.T) {
	without := []byte("Name:\tx\nCapBnd:\t000001fffeffffff\nSeccomp:\t0\n")
	if hasCapability(without, 24) || !hasCapability(without, 21) {
		t.Error("the set is misread")
	}
	if !hasCapability([]byte("CapBnd:\t000001ffffffffff\n"), 24) || !hasCapability(nil, 24) {
		t.Error("a capability is taken for missing")
	}
}

func TestSeed(t *testing.T) {
	files, err := seedFiles(testVM)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(files[seedDir+"/user-data"]); got != "#cloud-config\n" {
		t.Errorf("the custom data is %q", got)
	}
	var meta struct {
		ID   string   `json:"instance-id"`
		Name string   `json:"local-hostname"`
		Keys []string `json:"public-keys"`
	}
	if err := json.Unmarshal(files[seedDir+"/meta-data"], &meta); err != nil {
		t.Fatal(err)
	}
	if meta.ID != "vm-1" || meta.Name != "aver-manager" || meta.Keys[0] != "ssh-ed25519 AAAA me" {
		t.Errorf("the metadata is %+v", meta)
	}
	var config struct {
		SystemInfo struct {
			DefaultUser struct {
				Name string
				Sudo []string
			} `yaml:"default_user"`
		} `yaml:"system_info"`
	}
	if err := yaml.Unmarshal(files["/etc/cloud/cloud.cfg.d/91-sandbox-user.cfg"], &config); err != nil {
		t.Fatal(err)
	}
	if user := config.SystemInfo.DefaultUser; user.Name != "azureuser" || user.Sudo[0] != "ALL=(ALL) NOPASSWD:ALL" {
		t.Errorf("the user is %+v", user)
	}
}

func TestProxiesReachTheNode(t *testing.T) {
	t.Setenv("http_proxy", "")
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:3128")
	files, err := seedFiles(testVM)
	if err != nil || !strings.Contains(string(files["/etc/apt/apt.conf.d/90sandbox-proxy"]), `"http://192.0.2.1:3128"`) {
		t.Errorf("files are %v, %v", sortedKeys(files), err)
	}
	t.Setenv("HTTP_PROXY", "")
	files, _ = seedFiles(testVM)
	if _, ok := files["/etc/apt/apt.conf.d/90sandbox-proxy"]; ok {
		t.Error("a proxy that is not there is configured")
	}
}

func TestNodesAreNamedAfterTheSandbox(t *testing.T) {
	if got := room(t).containerName("aver-manager"); got != "test-aver-manager" {
		t.Errorf("the container is %s", got)
	}
}
