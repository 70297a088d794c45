package survey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// patience bounds one login, and one question to a manager if another one can be asked; the
// run's own limit bounds all of them together.
const patience = 5 * time.Second

// login opens a verified connection to a node, as the program does: to a manager's public
// address, or through a manager to a worker's private one. The connection lasts as long as
// the context.
func (c Cluster) login(ctx context.Context, n Node, through *ssh.Client) (_ *ssh.Client, err error) {
	defer func() {
		if err != nil {
			err = &noLogin{n.Name, err}
		}
	}()
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	config, err := c.config(n)
	if err != nil {
		return nil, err
	}
	var connection net.Conn
	address := net.JoinHostPort(n.PublicAddress, "22")
	if through == nil {
		connection, err = c.dial(ctx, "tcp", address)
	} else {
		address = net.JoinHostPort(n.PrivateAddress, "22")
		connection, err = through.DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, orSilent(ctx, err)
	}
	// A handshake has no time limit, and a forwarded connection has no deadline.
	stop := context.AfterFunc(ctx, func() { connection.Close() })
	defer stop()
	client, channels, requests, err := ssh.NewClientConn(connection, address, config)
	if err != nil {
		connection.Close()
		return nil, orSilent(ctx, err)
	}
	context.AfterFunc(whole, func() { client.Close() })
	return ssh.NewClient(client, channels, requests), nil
}

// orSilent replaces the error with a plain sentence if time has run out.
func orSilent(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("its sshd does not answer")
	}
	return err
}

func (c Cluster) config(n Node) (*ssh.ClientConfig, error) {
	signer, err := ssh.ParsePrivateKey([]byte(c.Key))
	if err != nil {
		return nil, fmt.Errorf("the admin's key: %w", err)
	}
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(n.HostKey))
	if err != nil {
		return nil, fmt.Errorf("the host key of %s: %w", n.Name, err)
	}
	return &ssh.ClientConfig{
		User: c.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, Timeout: c.patience,
		HostKeyCallback: ssh.FixedHostKey(hostKey), HostKeyAlgorithms: []string{hostKey.Type()},
	}, nil
}

// Run runs a command with input on the first manager that answers and is not the one that
// the command is about, or on that one if there is no other. It is for commands that are
// needed before the engine changes something.
func (c Cluster) Run(ctx context.Context, about, line, input string) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	managers, err := c.answering(ctx, about)
	if len(managers) == 0 {
		return fmt.Errorf("no manager could be asked: %w", err)
	}
	if _, _, err = run(ctx, managers[0].client, line, []byte(input)); err != nil {
		return fmt.Errorf("on %s: %w", managers[0].Name, err)
	}
	return nil
}

// run runs one command, within the context. If the command ended with an exit status other
// than 0, status is that status, and the error describes it.
func run(ctx context.Context, client *ssh.Client, line string, input []byte) (stdout []byte, status int, err error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, 0, err
	}
	defer session.Close()
	stop := context.AfterFunc(ctx, func() { session.Close() })
	defer stop()
	var out, complaint bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = bytes.NewReader(input), &out, &complaint
	err = session.Run(line)
	var exit *ssh.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, 0, errors.New("no answer in time")
	case errors.As(err, &exit):
		last := complaint.String()
		if i := strings.LastIndexByte(strings.TrimSpace(last), '\n'); i >= 0 {
			last = last[i+1:]
		}
		return out.Bytes(), exit.ExitStatus(), fmt.Errorf("status %d: %s", exit.ExitStatus(), strings.TrimSpace(last))
	}
	return out.Bytes(), 0, err
}
