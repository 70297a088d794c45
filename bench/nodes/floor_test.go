package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// threeNodes are three nodes in the form of the outputs.
var threeNodes = outputs{SSHUser: "aver", AdminPrivateKey: "key\n", Nodes: []node{
	{"aver-manager", "manager", "10.60.1.4", "198.18.20.10", "ssh-ed25519 A"},
	{"aver-worker-1", "worker", "10.60.1.5", "198.18.20.11", "ssh-ed25519 B"},
	{"aver-worker-2", "worker", "10.60.1.6", "", "ssh-ed25519 C"},
}}

// ssh reads what the directory says, and reaches workers through the manager.
func TestSSHReachesTheNodes(t *testing.T) {
	a, err := newAccess(t.TempDir(), threeNodes, "{}")
	if err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"aver-manager":  {"hostname 198.18.20.10", "user aver", "hostkeyalias aver-manager"},
		"aver-worker-2": {"hostname 10.60.1.6", "proxyjump aver-manager", "hostkeyalias aver-worker-2"},
	} {
		out, err := text(exec.Command("ssh", "-G", "-F", filepath.Join(a.dir, "ssh_config"), name))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !slices.Contains(strings.Split(out, "\n"), want) {
				t.Errorf("%s: ssh does not have %q", name, want)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(a.dir, "key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
}

// The floor runs with a stand-in for ssh that runs every command on this machine, and with
// stand-ins for Docker and others that only record what they are called with.
func TestFloorDoesItAllAndNamesNoSecret(t *testing.T) {
	a, err := newAccess(t.TempDir(), threeNodes, `{"x": 1}`)
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for name, script := range map[string]string{
		"ssh":        `export NODE=$3; exec bash -c "$4"`,
		"sudo":       `shift; exec "$@"`,
		"cloud-init": `cat >/dev/null; exit 2`,
		"install":    `echo "$NODE settings $(cat)" >>"$NOTES"`,
		"apt-get":    `echo "$NODE apt-get $2" >>"$NOTES"`,
		"systemctl":  `echo "$NODE systemctl" >>"$NOTES"`,
		"docker": `case "$1 $2" in
info*) echo inactive ;;
"swarm join-token") echo the-token ;;
"secret inspect") exit 1 ;;
"secret create") echo "$NODE secret $3 of $(wc -c) bytes" >>"$NOTES" ;;
*) echo "$NODE $*" >>"$NOTES" ;;
esac`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/usr/bin/env bash\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, real := range []string{"bash", "cat", "wc"} { // but not this machine's Docker
		path, err := exec.LookPath(real)
		if err == nil {
			err = os.Symlink(path, filepath.Join(bin, real))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	notes := filepath.Join(t.TempDir(), "notes")
	cmd := exec.CommandContext(t.Context(), "./floor.sh", append([]string{a.dir, pool}, a.places()...)...)
	cmd.Env = append(os.Environ(), "PATH="+bin, "NOTES="+notes)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`aver-worker-2 settings {"x": 1}`, "aver-worker-1 apt-get install", "aver-manager systemctl",
		"aver-manager swarm init --advertise-addr 10.60.1.4 --listen-addr 10.60.1.4:2377 --default-addr-pool 10.254.0.0/16 --default-addr-pool-mask-length 24",
		"aver-worker-2 swarm join --advertise-addr 10.60.1.6 --token the-token 10.60.1.4:2377",
		"aver-manager secret azure-client-secret of 26 bytes",
	} {
		if strings.Count(string(text), want+"\n") != 1 {
			t.Errorf("%q is not there once:\n%s", want, text)
		}
	}
}
