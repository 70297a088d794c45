package command

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

// sshServer is a host with one user and one host key. It runs commands with sh, forwards
// connections, and accepts no variables, like a standard sshd.
type sshServer struct {
	address    string
	hostKey    ssh.Signer
	clientKey  string // OpenSSH PEM
	home       string // start directory of sftp
	acceptEnv  bool
	drop       atomic.Int32 // connections to close before the handshake
	logins     atomic.Int32
	forwarding atomic.Int32
}

func startServer(t *testing.T) *sshServer {
	t.Helper()
	host, _ := newKey(t)
	client, pem := newKey(t)
	s := &sshServer{hostKey: host, clientKey: pem, home: t.TempDir()}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(client.PublicKey().Marshal()) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s.address = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, config)
		}
	}()
	return s
}

func newKey(t *testing.T) (ssh.Signer, string) {
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
	return signer, string(pem.EncodeToMemory(block))
}

func (s *sshServer) serve(conn net.Conn, config *ssh.ServerConfig) {
	if s.drop.Add(-1) >= 0 {
		conn.Close()
		return
	}
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	s.logins.Add(1)
	go ssh.DiscardRequests(requests)
	for c := range channels {
		switch c.ChannelType() {
		case "session":
			go s.session(c)
		case "direct-tcpip":
			go s.forward(c)
		default:
			c.Reject(ssh.UnknownChannelType, c.ChannelType())
		}
	}
}

func (s *sshServer) session(c ssh.NewChannel) {
	channel, requests, err := c.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	var env []string
	for r := range requests {
		switch r.Type {
		case "env":
			var v struct{ Name, Value string }
			ssh.Unmarshal(r.Payload, &v)
			env = append(env, v.Name+"="+v.Value)
			r.Reply(s.acceptEnv, nil)
		case "subsystem":
			r.Reply(true, nil)
			if server, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(s.home)); err == nil {
				server.Serve()
			}
			return
		case "exec":
			var v struct{ Command string }
			ssh.Unmarshal(r.Payload, &v)
			r.Reply(true, nil)
			cmd := exec.Command("sh", "-c", v.Command)
			cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, channel, channel, channel.Stderr()
			status := struct{ Status uint32 }{}
			var exit *exec.ExitError
			if err := cmd.Run(); errors.As(err, &exit) {
				status.Status = uint32(exit.ExitCode())
			}
			channel.SendRequest("exit-status", false, ssh.Marshal(status))
			return
		default:
			r.Reply(false, nil)
		}
	}
}

func (s *sshServer) forward(c ssh.NewChannel) {
	var to struct {
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}
	ssh.Unmarshal(c.ExtraData(), &to)
	conn, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		c.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := c.Accept()
	if err != nil {
		return
	}
	s.forwarding.Add(1)
	go ssh.DiscardRequests(requests)
	go func() { io.Copy(conn, channel); conn.Close() }()
	io.Copy(channel, conn)
	channel.Close()
}

// connection is the connection to the server after Check.
func (s *sshServer) connection(extra resource.PropertyMap) resource.PropertyValue {
	host, text, _ := net.SplitHostPort(s.address)
	port, _ := strconv.Atoi(text)
	m := resource.PropertyMap{
		"host":           resource.NewStringProperty(host),
		"port":           resource.NewNumberProperty(float64(port)),
		"user":           resource.NewStringProperty("azureuser"),
		"privateKey":     resource.NewStringProperty(s.clientKey),
		"hostKey":        resource.NewStringProperty(string(ssh.MarshalAuthorizedKey(s.hostKey.PublicKey()))),
		"dialErrorLimit": resource.NewNumberProperty(1),
		"perDialTimeout": resource.NewNumberProperty(5),
	}
	for k, v := range extra {
		m[k] = v
	}
	return resource.NewObjectProperty(m)
}
