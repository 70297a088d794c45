package azure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/sandbox/blobs"
	"averazure/sandbox/fabric"
	"averazure/sandbox/hosts"
	"averazure/sandbox/nameserver"
	"averazure/sandbox/plugin"
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

// world is a cloud under test with short methods to use it as the engine does.
type world struct {
	t     *testing.T
	cloud *Cloud
	fake  *fakeHosts
	types map[string]plugin.Type
	file  string
}

func newWorld(t *testing.T) *world {
	return reopen(t, newFake(), filepath.Join(t.TempDir(), "cloud.json"))
}

func reopen(t *testing.T, fake *fakeHosts, file string) *world {
	w := &world{t: t, fake: fake, file: file, cloud: New(fake, file), types: map[string]plugin.Type{}}
	for _, p := range w.cloud.Plugins() {
		for token, typ := range p.Types {
			w.types[token] = typ
		}
	}
	return w
}

// res is a resource as an engine records it.
type res struct {
	w             *world
	token, name   string
	id            string
	inputs, state object
}

func (w *world) urn(token, name string) resource.URN {
	return resource.URN("urn:pulumi:dev::proj::" + token + "::" + name)
}

// full finds a token by its last part. If several match, it returns the program's, which
// is the last by name.
func (w *world) full(token string) string {
	if strings.Contains(token, ":") {
		return token
	}
	found := ""
	for t := range w.types {
		if typeName(t) == token {
			found = max(found, t)
		}
	}
	if found == "" {
		w.t.Fatalf("no type %s", token)
	}
	return found
}

// try creates a resource after Check, or returns the error.
func (w *world) try(token, name string, inputs object) (*res, error) {
	w.t.Helper()
	token = w.full(token)
	typ, urn := w.types[token], w.urn(token, name)
	checked, failures, err := typ.Check(context.Background(), urn, nil, toEngine(inputs))
	if err != nil {
		return nil, err
	}
	if len(failures) > 0 {
		return nil, fmt.Errorf("check: %s", failures[0].Reason)
	}
	id, state, err := typ.Create(context.Background(), urn, checked, false)
	if err != nil {
		return nil, err
	}
	return &res{w: w, token: token, name: name, id: id, inputs: fromEngine(checked), state: fromEngine(state)}, nil
}

func (w *world) create(token, name string, inputs object) *res {
	w.t.Helper()
	r, err := w.try(token, name, inputs)
	if err != nil {
		w.t.Fatalf("create %s %s: %v", token, name, err)
	}
	return r
}

// refused creates a resource and requires the code and both of the resource's names in
// the refusal.
func (w *world) refused(code, token, name string, inputs object) string {
	w.t.Helper()
	_, err := w.try(token, name, inputs)
	return w.wantRefusal(err, code, name)
}

func (w *world) wantRefusal(err error, code, name string) string {
	w.t.Helper()
	if err == nil {
		w.t.Fatalf("%s was accepted, want %s", name, code)
	}
	if strings.HasPrefix(err.Error(), "check: ") {
		name = "" // here the engine names the resource
	}
	for _, part := range []string{code, name} {
		if !strings.Contains(err.Error(), part) {
			w.t.Errorf("%v\n does not name %q", err, part)
		}
	}
	return err.Error()
}

// update changes inputs in place.
func (r *res) update(changes object) error {
	typ, urn := r.w.types[r.token], r.w.urn(r.token, r.name)
	news := clone(r.inputs)
	for path, v := range changes {
		put(news, path, v)
	}
	state, err := typ.Update(context.Background(), urn, r.id, toEngine(r.inputs), toEngine(r.state), toEngine(news), false)
	if err != nil {
		return err
	}
	r.inputs, r.state = news, fromEngine(state)
	return nil
}

func (r *res) diff(changes object) plugin.Diff {
	news := clone(r.inputs)
	for path, v := range changes {
		put(news, path, v)
	}
	d, err := r.w.types[r.token].Diff(context.Background(), r.w.urn(r.token, r.name), r.id, toEngine(r.inputs), toEngine(r.state), toEngine(news))
	if err != nil {
		r.w.t.Fatal(err)
	}
	return d
}

func (r *res) delete() error {
	return r.w.types[r.token].Delete(context.Background(), r.w.urn(r.token, r.name), r.id, toEngine(r.inputs), toEngine(r.state))
}

// gone tells whether a refresh would drop the resource.
func (r *res) gone() bool {
	r.w.t.Helper()
	id, _, _, err := r.w.types[r.token].Read(context.Background(), r.w.urn(r.token, r.name), r.id, toEngine(r.inputs), toEngine(r.state))
	if err != nil {
		r.w.t.Fatal(err)
	}
	return id == ""
}
