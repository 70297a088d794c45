package e2e

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// The connections that 100 workers cost the first manager in a first up. pulumi-command
// opens a new connection for each command, also to the manager as the jump host, and leaves
// it open. The prepare, join and settings commands of a worker go through the manager. Its
// membership command runs on the manager, and so do the manager's own commands.
const (
	manyWorkers = 100
	throughIt   = 3 * manyWorkers
	toIt        = manyWorkers + 10
	// atOnce is how many operations the engine runs on a machine of 64 processors.
	atOnce = 256
)

// TestSlowManagerHoldsTheConnectionsOfAHundredWorkers opens the connections as the plugin
// does, as many at once as the engine would, keeps them open, and logs in once more.
func TestSlowManagerHoldsTheConnectionsOfAHundredWorkers(t *testing.T) {
	isSlow(t)
	began := time.Now()
	held := &connections{t: t, o: box.outputs(t)}
	held.keys = map[string]string{}
	for _, worker := range []string{"aver-worker-1", "aver-worker-2"} {
		held.keys[worker] = box.exec(t, worker, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
	}
	t.Cleanup(func() {
		held.close()
		eventually(t, 30*time.Second, "sshd to end what was closed", func() (bool, string) {
			count := processes(t)
			return count < 20, strconv.Itoa(count)
		})
	})
	held.open()
	if len(held.problems) > 0 {
		t.Fatalf("%d of %d connections failed, the first: %v", len(held.problems), throughIt+toIt, held.problems[0])
	}
	t.Logf("opened in %s", time.Since(began).Round(time.Second))
	// Each connection has one process of root and one of the user.
	if count := processes(t); count < 2*(throughIt+toIt) {
		t.Errorf("only %d processes of sshd: it has not kept the %d connections", count, throughIt+toIt)
	}
	client, err := managerSSH(t, held.o.SSHUser, held.o.AdminPrivateKey)
	if err != nil {
		t.Fatalf("one more login: %v", err)
	}
	defer client.Close()
	if err := runOn(client, "true"); err != nil {
		t.Errorf("one more command: %v", err)
	}
}

// processes counts the sshd processes on the manager.
func processes(t *testing.T) int {
	t.Helper()
	count, err := strconv.Atoi(strings.TrimSpace(box.exec(t, "aver-manager", "pgrep", "--count", "^sshd")))
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// connections are the connections that one run of the plugin holds.
type connections struct {
	t    *testing.T
	o    *outputs
	keys map[string]string // host keys of the workers

	mu       sync.Mutex
	clients  []*ssh.Client
	problems []error
}

// open makes all connections, at most atOnce of them at the same time.
func (c *connections) open() {
	var wait sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range throughIt + toIt {
		wait.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wait.Done() }()
			worker := ""
			if i < throughIt {
				worker = "aver-worker-" + strconv.Itoa(1+i%2)
			}
			if err := c.command(worker); err != nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.problems = append(c.problems, fmt.Errorf("command %d (%s): %w", i, worker, err))
			}
		}()
	}
	wait.Wait()
}

// command runs one command as the plugin does, on a worker through the manager or
// on the manager itself, and leaves everything open.
func (c *connections) command(worker string) error {
	config, err := sshConfig(c.o.SSHUser, c.o.AdminPrivateKey, c.o.ManagerHostKey)
	if err != nil {
		return err
	}
	manager, err := ssh.Dial("tcp", net.JoinHostPort(c.o.ManagerIP, "22"), config)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.clients = append(c.clients, manager)
	c.mu.Unlock()
	if worker == "" {
		return runOn(manager, "true")
	}
	if config, err = sshConfig(c.o.SSHUser, c.o.AdminPrivateKey, c.keys[worker]); err != nil {
		return err
	}
	address := net.JoinHostPort(c.o.privateAddress(worker), "22")
	through, err := manager.Dial("tcp", address)
	if err != nil {
		return err
	}
	connection, channels, requests, err := ssh.NewClientConn(through, address, config)
	if err != nil {
		return err
	}
	return runOn(ssh.NewClient(connection, channels, requests), "true")
}

func (c *connections) close() {
	for _, client := range c.clients {
		client.Close()
	}
}

func runOn(client *ssh.Client, command string) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	return session.Run(command)
}

// privateAddress is a node's address in the virtual network.
func (o *outputs) privateAddress(name string) string {
	for _, node := range o.Nodes {
		if node.Name == name {
			return node.PrivateAddress
		}
	}
	return ""
}
