package turns

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"averazure/sandbox/blobs"
	"averazure/sandbox/fabric"
	"averazure/sandbox/hosts"
	"averazure/sandbox/nameserver"
)

// vms are a cloud's VMs, of which only the sshd exists.
type vms struct {
	sshds
	mutex     sync.Mutex
	addresses int
	running   map[string]bool
}

func (m *vms) CreateNetwork(context.Context, string, string) error { return nil }
func (m *vms) DeleteNetwork(context.Context, string) error         { return nil }
func (m *vms) ReleasePublicIP(context.Context, string) error       { return nil }
func (m *vms) Filter(context.Context, string, []hosts.Rule) error  { return nil }
func (m *vms) SetNames([]string, []nameserver.Record) error        { return nil }
func (m *vms) Connect(context.Context, hosts.VM) error             { return nil }
func (m *vms) Balance(context.Context, fabric.Config) error        { return nil }
func (m *vms) Remove(_ context.Context, id string) error           { return m.set(id, false) }
func (m *vms) Boot(_ context.Context, vm hosts.VM) error {
	return errors.Join(m.boot(vm), m.set(vm.ID, true))
}
func (m *vms) Running(_ context.Context, id string) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.running[id], nil
}
func (m *vms) AllocatePublicIP(context.Context, string) (string, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.addresses++
	return fmt.Sprintf("127.0.9.%d", m.addresses), nil
}

func (m *vms) set(id string, running bool) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.running[id] = running
	return nil
}

func (m *vms) Restart(context.Context, string) error              { return nil }
func (m *vms) SizeDisk(context.Context, string, int) error        { return nil }
func (m *vms) RemoveDisk(context.Context, string) error           { return nil }
func (m *vms) Attach(context.Context, string, []hosts.Disk) error { return nil }

func (m *vms) Identify(context.Context, string, hosts.Identity) error { return nil }
func (m *vms) BlobAddress() string                                    { return "" }
func (m *vms) Blobs(context.Context, blobs.Table) error               { return nil }
