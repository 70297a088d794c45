package names

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestUUIDIsVersionFive(t *testing.T) {
	// The value that Python's uuid.uuid5(uuid.NAMESPACE_URL, "https://example.com/") gives.
	if got := UUID("https://example.com/"); got != "dd2c1780-811a-5296-81c5-178a0ef488bc" {
		t.Errorf("got %s", got)
	}
	if UUID("a", "b") == UUID("a", "c") || UUID("a", "b") != UUID("a", "b") {
		t.Error("a UUID must depend on its parts, and on nothing else")
	}
}

// Every name, at the longest prefix and at the shortest, keeps to Azure's rules.
func TestEveryNameKeepsToItsRule(t *testing.T) {
	for _, prefix := range []string{"av", "aver", "abcdefghij"} {
		for _, stack := range []string{"dev", "organisation.with/odd_name", strings.Repeat("x", 100), "1"} {
			n := New(prefix, stack, "00000000-0000-0000-0000-000000000000", "salt")
			for kind, name := range n.all() {
				if err := check(kind, name); err != nil {
					t.Errorf("prefix %s, stack %s: %v", prefix, stack, err)
				}
			}
			if err := check(StorageAccount, n.FunctionStorage()); err != nil {
				t.Errorf("prefix %s: %v", prefix, err)
			}
		}
	}
}

func TestNames(t *testing.T) {
	n := New("aver", "dev", "11111111-1111-1111-1111-111111111111", "")
	for got, want := range map[string]string{
		n.Manager(1):               "aver-manager",
		n.Manager(2):               "aver-manager-2",
		n.Worker(1):                "aver-worker-1",
		n.ResourceGroup():          "aver-dev",
		n.VirtualNetwork():         "aver-net",
		n.Subnet():                 "aver-nodes",
		n.SecurityGroup():          "aver-nodes",
		n.PublicIP("aver-manager"): "aver-manager-ip",
		n.NIC("aver-manager"):      "aver-manager-nic",
		n.Plan():                   "aver-plan",
		n.Application():            "aver-dev",
		n.Deployer():               "aver-dev-deployer",
		n.StorageAccount()[:4]:     "aver",
		n.FunctionStorage()[:6]:    "averfn",
		n.FunctionApp()[:8]:        "aver-fn-",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestGloballyUniqueNamesDependOnStackSubscriptionAndSalt(t *testing.T) {
	base := New("aver", "dev", "s1", "")
	for what, other := range map[string]Names{
		"stack":        New("aver", "prod", "s1", ""),
		"subscription": New("aver", "dev", "s2", ""),
		"salt":         New("aver", "dev", "s1", "again"),
	} {
		if base.StorageAccount() == other.StorageAccount() || base.FunctionApp() == other.FunctionApp() {
			t.Errorf("another %s must give another name", what)
		}
	}
	// Another form of the label would change the names in every existing Pulumi stack.
	if got := base.Label(); len(got) != len("aver-")+12 || got[5:] != base.StorageAccount()[4:] {
		t.Errorf("label %s, storage account %s", got, base.StorageAccount())
	}
	if base != New("aver", "dev", "s1", "") {
		t.Error("the same stack must have the same names every time")
	}
}

func TestCheckPrefix(t *testing.T) {
	for _, good := range []string{"av", "aver", "a1", "abcdefghij"} {
		if err := CheckPrefix(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a", "Aver", "1aver", "my-app", "abcdefghijk", "a_b", "äver", "microsoft", "windows1", "xbox", "login1"} {
		if err := CheckPrefix(bad); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}

// The table of Azure's own rules, at their edges.
func TestCheck(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	cases := []struct {
		kind Kind
		name string
		ok   bool
	}{
		{ResourceGroup, "aver-dev", true}, {ResourceGroup, "a.", false}, {ResourceGroup, long(90), true}, {ResourceGroup, long(91), false}, {ResourceGroup, "", false},
		{VirtualNetwork, "aver-net", true}, {VirtualNetwork, "a", false}, {VirtualNetwork, long(65), false}, {VirtualNetwork, "aver-", false},
		{Subnet, "aver-nodes", true}, {Subnet, "-aver", false},
		{SecurityGroup, "aver_1", true}, {SecurityGroup, long(81), false},
		{SecurityRule, "swarm-gossip-tcp", true}, {SecurityRule, "rule!", false},
		{PublicIP, "aver-manager-ip", true}, {NIC, "aver-manager-nic", true},
		{VM, "aver-manager", true}, {VM, "aver-", false}, {VM, "Aver", false}, {VM, long(64), false}, {VM, "1aver", false},
		{StorageAccount, "aver123", true}, {StorageAccount, "av", false}, {StorageAccount, "aver-1", false}, {StorageAccount, "Aver1", false}, {StorageAccount, long(25), false},
		{BlobContainer, "app", true}, {BlobContainer, "ap", false}, {BlobContainer, "a--b", false}, {BlobContainer, "-app", false},
		{KeyVault, "aver-kv-1", true}, {KeyVault, "aver--kv", false}, {KeyVault, "1aver", false}, {KeyVault, long(25), false}, {KeyVault, "aver-", false},
		{VaultSecret, "azure-client-secret", true}, {VaultSecret, "azure_client", false}, {VaultSecret, long(128), false},
		{Plan, "aver-plan", true}, {Plan, "aver plan", false},
		{FunctionApp, "aver-fn-1", true}, {FunctionApp, "a", false}, {FunctionApp, "aver-", false}, {FunctionApp, long(33), false},
		{Kind("teapot"), "short", false},
	}
	for _, c := range cases {
		if err := check(c.kind, c.name); (err == nil) != c.ok {
			t.Errorf("%s %q: %v, want ok = %v", c.kind, c.name, err, c.ok)
		}
	}
}

func TestReservedUsers(t *testing.T) {
	for _, name := range []string{"root", "admin", "user5", "operator", "staff", "video", "docker", "sshd", "ssh", "netdev", "systemd-journal", "systemd-oom"} {
		if !ReservedUser(name) {
			t.Errorf("%s is not refused", name)
		}
	}
	for _, name := range []string{"aver", "deploy", "azureuser", "operators", "systemd"} {
		if ReservedUser(name) {
			t.Errorf("%s is refused", name)
		}
	}
	for _, list := range [][]string{azureUsers, debianUsers} {
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			t.Errorf("not sorted, or one of them twice: %v", list)
		}
	}
}

// Where the tests run on Debian, its own lists are there to compare with.
func TestReservedUsersHaveDebiansOwn(t *testing.T) {
	files, err := filepath.Glob("/usr/share/base-passwd/*.master")
	if err != nil || len(files) == 0 {
		t.Skip("this is no Debian")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if name, _, entry := strings.Cut(line, ":"); entry && !strings.HasPrefix(name, "_") && !ReservedUser(name) {
				t.Errorf("%s has %s", file, name)
			}
		}
	}
}
