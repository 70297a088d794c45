package command

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func TestProxyJump(t *testing.T) {
	jump, target := startServer(t), startServer(t)
	state := resource.PropertyMap{"connection": target.connection(resource.PropertyMap{"proxy": jump.connection(nil)})}
	if err := run(context.Background(), state, "echo there"); err != nil {
		t.Fatal(err)
	}
	if state["stdout"].StringValue() != "there" || jump.forwarding.Load() != 1 || target.logins.Load() != 1 {
		t.Errorf("stdout %v, %d connections forwarded, %d logins", state["stdout"], jump.forwarding.Load(), target.logins.Load())
	}
}

func TestProxyErrorsSayProxy(t *testing.T) {
	jump, target := startServer(t), startServer(t)
	_, stranger := newKey(t)
	bad := jump.connection(resource.PropertyMap{"privateKey": str(stranger), "dialErrorLimit": resource.NewNumberProperty(0)})
	err := run(context.Background(), resource.PropertyMap{"connection": target.connection(resource.PropertyMap{"proxy": bad})}, "true")
	if err == nil || !strings.HasPrefix(err.Error(), "proxy: after 0 failed attempts") {
		t.Errorf("err = %v", err)
	}
}

// Like the original, the plugin keeps one connection through the jump host and retries a
// failed handshake on that connection.
func TestHandshakeThroughAProxyIsRetriedOnOneConnection(t *testing.T) {
	jump, target := startServer(t), startServer(t)
	target.drop.Store(1)
	connection := target.connection(resource.PropertyMap{"proxy": jump.connection(nil), "dialErrorLimit": resource.NewNumberProperty(2)})
	err := run(context.Background(), resource.PropertyMap{"connection": connection}, "true")
	if err == nil || !strings.HasPrefix(err.Error(), "proxy: after 2 failed attempts: ssh: handshake failed: ") {
		t.Errorf("err = %v", err)
	}
	if jump.forwarding.Load() != 1 || target.logins.Load() != 0 {
		t.Errorf("%d connections forwarded, %d logins", jump.forwarding.Load(), target.logins.Load())
	}
}

func TestDialFromAProxyIsRetried(t *testing.T) {
	jump := startServer(t)
	nowhere := &sshServer{address: "127.0.0.1:1"}
	nowhere.hostKey, nowhere.clientKey = newKey(t)
	err := run(context.Background(), resource.PropertyMap{"connection": nowhere.connection(resource.PropertyMap{"proxy": jump.connection(nil)})}, "true")
	if err == nil || !strings.HasPrefix(err.Error(), "proxy: after 1 failed attempts: ssh: rejected: connect failed") {
		t.Errorf("err = %v", err)
	}
}

// The original waits forever for a target that accepts the connection and then sends
// nothing. The plugin outlives the engine, so here the wait ends when the engine ends.
func TestASilentTargetIsLeftWhenTheEngineIsGone(t *testing.T) {
	jump := startServer(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	silent := &sshServer{address: listener.Addr().String()}
	silent.hostKey, silent.clientKey = newKey(t)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := run(ctx, resource.PropertyMap{"connection": silent.connection(resource.PropertyMap{"proxy": jump.connection(nil)})}, "true"); err == nil {
		t.Error("no error")
	}
	if time.Since(start) > 2*time.Second {
		t.Errorf("ended after %s", time.Since(start))
	}
}

func TestDialRetriesUpToTheLimit(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	calls := make(chan struct{}, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			calls <- struct{}{}
			conn.Close()
		}
	}()
	s := &sshServer{address: listener.Addr().String()}
	s.hostKey, s.clientKey = newKey(t)
	limit := resource.PropertyMap{"dialErrorLimit": resource.NewNumberProperty(2)}
	err = run(context.Background(), resource.PropertyMap{"connection": s.connection(limit)}, "true")
	if err == nil || !strings.Contains(err.Error(), "after 2 failed attempts") || len(calls) != 3 {
		t.Errorf("err = %v after %d dials, want 3", err, len(calls))
	}
}

func TestCancelEndsTheDialling(t *testing.T) {
	s := &sshServer{address: "127.0.0.1:1"}
	s.hostKey, s.clientKey = newKey(t)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	forever := resource.PropertyMap{"dialErrorLimit": resource.NewNumberProperty(-1)}
	start := time.Now()
	if err := run(ctx, resource.PropertyMap{"connection": s.connection(forever)}, "true"); err == nil {
		t.Error("no error")
	}
	if time.Since(start) > 2*time.Second {
		t.Errorf("ended after %s", time.Since(start))
	}
}

func TestBadKeysAreNamed(t *testing.T) {
	s := startServer(t)
	err := run(context.Background(), resource.PropertyMap{"connection": s.connection(resource.PropertyMap{"hostKey": str("nonsense")})}, "true")
	if err == nil || !strings.Contains(err.Error(), "parse host key") {
		t.Errorf("err = %v", err)
	}
	if err := run(context.Background(), resource.PropertyMap{"connection": s.connection(resource.PropertyMap{"privateKey": str("nonsense")})}, "true"); err == nil {
		t.Error("a private key that is none was accepted")
	}
}
