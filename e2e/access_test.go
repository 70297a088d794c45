package e2e

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// closed reports whether nothing answers at the address within three seconds.
func closed(address string) bool {
	conn, err := net.DialTimeout("tcp", address, 3*time.Second)
	if err == nil {
		conn.Close()
	}
	return err != nil
}

func TestWorkersAcceptSSHOnlyThroughTheManager(t *testing.T) {
	o := box.outputs(t)
	manager, err := managerSSH(t, o.SSHUser, o.AdminPrivateKey)
	if err != nil {
		t.Fatalf("log in to the manager: %v", err)
	}
	defer manager.Close()
	for _, node := range o.Nodes {
		if node.Role != "worker" {
			continue
		}
		if !closed(net.JoinHostPort(publicIP(t, node.Name), "22")) {
			t.Errorf("%s accepts SSH from outside", node.Name)
		}
		if name := hostnameThrough(t, manager, node, o); name != node.Name {
			t.Errorf("through the manager %s says it is %q", node.Name, name)
		}
	}
}

// hostnameThrough logs in to the worker with the manager as a jump host. The worker's host
// key is read from the worker itself.
func hostnameThrough(t *testing.T, manager *ssh.Client, n node, o *outputs) string {
	t.Helper()
	address := net.JoinHostPort(n.PrivateAddress, "22")
	conn, err := manager.Dial("tcp", address)
	if err != nil {
		t.Fatalf("reach %s through the manager: %v", n.Name, err)
	}
	hostKey := box.exec(t, n.Name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
	config, err := sshConfig(o.SSHUser, o.AdminPrivateKey, hostKey)
	if err != nil {
		t.Fatal(err)
	}
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		t.Fatalf("log in to %s through the manager: %v", n.Name, err)
	}
	session, err := ssh.NewClient(c, channels, requests).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.Output("hostname")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestPortsThatNobodyOpenedAreClosed listens on ports that only the packet filter keeps
// closed: one port on every address, and Swarm ports on the public address, since Docker
// itself uses those only on the private address.
func TestPortsThatNobodyOpenedAreClosed(t *testing.T) {
	manager := box.outputs(t).ManagerIP
	for port, address := range map[string]string{"9099": "0.0.0.0", "2377": manager, "7946": manager} {
		unit := "e2e-listener-" + port
		box.exec(t, "aver-manager", "systemd-run", "--unit="+unit, "--collect", "python3", "-m", "http.server", "--bind", address, port)
		t.Cleanup(func() { box.exec(t, "aver-manager", "systemctl", "stop", unit) })
		public := net.JoinHostPort(manager, port)
		eventually(t, 10*time.Second, "the listener on the node itself", func() (bool, string) {
			out, err := box.tryExec(t.Context(), "aver-manager", "curl", "-fsS", "-o", "/dev/null", "http://"+public)
			return err == nil, out
		})
		if !closed(public) {
			t.Errorf("%s answers though no rule opens it", public)
		}
	}
	if open := net.JoinHostPort(manager, "443"); closed(open) {
		t.Errorf("%s does not answer either, so nothing is proved", open)
	}
}

// TestAdminPortsAnswerToTheirNetworksOnly asks from a worker, whose public address is not
// in adminCidrs, and from this machine, which is in adminCidrs.
func TestAdminPortsAnswerToTheirNetworksOnly(t *testing.T) {
	manager := box.outputs(t).ManagerIP
	fetch := func(port string) string {
		out, _ := box.tryExec(t.Context(), "aver-worker-1", "curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", "http://"+net.JoinHostPort(manager, port))
		return out
	}
	if status := fetch("80"); status == "000" {
		t.Error("the public port does not answer a stranger")
	}
	for _, port := range []string{"15672", "8081"} {
		if status := fetch(port); status != "000" {
			t.Errorf("the admin port %s answers a stranger with %q", port, status)
		}
		if address := net.JoinHostPort(manager, port); closed(address) {
			t.Errorf("%s does not answer the admins", address)
		}
	}
}

// TestWorkersListenWhenTheirFirstBootIsThrough: sshd starts only once before the first
// login and accepts it only after the first boot. Through a jump host, a login that meets a
// restart of sshd is lost for good.
func TestWorkersListenWhenTheirFirstBootIsThrough(t *testing.T) {
	for _, worker := range []string{"aver-worker-1", "aver-worker-2"} {
		log := box.exec(t, worker, "journalctl", "-b", "-o", "cat", "--no-pager", "-t", "sshd", "-t", "sshd-session", "-t", "systemd")
		before, _, accepted := strings.Cut(log, "Accepted publickey")
		if starts := strings.Count(before, "Server listening on 0.0.0.0"); !accepted || starts != 1 {
			t.Errorf("sshd of %s started %d times before the first login, want once:\n%s", worker, starts, tail(before, 30))
		}
		if !strings.Contains(before, "multi-user.target") {
			t.Errorf("sshd of %s let somebody in before its boot was through:\n%s", worker, tail(before, 30))
		}
	}
}

func TestManagerHostKeyIsTheOneInTheOutputs(t *testing.T) {
	o := box.outputs(t)
	other := box.exec(t, "aver-worker-1", "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
	config, err := sshConfig(o.SSHUser, o.AdminPrivateKey, other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ssh.Dial("tcp", net.JoinHostPort(o.ManagerIP, "22"), config); err == nil || !strings.Contains(err.Error(), "host key") {
		t.Errorf("with another node's host key in hand: %v, want a mismatch", err)
	}
}
