package azure

import (
	"testing"
)

// everything creates one resource of most types.
func everything(t *testing.T) (*scene, map[string]*res) {
	s := newScene(t)
	vm, nic, public := s.node("aver-manager", "10.0.0.4")
	made := map[string]*res{
		"group": s.group, "net": s.net, "nsg": s.nsg, "subnet": s.subnet, "vm": vm, "nic": nic, "ip": public,
		"rule":  s.create("SecurityRule", "web", ruleArgs("web", 200, nil)),
		"store": s.create("StorageAccount", "store", accountArgs("averstore")),
		"plan":  s.plan(),
	}
	made["app"] = s.create(site, "func", appArgs(made["plan"]))
	made["blobs"] = s.create("BlobServiceProperties", "blobs", object{
		"resourceGroupName": "aver-rg", "accountName": "averstore", "blobServicesName": "default"})
	made["container"] = s.create("BlobContainer", "data", object{
		"resourceGroupName": "aver-rg", "accountName": "averstore", "containerName": "data"})
	made["vault"] = s.create("Vault", "vault", object{
		"resourceGroupName": "aver-rg", "vaultName": "aver-kv",
		"properties": object{"tenantId": s.cloud.record.Tenant, "sku": object{"family": "A", "name": "standard"}}})
	made["secret"] = s.create("Secret", "secret", object{
		"resourceGroupName": "aver-rg", "vaultName": "aver-kv", "secretName": "client", "properties": object{"value": "v"}})
	made["directory app"] = s.create("Application", "app", object{"displayName": "aver"})
	made["principal"] = s.create("ServicePrincipal", "sp", object{"clientId": text(made["directory app"].state, "clientId")})
	made["variable"] = s.create("ActionsVariable", "image", object{"repository": "stack-repo", "variableName": "IMAGE", "value": "a"})
	return s, made
}

func TestIDs(t *testing.T) {
	s, made := everything(t)
	group := "/subscriptions/" + s.cloud.record.Subscription + "/resourceGroups/aver-rg"
	for name, want := range map[string]string{
		"group":     group,
		"net":       group + "/providers/Microsoft.Network/virtualNetworks/aver-net",
		"subnet":    group + "/providers/Microsoft.Network/virtualNetworks/aver-net/subnets/nodes",
		"nsg":       group + "/providers/Microsoft.Network/networkSecurityGroups/aver-nsg",
		"rule":      group + "/providers/Microsoft.Network/networkSecurityGroups/aver-nsg/securityRules/web",
		"ip":        group + "/providers/Microsoft.Network/publicIPAddresses/aver-manager-ip",
		"nic":       group + "/providers/Microsoft.Network/networkInterfaces/aver-manager-nic",
		"vm":        group + "/providers/Microsoft.Compute/virtualMachines/aver-manager",
		"store":     group + "/providers/Microsoft.Storage/storageAccounts/averstore",
		"blobs":     group + "/providers/Microsoft.Storage/storageAccounts/averstore/blobServices/default",
		"container": group + "/providers/Microsoft.Storage/storageAccounts/averstore/blobServices/default/containers/data",
		"vault":     group + "/providers/Microsoft.KeyVault/vaults/aver-kv",
		"secret":    group + "/providers/Microsoft.KeyVault/vaults/aver-kv/secrets/client",
		"plan":      group + "/providers/Microsoft.Web/serverfarms/aver-plan",
		"app":       group + "/providers/Microsoft.Web/sites/aver-func",
		"variable":  "stack-repo:IMAGE",
	} {
		if made[name].id != want {
			t.Errorf("%s has the id %s, want %s", name, made[name].id, want)
		}
	}
}

// The table lists which changes replace a resource, and whether the old one is deleted
// first.
func TestReplacement(t *testing.T) {
	_, made := everything(t)
	for _, c := range []struct {
		name, path        string
		value             any
		replaces, removed bool
	}{
		{"group", "location", "northeurope", true, true},
		{"group", "tags", object{"a": "b"}, false, false},
		{"net", "virtualNetworkName", "other", true, true},
		{"net", "location", "northeurope", true, true},
		{"net", "addressSpace", object{"addressPrefixes": list("10.0.0.0/8")}, false, false},
		{"subnet", "virtualNetworkName", "other", true, true},
		{"subnet", "addressPrefix", "10.0.8.0/24", false, false},
		{"nsg", "securityRules", []any{}, false, false},
		{"rule", "priority", 300.0, false, false},
		{"rule", "networkSecurityGroupName", "other", true, true},
		{"ip", "sku", object{"name": "StandardV2"}, true, true},
		{"ip", "idleTimeoutInMinutes", 10.0, false, false},
		{"nic", "networkInterfaceName", "other", true, true},
		{"nic", "networkSecurityGroup", object{"id": "x"}, false, false},
		{"vm", "hardwareProfile", object{"vmSize": "Standard_B4ms"}, false, false},
		{"vm", "resourceGroupName", "other", true, true},
		{"store", "isHnsEnabled", true, true, true},
		{"store", "sku", object{"name": "Standard_GRS"}, false, false},
		{"vault", "vaultName", "other", true, true},
		{"secret", "properties", object{"value": "w"}, false, false},
		{"app", "kind", "app", true, true},
		{"app", "httpsOnly", true, false, false},
		{"plan", "sku", object{"name": "B1"}, false, false},
		{"directory app", "displayName", "other", false, false},
		{"principal", "clientId", "other", true, false}, // bridged: the new one is created first
		{"variable", "variableName", "OTHER", true, false},
		{"variable", "value", "b", false, false},
	} {
		d := made[c.name].diff(object{c.path: c.value})
		if len(d.Changes) == 0 {
			t.Errorf("%s.%s: no difference", c.name, c.path)
			continue
		}
		replaces := false
		for _, change := range d.Changes {
			replaces = replaces || change.Replace
		}
		if replaces != c.replaces || d.DeleteBeforeReplace != c.removed {
			t.Errorf("%s.%s: replaces %v, deletes first %v; want %v and %v", c.name, c.path, replaces, d.DeleteBeforeReplace, c.replaces, c.removed)
		}
	}
}

// A second up of the same program changes nothing, whatever the service added.
func TestNothingToDoTheSecondTime(t *testing.T) {
	_, made := everything(t)
	for name, r := range made {
		if d := r.diff(nil); len(d.Changes) != 0 {
			t.Errorf("%s differs from itself: %+v", name, d)
		}
		if r.gone() {
			t.Errorf("%s is gone after its creation", name)
		}
	}
}

func TestParsePorts(t *testing.T) {
	for in, want := range map[string]string{"*": "", "22": "22-22", "80-90": "80-90", "0": "0-0", "65535": "65535-65535"} {
		ports, bad := parsePorts([]string{in})
		got := ""
		if len(ports) == 1 {
			got = quantity(int(ports[0].From)) + "-" + quantity(int(ports[0].To))
		}
		if bad != "" || got != want {
			t.Errorf("%s: %s %s", in, got, bad)
		}
	}
	for _, in := range []string{"", "http", "-1", "1-", "65536", "9-8", "1,2", "1 - 2"} {
		if _, bad := parsePorts([]string{in}); bad != in && in != "" {
			t.Errorf("%q is accepted", in)
		}
	}
}

func TestAddressPrefixes(t *testing.T) {
	for _, good := range []string{"*", "10.0.0.0/8", "203.0.113.7", "Internet", "virtualnetwork", "AzureLoadBalancer", "Storage.WestEurope", "AzureCloud", "EventHub", "ServiceBus.NorthEurope", "AzureFrontDoor.Backend", "2001:db8::/32"} {
		if !validPrefix(good) {
			t.Errorf("%s is refused", good)
		}
	}
	for _, bad := range []string{"", "anyone", "Any", "Event Hub", "Storage.", "10.0.0.0/33", "10.0.0", "10.0.0.1-10.0.0.9"} {
		if validPrefix(bad) {
			t.Errorf("%q is accepted", bad)
		}
	}
}
