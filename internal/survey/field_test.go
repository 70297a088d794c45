package survey

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"averazure/internal/release"
)

// field are nodes with an sshd each. As with the real packet filter, a manager is reached
// at its public address, and a worker at its private one, from a manager.
type field struct {
	t       *testing.T
	dead    map[string]bool   // by the node's name
	status  map[string]string // what stackctl prints on the node; empty if the node has no stackctl
	cluster Cluster
	hosts   map[string]ssh.Signer
	frozen  map[string]bool // nodes that accept logins but whose stackctl never ends
	silent  []string        // managers that do not answer, as reported by Look
	bound   []release.BoundService
	ran     chan string // where a command ran, the command, and its input
}

func newField(t *testing.T, managers, workers int) *field {
	t.Helper()
	_, block := newKey(t)
	f := &field{t: t, dead: map[string]bool{}, frozen: map[string]bool{}, status: map[string]string{}, hosts: map[string]ssh.Signer{}, ran: make(chan string, 9)}
	f.cluster = New("aver", string(pem.EncodeToMemory(block)), nil)
	f.cluster.patience, f.cluster.dial = time.Second, f.dial(true)
	for i := range managers + workers {
		n := Node{Name: fmt.Sprintf("manager-%d", i+1), Role: Manager, PublicAddress: fmt.Sprintf("203.0.113.%d", i+1), PrivateAddress: fmt.Sprintf("10.0.0.%d", i+1)}
		if i >= managers {
			n.Name, n.Role = fmt.Sprintf("worker-%d", i-managers+1), "worker"
		}
		host, _ := newKey(t)
		n.HostKey = string(ssh.MarshalAuthorizedKey(host.PublicKey()))
		f.hosts[n.Name] = host
		f.cluster.Nodes = append(f.cluster.Nodes, n)
	}
	return f
}

func newKey(t *testing.T) (ssh.Signer, *pem.Block) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, block
}

// dial reaches a node from outside, or from a manager.
func (f *field) dial(outside bool) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		for _, n := range f.cluster.Nodes {
			own, open := n.PublicAddress, n.Role == Manager
			if !outside {
				own, open = n.PrivateAddress, n.Role != Manager
			}
			if address == net.JoinHostPort(own, "22") && open && !f.dead[n.Name] {
				return f.connect(n)
			}
		}
		return nil, errors.New("the packet filter drops " + address)
	}
}

// connect returns a connection with a buffer. net.Pipe has no buffer.
func (f *field) connect(n Node) (net.Conn, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		defer listener.Close()
		if far, err := listener.Accept(); err == nil {
			f.serve(n, far)
		}
	}()
	return net.Dial("tcp", listener.Addr().String())
}

func (f *field) serve(n Node, connection net.Conn) {
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(f.hosts[n.Name])
	_, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		switch channel.ChannelType() {
		case "session":
			go f.session(n, channel)
		case "direct-tcpip":
			go f.forward(channel)
		}
	}
}

func (f *field) session(n Node, offered ssh.NewChannel) {
	channel, requests, err := offered.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	for request := range requests {
		var exec struct{ Line string }
		if request.Type != "exec" || ssh.Unmarshal(request.Payload, &exec) != nil {
			continue
		}
		_ = request.Reply(true, nil)
		status := 0
		if strings.Contains(exec.Line, "member") {
			text, _ := io.ReadAll(channel)
			f.ran <- n.Name + ": " + exec.Line + ": " + string(text)
		}
		if f.frozen[n.Name] && strings.Contains(exec.Line, "stackctl") {
			<-f.t.Context().Done()
		}
		if strings.Contains(exec.Line, "stackctl diff") {
			input, _ := io.ReadAll(channel)
			fmt.Fprintf(channel, `{"changes":[{"text":%q}]}`, n.Name+" "+exec.Line+" "+string(input))
		} else if strings.Contains(exec.Line, "stackctl") {
			if f.status[n.Name] == "" {
				fmt.Fprintln(channel.Stderr(), "stackctl: command not found")
				status = 1
			}
			_, _ = io.WriteString(channel, f.status[n.Name])
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
		return
	}
}

func (f *field) forward(offered ssh.NewChannel) {
	var to struct {
		Host string
		Port uint32
		From string
		Via  uint32
	}
	if err := ssh.Unmarshal(offered.ExtraData(), &to); err != nil {
		return
	}
	far, err := f.dial(false)(f.t.Context(), "tcp", net.JoinHostPort(to.Host, fmt.Sprint(to.Port)))
	if err != nil {
		_ = offered.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := offered.Accept()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(far, channel) }()
	_, _ = io.Copy(channel, far)
	channel.Close()
}
