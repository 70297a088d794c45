package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// access is what the playbook and the floor need to reach the nodes: a directory with the
// key, the settings of ssh, an inventory, and the files that they copy to the nodes.
type access struct {
	dir   string
	nodes []node // the manager first
}

// pool is the address pool of the Swarm, the program's default.
const pool = "10.254.0.0/16"

// newAccess writes the directory. DaemonJSON is the content of Docker's settings.
func newAccess(dir string, o outputs, daemonJSON string) (access, error) {
	a := access{dir: dir, nodes: o.Nodes}
	inventory, known, config := a.texts(o.SSHUser)
	variables, secrets, err := a.variables()
	if err != nil {
		return a, err
	}
	files := map[string]string{"key": o.AdminPrivateKey, "ssh_config": config, "known_hosts": known,
		"inventory": inventory, "daemon.json": daemonJSON + "\n", "variables.json": variables}
	for name, value := range secrets {
		files["secrets/"+name] = value
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return a, err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return a, err
		}
	}
	return a, nil
}

// texts are Ansible's inventory, ssh's known hosts and its settings. Workers are reached
// through the manager, as the program reaches them.
func (a access) texts(user string) (inventory, known, config string) {
	config = fmt.Sprintf(`Host *
  User %s
  IdentityFile %[2]s/key
  IdentitiesOnly yes
  UserKnownHostsFile %[2]s/known_hosts
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 10
  LogLevel ERROR
`, user, a.dir)
	groups := map[string]string{}
	for _, n := range a.nodes {
		address, jump := n.PublicAddress, ""
		if n.Role == "worker" {
			address, jump = n.PrivateAddress, "  ProxyJump "+a.nodes[0].Name+"\n"
		}
		config += fmt.Sprintf("Host %[1]s\n  HostName %[2]s\n  HostKeyAlias %[1]s\n%[3]s", n.Name, address, jump)
		known += n.Name + " " + n.HostKey + "\n"
		groups[n.Role] += n.Name + " address=" + n.PrivateAddress + "\n"
	}
	inventory = fmt.Sprintf("[managers]\n%s[workers]\n%s[all:vars]\nansible_ssh_common_args=-F %s/ssh_config\n", groups["manager"], groups["worker"], a.dir)
	return inventory, known, config
}

// variables are the variables of the playbook, and three secrets like those that the
// program makes.
func (a access) variables() (text string, secrets map[string]string, err error) {
	secrets = map[string]string{}
	for _, name := range []string{"azure-tenant-id", "azure-client-id", "azure-client-secret"} {
		secrets[name] = rand.Text()
	}
	raw, err := json.Marshal(map[string]any{"daemon_json": filepath.Join(a.dir, "daemon.json"), "pool": pool, "secrets": secrets})
	return string(raw), secrets, err
}

// wait returns when every node accepts logins.
func (a access) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for _, n := range a.nodes {
		for {
			_, err := text(exec.CommandContext(ctx, "ssh", "-F", filepath.Join(a.dir, "ssh_config"), n.Name, "true"))
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s takes no login after 2 minutes: %w", n.Name, err)
			case <-time.After(time.Second):
			}
		}
	}
	return nil
}

// places are the nodes in the form in which the floor takes them: NAME=ADDRESS.
func (a access) places() []string {
	var all []string
	for _, n := range a.nodes {
		all = append(all, n.Name+"="+n.PrivateAddress)
	}
	return all
}

// floor runs the plain commands.
func (a access) floor(ctx context.Context) (time.Duration, error) {
	return a.timed(exec.CommandContext(ctx, "bench/nodes/floor.sh", append([]string{a.dir, pool}, a.places()...)...))
}

// playbook runs Ansible. With check, Ansible only looks for what it would change, and must
// find nothing.
func (a access) playbook(ctx context.Context, check bool) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "ansible-playbook", "-i", filepath.Join(a.dir, "inventory"),
		"-e", "@"+filepath.Join(a.dir, "variables.json"), "bench/nodes/playbook.yml")
	if check {
		cmd.Args = append(cmd.Args, "--check")
	}
	// The connections that stay open belong to these VMs only. They need a directory of
	// their own, since the next VMs have the same names.
	cmd.Env = append(os.Environ(), "ANSIBLE_CONFIG=bench/nodes/ansible.cfg", "ANSIBLE_SSH_CONTROL_PATH_DIR="+filepath.Join(a.dir, "open"), "LC_ALL=C.UTF-8")
	var said strings.Builder
	cmd.Stdout = &said
	took, err := a.timed(cmd)
	if err == nil {
		err = recap(said.String(), len(a.nodes), check)
	}
	if err != nil {
		return took, fmt.Errorf("%w\n%s", err, said.String())
	}
	return took, nil
}

// timed runs a command and says how long it took.
func (a access) timed(cmd *exec.Cmd) (time.Duration, error) {
	var complaint strings.Builder
	cmd.Stderr = &complaint
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, complaint.String())
	}
	return time.Since(began), nil
}
