package infra

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/golden"
	"averazure/internal/host"
	"averazure/internal/recorder"
)

const (
	nicType      = "azure-native:network/v20190601:NetworkInterface"
	balancerType = "azure-native:network/v20190601:LoadBalancer"
	recordType   = "azure-native:network/v20180501:RecordSet"
	ruleType     = "azure-native:network/v20190601:SecurityRule"
	ipType       = "azure-native:network/v20190601:PublicIPAddress"
	accountType  = "azure-native:storage/v20230101:StorageAccount"
	roleType     = "azure-native:authorization/v20220401:RoleAssignment"
	passwordType = "azuread:index/applicationPassword:ApplicationPassword"
	federateType = "azuread:index/applicationFederatedIdentityCredential:ApplicationFederatedIdentityCredential"
	keyType      = "tls:index/privateKey:PrivateKey"
)

// moment lies in the slot that begins on 2026-09-04.
var moment = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// full is a configuration that makes one of everything.
func full() Config {
	c := Defaults()
	c.Location = "westeurope"
	c.SSHCidrs = []string{"192.0.3.0/24"}
	c.AdminCidrs = []string{"192.0.3.7/32"}
	c.Managers, c.Workers = 3, 2
	c.LoadBalancer = true
	c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "app.example.com", "example.com", "names"
	c.OIDCSubjects = []string{"repo:owner/averazure:ref:refs/heads/main", "repo:owner/averazure:pull_request"}
	return c
}

// record runs the layer and exports what it hands on.
func record(t *testing.T, r *recorder.Recorder, c Config, now time.Time) (*Infra, error) {
	t.Helper()
	var made *Infra
	err := r.Run(func(ctx *pulumi.Context) (err error) {
		if made, err = New(ctx, c.Prefix, Args{Config: c, Now: now}); err != nil {
			return err
		}
		ctx.Export("adminKey", made.AdminKey.Private)
		ctx.Export("adminPublicKey", made.AdminKey.Public)
		ctx.Export("deployKey", made.DeployKey.Private)
		ctx.Export("ageKey", made.AgeKey.Private)
		ctx.Export("agePublicKey", made.AgeKey.Public)
		ctx.Export("tenantId", made.Identity.TenantID)
		ctx.Export("clientId", made.Identity.ClientID)
		ctx.Export("clientSecret", made.Identity.ClientSecret)
		ctx.Export("deployerClientId", made.DeployerClientID)
		ctx.Export("storageAccount", made.StorageAccount)
		ctx.Export("keyVaultUri", made.KeyVaultURI)
		ctx.Export("functionHost", made.FunctionHost)
		ctx.Export("entryAddress", made.Entry.Address)
		for _, h := range made.Hosts {
			ctx.Export(h.Name, pulumi.Map{"public": h.PublicAddress, "hostKey": h.HostKey, "key": h.PrivateKey, "vm": h.VMID})
		}
		return nil
	})
	return made, err
}

// mustRecord is record where no error is expected.
func mustRecord(t *testing.T, c Config) (*recorder.Recorder, *Infra) {
	t.Helper()
	r := &recorder.Recorder{}
	made, err := record(t, r, c, moment)
	if err != nil {
		t.Fatal(err)
	}
	return r, made
}

func TestInventory(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r := &recorder.Recorder{Preview: preview}
		if _, err := record(t, r, full(), moment); err != nil {
			t.Fatalf("preview %v: %v", preview, err)
		}
		golden.Compare(t, "inventory.txt", r.Inventory())
	}
}

func TestEveryResourceIsAChildOfTheComponentAndNamedAfterIt(t *testing.T) {
	r, _ := mustRecord(t, full())
	for _, res := range r.Resources() {
		if res.Type == "averazure:infra:Infra" {
			continue
		}
		if res.Parent() != "averazure:infra:Infra aver" || !strings.HasPrefix(res.Name, "aver-") {
			t.Errorf("%s %s has the parent %s", res.Type, res.Name, res.Parent())
		}
	}
}

// A resource without a version, either its own or its package's, would be served by the
// newest provider that is installed.
func TestEveryResourceNamesItsProvidersVersion(t *testing.T) {
	r, _ := mustRecord(t, full())
	for _, res := range r.Resources() {
		own := strings.HasPrefix(res.Type, "pulumi:") // the engine's
		if res.Request.GetCustom() && !own && res.Request.GetVersion() == "" && res.Package.GetVersion() == "" {
			t.Errorf("%s %s asks for no version of its provider", res.Type, res.Name)
		}
	}
}

func TestEveryTaggableResourceIsTagged(t *testing.T) {
	untagged := map[string]bool{"SecurityRule": true, "Subnet": true, "RecordSet": true, "BlobContainer": true, "BlobServiceProperties": true, "RoleAssignment": true}
	r, _ := mustRecord(t, full())
	for _, res := range r.Resources() {
		kind := res.Type[strings.LastIndex(res.Type, ":")+1:]
		if !strings.HasPrefix(res.Type, "azure-native") || untagged[kind] {
			continue
		}
		if got := recorder.At(res.Inputs, "tags.stack"); got != "test" {
			t.Errorf("%s %s: tag stack %v", res.Type, res.Name, got)
		}
	}
}

func TestHosts(t *testing.T) {
	r, made := mustRecord(t, full())
	want := []struct {
		name, address string
		role          host.Role
	}{
		{"aver-manager", "10.20.1.8", host.Manager},
		{"aver-manager-2", "10.20.1.9", host.Manager},
		{"aver-manager-3", "10.20.1.10", host.Manager},
		{"aver-worker-1", "10.20.1.128", host.Worker},
		{"aver-worker-2", "10.20.1.129", host.Worker},
	}
	if len(made.Hosts) != len(want) {
		t.Fatalf("%d hosts, want %d", len(made.Hosts), len(want))
	}
	for i, w := range want {
		h := made.Hosts[i]
		if h.Name != w.name || h.Address != w.address || h.Role != w.role || h.User != "aver" {
			t.Errorf("host %d is %s %s %s %s", i, h.Name, h.Address, h.Role, h.User)
		}
		if (h.Jump != nil) != (w.role == host.Worker) {
			t.Errorf("%s: jump host %v", h.Name, h.Jump)
		}
		if got := recorder.At(r.Exports(), w.name+".public"); strings.HasPrefix(got.(string), "203.0.113.") != (w.role == host.Manager) {
			t.Errorf("%s: public address %q; managers have one, and no worker behind the balancer", w.name, got)
		}
		if len(h.Needs) < 3+len(r.OfType(ruleType)) || h.VM == nil {
			t.Errorf("%s needs only %d resources", w.name, len(h.Needs))
		}
	}
}

// Workers are reached through the door, and every command on one needs what the door
// needs.
func TestDoorIsTheJumpHost(t *testing.T) {
	for door, want := range map[string]string{"": "aver-manager", "aver-manager-3": "aver-manager-3"} {
		c := full()
		c.Door = door
		_, made := mustRecord(t, c)
		if made.Door != want {
			t.Errorf("the door is %q, want %q", made.Door, want)
		}
		for _, h := range made.Hosts[3:] {
			if h.Jump == nil || h.Jump.Name != want || !slices.Contains(h.Needs, h.Jump.VM) {
				t.Errorf("door %q: %s is reached through %v", door, h.Name, h.Jump)
			}
		}
	}
}

func TestSecretsAreSecret(t *testing.T) {
	r, _ := mustRecord(t, full())
	for _, key := range []string{"adminKey", "deployKey", "ageKey", "clientSecret", "aver-manager.key"} {
		if !recorder.IsSecret(r.Exports(), key) {
			t.Errorf("output %s is not secret", key)
		}
	}
	for _, key := range []string{"adminPublicKey", "agePublicKey", "tenantId", "clientId", "keyVaultUri", "aver-manager.hostKey"} {
		if recorder.IsSecret(r.Exports(), key) {
			t.Errorf("output %s is secret and need not be", key)
		}
	}
	var values []string
	for _, key := range r.OfType(keyType) {
		values = append(values, recorder.At(key.Outputs, "privateKeyOpenssh").(string))
	}
	for _, password := range r.OfType(passwordType) {
		values = append(values, recorder.At(password.Outputs, "value").(string))
	}
	for _, vm := range r.OfType(vmType) {
		values = append(values, recorder.At(vm.Inputs, "osProfile.customData").(string))
	}
	for _, value := range values {
		if leaks := r.Leaks(value); len(leaks) > 0 {
			t.Errorf("a secret is in plain text in %q", leaks)
		}
	}
}

// When a resource of any kind fails, the run ends and names that resource, and nothing
// hangs.
func TestEveryKindOfResourceCanFail(t *testing.T) {
	r, _ := mustRecord(t, full())
	for _, token := range r.Types() {
		for _, preview := range []bool{false, true} {
			failing := &recorder.Recorder{Fail: token, Preview: preview}
			_, err := record(t, failing, full(), moment)
			if err == nil || !strings.Contains(err.Error(), token) {
				t.Errorf("%s fails (preview %v): error %v", token, preview, err)
			}
		}
	}
}

func TestNewRefusesABadConfiguration(t *testing.T) {
	c := full()
	c.Managers, c.Prefix = 2, "Bad-Prefix"
	r := &recorder.Recorder{}
	_, err := record(t, r, c, moment)
	for _, key := range []string{"averazure:managers", "averazure:prefix"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error %v does not name %s", err, key)
		}
	}
	if n := len(r.Resources()); n > 0 {
		t.Errorf("%d resources were registered before the configuration was refused", n)
	}
}

func TestNewNeedsTheTime(t *testing.T) {
	if _, err := record(t, &recorder.Recorder{}, full(), time.Time{}); err == nil {
		t.Error("want an error: the time decides which secret is current")
	}
}
