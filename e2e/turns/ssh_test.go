package turns

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"regexp"
	"sync"

	"golang.org/x/crypto/ssh"

	"averazure/sandbox/hosts"
)

// refusal is the exit status of a command that should drain a node; other commands end with
// 0.
const refusal = 7

// sshds are the VMs' SSH servers, by address. Each accepts every login and forwards to the
// others, but drains no node and does not really run any command.
type sshds struct {
	mu   sync.Mutex
	keys map[string]ssh.Signer // host keys, by private address
	open map[string]net.Listener
}

// hostKey finds the private key in the data of a first boot.
var hostKey = regexp.MustCompile(`(?s)-----BEGIN OPENSSH PRIVATE KEY-----.*?-----END OPENSSH PRIVATE KEY-----`)

// boot starts a VM's server, with the host key of its first boot.
func (s *sshds) boot(vm hosts.VM) error {
	text := regexp.MustCompile(`\n +`).ReplaceAllString(string(hostKey.Find(vm.CustomData)), "\n")
	key, err := ssh.ParsePrivateKey([]byte(text + "\n"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[vm.PrivateIP] = key
	if vm.PublicIP == "" || s.open[vm.PublicIP] != nil {
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(vm.PublicIP, "22"))
	if err != nil {
		return err
	}
	s.open[vm.PublicIP] = listener
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, vm.PrivateIP)
		}
	}()
	return nil
}

// close ends all servers.
func (s *sshds) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, listener := range s.open {
		listener.Close()
	}
}

// serve handles one connection to the VM with the private address.
func (s *sshds) serve(conn net.Conn, address string) {
	defer conn.Close()
	config := &ssh.ServerConfig{NoClientAuth: true, PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	s.mu.Lock()
	config.AddHostKey(s.keys[address])
	s.mu.Unlock()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for wanted := range channels {
		channel, requests, err := wanted.Accept()
		if err != nil {
			return
		}
		if wanted.ChannelType() == "session" {
			go end(channel, requests)
			continue
		}
		var to struct {
			Host      string
			Port      uint32
			From      string
			FromLocal uint32
		}
		if err := ssh.Unmarshal(wanted.ExtraData(), &to); err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		near, far := net.Pipe()
		go s.serve(far, to.Host)
		go func() { _, _ = io.Copy(near, channel); near.Close() }()
		go func() { _, _ = io.Copy(channel, near); channel.Close() }()
	}
}

// end ends the session's command.
func end(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for request := range requests {
		_ = request.Reply(request.Type == "exec", nil)
		if request.Type != "exec" {
			continue
		}
		status := uint32(0)
		if bytes.Contains(request.Payload, []byte("'drain'")) {
			status = refusal
		}
		_, _ = channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, status))
		return
	}
}
