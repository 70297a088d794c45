package command

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"averazure/sandbox/plugin"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/retry"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// endpoint is one host to log in to.
type endpoint struct {
	address string
	tries   int // failed attempts before giving up; -1: no limit
	config  *ssh.ClientConfig
	proxy   *endpoint
}

func newEndpoint(m resource.PropertyMap) (*endpoint, error) {
	user, ok := text(m, "user")
	if !ok {
		user = "root"
	}
	host, _ := text(m, "host")
	config := &ssh.ClientConfig{
		User:            user,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Timeout:         time.Duration(number(m, "perDialTimeout", 15)) * time.Second,
	}
	if err := verify(config, m); err != nil {
		return nil, err
	}
	if err := authenticate(config, m); err != nil {
		return nil, err
	}
	e := &endpoint{
		address: net.JoinHostPort(host, strconv.Itoa(int(number(m, "port", 22)))),
		tries:   int(number(m, "dialErrorLimit", 10)),
		config:  config,
	}
	if p, ok := m["proxy"]; ok && p.IsObject() {
		proxy, err := newEndpoint(p.ObjectValue())
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		e.proxy = proxy
	}
	return e, nil
}

// connect logs in to the resource's host.
func connect(ctx context.Context, state resource.PropertyMap) (client *ssh.Client, closeAll func(), err error) {
	target, ok := state["connection"]
	if !ok || !target.IsObject() {
		return nil, nil, fmt.Errorf("connection: not an object")
	}
	endpoint, err := newEndpoint(target.ObjectValue())
	if err != nil {
		return nil, nil, err
	}
	return endpoint.dial(ctx)
}

// verify pins the host key if one is given (pulumi-command #794). It also pins the
// algorithm, so a host with several keys shows this one.
func verify(config *ssh.ClientConfig, m resource.PropertyMap) error {
	line, ok := text(m, "hostKey")
	if !ok {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return fmt.Errorf("parse host key: %w", err)
	}
	config.HostKeyCallback = ssh.FixedHostKey(key)
	if key.Type() == ssh.KeyAlgoED25519 {
		config.HostKeyAlgorithms = []string{ssh.KeyAlgoED25519}
	}
	return nil
}

// authenticate offers the private key, then the password, then the agent's keys.
func authenticate(config *ssh.ClientConfig, m resource.PropertyMap) error {
	if pem, ok := text(m, "privateKey"); ok {
		signer, err := parseKey(pem, m)
		if err != nil {
			return err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if password, ok := text(m, "password"); ok {
		config.Auth = append(config.Auth, ssh.Password(password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = password
				}
				return answers, nil
			}))
	}
	socket, ok := text(m, "agentSocketPath")
	if !ok {
		socket = os.Getenv("SSH_AUTH_SOCK")
	}
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	return nil
}

func parseKey(pem string, m resource.PropertyMap) (ssh.Signer, error) {
	if password, ok := text(m, "privateKeyPassword"); ok {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(pem), []byte(password))
	}
	return ssh.ParsePrivateKey([]byte(pem))
}

// dial logs in, through the proxy if there is one. closeAll closes both connections.
func (e *endpoint) dial(ctx context.Context) (client *ssh.Client, closeAll func(), err error) {
	if e.proxy == nil {
		client, err = attempts(ctx, "Dial", e.tries, func() (*ssh.Client, error) {
			return ssh.Dial("tcp", e.address, e.config)
		})
		if err != nil {
			return nil, nil, err
		}
		return client, func() { client.Close() }, nil
	}
	through, err := attempts(ctx, "Dial proxy", e.proxy.tries, func() (*ssh.Client, error) {
		return ssh.Dial("tcp", e.proxy.address, e.proxy.config)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("proxy: %w", err)
	}
	if client, err = e.over(ctx, through); err != nil {
		through.Close()
		return nil, nil, fmt.Errorf("proxy: %w", err)
	}
	return client, func() { client.Close(); through.Close() }, nil
}

// over logs in through the proxy as the original does: it dials until it has one connection
// and tries every handshake on that connection. A failed handshake closes the connection,
// so all later tries fail too. Neither step has a time limit; they are interrupted only
// when the engine ends.
func (e *endpoint) over(ctx context.Context, proxy *ssh.Client) (*ssh.Client, error) {
	defer whenAbandoned(ctx, func() { proxy.Close() })()
	conn, err := attempts(ctx, "Dial from proxy", e.tries, func() (net.Conn, error) {
		return proxy.Dial("tcp", e.address)
	})
	if err != nil {
		return nil, err
	}
	return attempts(ctx, "Dial", e.tries, func() (*ssh.Client, error) {
		c, channels, requests, err := ssh.NewClientConn(conn, e.address, e.config)
		if err != nil {
			return nil, err
		}
		return ssh.NewClient(c, channels, requests), nil
	})
}

// attempts is the original's dialWithRetry. Until the limit it tries again after every
// error, even after a refused login or a wrong host key. The pause starts at 0.1 s and
// grows by half each time, up to 5 s.
func attempts[T any](ctx context.Context, what string, limit int, dial func() (T, error)) (done T, err error) {
	ok, _, err := retry.Until(ctx, retry.Acceptor{
		Accept: func(try int, _ time.Duration) (bool, any, error) {
			var err error
			if done, err = dial(); err == nil {
				return true, nil, nil
			}
			if limit > -1 && try+1 > limit {
				return true, nil, fmt.Errorf("after %d failed attempts: %w", try, err)
			}
			of := strconv.Itoa(limit)
			if limit == -1 {
				of = "inf"
			}
			plugin.Status(ctx, fmt.Sprintf("%s %d/%s failed: retrying", what, try+1, of))
			return false, nil, nil
		},
	})
	if err == nil && !ok {
		err = ctx.Err()
	}
	return done, err
}

// whenAbandoned calls end when nobody waits for the result any more, unless stop was
// called before.
func whenAbandoned(ctx context.Context, end func()) (stop func()) {
	stopped := make(chan struct{})
	go func() {
		select {
		case <-plugin.Abandoned(ctx):
			end()
		case <-stopped:
		}
	}()
	return func() { close(stopped) }
}
