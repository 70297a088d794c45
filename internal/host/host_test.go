package host_test

import (
	"reflect"
	"testing"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
)

func manager() host.Host {
	return host.Host{
		Name: "aver-manager", Role: host.Manager, Address: "10.20.1.10", User: "aver",
		PublicAddress: pulumi.String("203.0.113.10").ToStringOutput(),
		HostKey:       pulumi.String("ssh-ed25519 AAAAmanager\n").ToStringOutput(),
		PrivateKey:    pulumi.ToSecret(pulumi.String("key")).(pulumi.StringOutput),
	}
}

// resolve returns the plain connection behind its inputs.
func resolve(t *testing.T, args remote.ConnectionArgs) remote.Connection {
	t.Helper()
	done := make(chan remote.Connection, 1)
	args.ToConnectionOutput().ApplyT(func(c remote.Connection) error {
		done <- c
		return nil
	})
	return <-done
}

func TestManagerIsDialledAtItsPublicAddress(t *testing.T) {
	got := resolve(t, manager().Connection())
	if got.Host != "203.0.113.10" || got.Proxy != nil {
		t.Errorf("host %q, proxy %v: want the public address and no proxy", got.Host, got.Proxy)
	}
	if *got.HostKey != "ssh-ed25519 AAAAmanager" {
		t.Errorf("host key %q: want it without a line end", *got.HostKey)
	}
	if *got.User != "aver" || *got.PrivateKey != "key" {
		t.Errorf("user %q, key %q", *got.User, *got.PrivateKey)
	}
}

func TestWorkerIsReachedThroughItsManager(t *testing.T) {
	jump := manager()
	worker := host.Host{
		Name: "aver-worker-1", Role: host.Worker, Address: "10.20.1.20", User: "aver", Jump: &jump,
		PublicAddress: pulumi.String("203.0.113.11").ToStringOutput(),
		HostKey:       pulumi.String("ssh-ed25519 AAAAworker\n").ToStringOutput(),
		PrivateKey:    jump.PrivateKey,
	}
	got := resolve(t, worker.Connection())
	if got.Host != "10.20.1.20" {
		t.Errorf("host %q: want the private address", got.Host)
	}
	if got.Proxy == nil || got.Proxy.Host != "203.0.113.10" {
		t.Fatalf("proxy %+v: want the manager's public address", got.Proxy)
	}
	if *got.HostKey != "ssh-ed25519 AAAAworker" || *got.Proxy.HostKey != "ssh-ed25519 AAAAmanager" {
		t.Errorf("host keys %q and %q: want each host's own", *got.HostKey, *got.Proxy.HostKey)
	}
}

// A VM needs minutes until its sshd answers: the provider's default of ten
// attempts lasts eleven seconds.
func TestConnectionIsPatient(t *testing.T) {
	jump := manager()
	worker := host.Host{Jump: &jump, PublicAddress: jump.PublicAddress, HostKey: jump.HostKey, PrivateKey: jump.PrivateKey}
	got := resolve(t, worker.Connection())
	for name, limit := range map[string]*int{"worker": got.DialErrorLimit, "jump host": got.Proxy.DialErrorLimit} {
		if limit == nil || *limit < 60 {
			t.Errorf("%s: dialErrorLimit %v: want at least 60", name, limit)
		}
	}
	for name, seconds := range map[string]*int{"worker": got.PerDialTimeout, "jump host": got.Proxy.PerDialTimeout} {
		if seconds == nil || *seconds <= 0 {
			t.Errorf("%s: perDialTimeout %v: want a bound", name, seconds)
		}
	}
}

func TestPrivateKeyStaysSecret(t *testing.T) {
	key := manager().Connection().PrivateKey.(pulumi.StringOutput)
	if !reflect.DeepEqual(pulumi.IsSecret(key), true) {
		t.Error("the private key lost its secretness")
	}
}
