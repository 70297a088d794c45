package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// ofTheSandbox are keys of a shipped settings file that the sandbox itself sets: who may
// reach it, and where its registry is.
var ofTheSandbox = []string{"averazure:sshCidrs", "averazure:registryServer", "averazure:registryUsername"}

// production reads the settings of Pulumi.prod.yaml, except those that only a sandbox
// knows.
func production(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(box.project, "Pulumi.prod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Config map[string]any }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(file.Config, func(key string, _ any) bool { return slices.Contains(ofTheSandbox, key) })
	return file.Config
}

// flags turns settings into options of the sandbox's command line.
func flags(config map[string]any) []string {
	var all []string
	add := func(path string, value any) { all = append(all, "--config", fmt.Sprintf("%s=%v", path, value)) }
	for _, key := range slices.Sorted(maps.Keys(config)) {
		list, isList := config[key].([]any)
		if !isList {
			add(key, config[key])
		}
		for i, value := range list {
			add(fmt.Sprintf("%s[%d]", key, i), value)
		}
	}
	return all
}

// TestLongProd brings up the settings of Pulumi.prod.yaml, and destroys everything again.
func TestLongProd(t *testing.T) {
	isLong(t)
	want := production(t)
	t.Cleanup(func() { fresh(t) })                     // for the other long tests
	box.mustRun(t, "pulumi", "--", "destroy", "--yes") // a larger disk would be a rebuild
	began := time.Now()
	box.mustRun(t, append([]string{"up", "--reset"}, flags(want)...)...)
	t.Logf("up took %s", time.Since(began).Round(time.Second))
	box.forget()
	box.mustRun(t, "preview", "--expect-no-changes")

	o := box.outputs(t)
	answersByName(t, o)
	workerHasNoAddress(t, o)
	vmsAre(t, o, want)

	box.mustRun(t, "up", "--config", "averazure:keepBackups=false", "--config", "averazure:keepData=false") // otherwise destroy refuses
	box.mustRun(t, "pulumi", "--", "destroy", "--yes")
	if err := box.emptyCloud(); err != nil {
		t.Error(err)
	}
	for _, n := range o.Nodes {
		if box.engine(t.Context(), "inspect", containerName(n.Name)) == nil {
			t.Errorf("destroy left the VM %s", n.Name)
		}
	}
}

// answersByName expects the API at the balancer's name, with a certificate for that name.
func answersByName(t *testing.T, o *outputs) {
	t.Helper()
	if o.EntryName == "" || o.APIURL != "https://"+o.EntryName {
		t.Errorf("the API is at %q, want https and the name %q", o.APIURL, o.EntryName)
	}
	for _, n := range o.Nodes {
		if n.PublicAddress == o.EntryAddress {
			t.Errorf("the entry is the address of %s, want the balancer's", n.Name)
		}
	}
	status, body := get(t, o.APIURL) // the names exist only in the sandbox, and its authority is the only one
	if status != http.StatusOK || !strings.Contains(body, greeting) {
		t.Errorf("%s answers %d %q", o.APIURL, status, body)
	}
	if names := certificate(t).DNSNames; !slices.Contains(names, o.EntryName) {
		t.Errorf("the certificate is of %q, want %s", names, o.EntryName)
	}
}

// azureVM is a VM as requested from the sandbox's cloud.
type azureVM struct {
	Inputs struct {
		VMName          string
		Zones           []string
		HardwareProfile struct{ VMSize string }
		StorageProfile  struct{ OSDisk struct{ DiskSizeGB int } }
	}
}

// vmsAre expects as many managers and workers as the settings say, with their size and
// their disk, and each role's VMs in the zones 1, 2 and 3 in turn.
func vmsAre(t *testing.T, o *outputs, want map[string]any) {
	t.Helper()
	_, resources, err := box.cloud()
	if err != nil {
		t.Fatal(err)
	}
	vms := map[string]azureVM{}
	for _, raw := range resources {
		var vm azureVM
		if err := json.Unmarshal(raw, &vm); err == nil && vm.Inputs.VMName != "" {
			vms[vm.Inputs.VMName] = vm
		}
	}
	count := map[string]int{}
	for _, n := range o.Nodes {
		got := vms[n.Name].Inputs
		zone := fmt.Sprint(count[n.Role]%3 + 1)
		count[n.Role]++
		if !slices.Equal(got.Zones, []string{zone}) {
			t.Errorf("%s is in the zones %q, want %s", n.Name, got.Zones, zone)
		}
		if size := want["averazure:"+n.Role+"Size"]; got.HardwareProfile.VMSize != size || got.StorageProfile.OSDisk.DiskSizeGB != want["averazure:diskGB"] {
			t.Errorf("%s is a %s with %d GiB, want %v with %v", n.Name, got.HardwareProfile.VMSize, got.StorageProfile.OSDisk.DiskSizeGB, size, want["averazure:diskGB"])
		}
	}
	if len(vms) != len(o.Nodes) || count["manager"] != want["averazure:managers"] || count["worker"] != want["averazure:workers"] {
		t.Errorf("%d VMs, of the nodes %v, want %v managers and %v workers", len(vms), count, want["averazure:managers"], want["averazure:workers"])
	}
}
