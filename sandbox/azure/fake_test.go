package azure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"averazure/sandbox/blobs"
	"averazure/sandbox/fabric"
	"averazure/sandbox/hosts"
	"averazure/sandbox/nameserver"
)

// fakeHosts records its calls.
type fakeHosts struct {
	mu        sync.Mutex
	networks  map[string]string
	addresses map[string]string
	vms       map[string]hosts.VM
	filters   map[string][]hosts.Rule
	asked     []string // VMs whose filters were set
	bootError error
	onBoot    func()
	zones     []string
	names     map[string]string   // addresses or target, as one text
	links     map[string]hosts.VM // changed connections, by VM
	balancing fabric.Config
	disks     map[string]int          // GiB, by id
	attached  map[string][]hosts.Disk // by VM
	restarted []string                // VMs

	identities map[string]hosts.Identity
	blobs      []blobs.Table // in the order they came
}

func newFake() *fakeHosts {
	return &fakeHosts{networks: map[string]string{}, addresses: map[string]string{}, vms: map[string]hosts.VM{}, filters: map[string][]hosts.Rule{}, links: map[string]hosts.VM{}, disks: map[string]int{}, attached: map[string][]hosts.Disk{}, identities: map[string]hosts.Identity{}}
}

func (f *fakeHosts) CreateNetwork(_ context.Context, id, cidr string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.networks[id] = cidr
	return nil
}

func (f *fakeHosts) DeleteNetwork(_ context.Context, id string) error {
	if len(f.vms) > 0 {
		return errors.New("network has active endpoints")
	}
	delete(f.networks, id)
	return nil
}

func (f *fakeHosts) AllocatePublicIP(_ context.Context, id string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addresses[id] = fmt.Sprintf("203.0.113.%d", 10+len(f.addresses))
	return f.addresses[id], nil
}

func (f *fakeHosts) ReleasePublicIP(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.addresses, id)
	return nil
}

func (f *fakeHosts) Boot(_ context.Context, vm hosts.VM) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, set := f.filters[vm.ID]; !set {
		return errors.New("booted without security rules")
	}
	f.vms[vm.ID], f.attached[vm.ID] = vm, vm.Disks
	if f.onBoot != nil {
		f.onBoot()
	}
	return f.bootError
}

func (f *fakeHosts) Running(_ context.Context, id string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.vms[id]
	return ok, nil
}

func (f *fakeHosts) Restart(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restarted = append(f.restarted, id)
	return nil
}

func (f *fakeHosts) Remove(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.vms, id)
	return nil
}

func (f *fakeHosts) SizeDisk(_ context.Context, id string, gb int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.disks[id] = gb
	return nil
}

func (f *fakeHosts) RemoveDisk(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.disks, id)
	return nil
}

func (f *fakeHosts) Attach(_ context.Context, id string, disks []hosts.Disk) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attached[id] = disks
	return nil
}

func (f *fakeHosts) Filter(_ context.Context, id string, rules []hosts.Rule) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filters[id] = rules
	f.asked = append(f.asked, id)
	return nil
}

func (f *fakeHosts) SetNames(zones []string, records []nameserver.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.zones, f.names = zones, map[string]string{}
	for _, r := range records {
		f.names[r.Name] = strings.Trim(fmt.Sprint(r.Addresses)+r.Target, "[]")
	}
	return nil
}

func (f *fakeHosts) Connect(_ context.Context, vm hosts.VM) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.links[vm.ID] = vm
	return nil
}

func (f *fakeHosts) Balance(_ context.Context, config fabric.Config) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.balancing = config
	return nil
}

func (f *fakeHosts) Identify(_ context.Context, id string, identity hosts.Identity) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.identities[id] = identity
	return nil
}

func (f *fakeHosts) BlobAddress() string { return "203.0.113.5" }

func (f *fakeHosts) Blobs(_ context.Context, table blobs.Table) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blobs = append(f.blobs, table)
	return nil
}
