package repos

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// manager is an SSH server on this machine that behaves like a manager, as far as a push
// can notice.
type manager struct {
	host  ssh.Signer
	takes bool              // whether it takes the key
	says  string            // what its command prints on standard error, and
	tells string            // what it prints on standard output
	cut   bool              // then the connection breaks
	unfit string            // why it cannot take a deployment; empty where it can
	falls string            // at which verb the connection breaks before an answer
	asked func(verb string) // is called with each verb that the manager is asked for
}

func signer(t *testing.T, key any) ssh.Signer {
	t.Helper()
	made, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func ed25519Key(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, private)
}

// listen returns the port on which each connection is handled.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	return listenAt(t, "127.0.0.1:0", handle)
}

func listenAt(t *testing.T, address string, handle func(net.Conn)) string {
	t.Helper()
	var listener net.Listener
	whenFree(t, func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go handle(conn)
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// whenFree repeats bind while its address is in use. A program that another test has just
// started holds the listeners of this process, closed ones too, until it runs.
func whenFree(t *testing.T, bind func() error) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := bind()
		if err == nil {
			return
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// serve logs one connection in and runs its command.
func (m manager) serve(conn net.Conn) {
	defer conn.Close()
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		if !m.takes {
			return nil, fmt.Errorf("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(m.host)
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer server.Close()
	go ssh.DiscardRequests(requests)
	for each := range channels {
		channel, requests, err := each.Accept()
		if err != nil {
			return
		}
		verb := ""
		for request := range requests {
			request.Reply(request.Type == "exec", nil)
			if request.Type == "exec" {
				verb, _, _ = strings.Cut(string(request.Payload[4:]), " ")
				break
			}
		}
		if m.asked != nil {
			m.asked(verb)
		}
		io.Copy(io.Discard, channel)
		if verb == m.falls {
			return
		}
		if looks := map[string]string{"files": `{"files":[]}`, "status": cmp.Or(m.unfit, "{}")}[verb]; looks != "" {
			if m.unfit == "hang" {
				server.Wait()
				return
			}
			end := uint32(0)
			if verb == "status" && m.unfit != "" {
				end = 1
			}
			io.WriteString(channel, looks)
			channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{end}))
			channel.Close()
			continue
		}
		io.WriteString(channel.Stderr(), m.says)
		io.WriteString(channel, m.tells)
		if m.cut {
			return
		}
		channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{0}))
		channel.Close()
	}
}

// The messages that the script tells apart are those of the real ssh, and not of a
// stand-in.
func TestDeployThroughTheRealSSH(t *testing.T) {
	client, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	ours := ed25519Key(t)
	nist, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(ours.PublicKey())))
	closed := listen(t, func(net.Conn) {})
	for name, test := range map[string]struct {
		port, address, hostKey string
		status                 int
		code                   string
	}{
		"runs":            {listen(t, manager{host: ours, takes: true, says: "stackctl: aver: deploying\n", tells: itRuns}.serve), "", key, 0, "runs"},
		"known_hosts":     {listen(t, manager{host: ours, takes: true, tells: itRuns}.serve), "", "# a\r\n127.0.0.1 " + key + " root@manager\r\n", 0, "runs"},
		"runs, then cut":  {listen(t, manager{host: ours, takes: true, says: "stackctl: aver: deploying\n", tells: itRuns, cut: true}.serve), "", key, 0, "runs"},
		"cut off":         {listen(t, manager{host: ours, takes: true, says: "stackctl: aver: deploying\n", cut: true}.serve), "", key, 255, "broken"},
		"cut off at once": {listen(t, manager{host: ours, takes: true, cut: true}.serve), "", key, 255, "broken"},
		"another login":   {listen(t, manager{host: ours}.serve), "", key, 255, "login-refused"},
		"another machine": {listen(t, manager{host: ed25519Key(t), takes: true}.serve), "", key, 255, "host-key"},
		"another type":    {listen(t, manager{host: signer(t, nist), takes: true}.serve), "", key, 255, "host-key"},
		"half a host key": {listen(t, manager{host: ours, takes: true}.serve), "", key[:60], 255, "host-key-format"},
		"ended at once":   {listen(t, func(conn net.Conn) { conn.Close() }), "", key, 255, "no-ssh"},
		"no SSH at all": {listen(t, func(conn net.Conn) {
			io.WriteString(conn, strings.Repeat("HTTP/1.1 400 Bad Request\r\n", 2000))
			conn.Close()
		}), "", key, 255, "no-ssh"},
		"no name": {closed, "manager.invalid", key, 255, "no-name"},
		"nobody":  {"1", "", key, 255, "port-closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			address := "127.0.0.1"
			if test.address != "" {
				address = test.address
			}
			// The real ssh, with the port of the test.
			b.write("ssh", "#!/bin/bash\nexec "+client+" -p "+test.port+" -o HostKeyAlias="+address+" \"$@\"\n", 0o755)
			output, status := b.run("deploy.sh", "MANAGER_IP="+address, "MANAGER_HOST_KEY="+test.hostKey, "DEPLOY_SECONDS=60")
			if status != test.status || b.code() != test.code {
				t.Errorf("status %d, code %q, want %d, %q\n%s", status, b.code(), test.status, test.code, output)
			}
		})
	}
}
