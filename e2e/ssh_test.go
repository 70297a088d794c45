package e2e

import (
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// managerSSH logs in to the first manager with the key, verifying the host
// key that the stack's outputs name.
func managerSSH(t *testing.T, user, privateKey string) (*ssh.Client, error) {
	t.Helper()
	o := box.outputs(t)
	config, err := sshConfig(user, privateKey, o.ManagerHostKey)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.Dial("tcp", net.JoinHostPort(o.ManagerIP, "22"), config)
}

func sshConfig(user, privateKey, hostKey string) (*ssh.ClientConfig, error) {
	signer, err := ssh.ParsePrivateKey([]byte(privateKey))
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(hostKey))
	if err != nil {
		return nil, fmt.Errorf("read the host key: %w", err)
	}
	return &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(known), HostKeyAlgorithms: []string{known.Type()},
		Timeout: 10 * time.Second,
	}, nil
}
