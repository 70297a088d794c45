package infra

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"averazure/internal/ports"
)

func TestDefaultsNeedOnlyLocationAndSSHCidrs(t *testing.T) {
	c := Defaults()
	problems := c.Validate()
	if len(problems) != 2 {
		t.Errorf("problems %v: want location and sshCidrs alone", problems)
	}
	c.Location, c.SSHCidrs = "westeurope", []string{"192.0.2.1/32"}
	if problems := c.Validate(); len(problems) != 0 {
		t.Errorf("problems %v: want none", problems)
	}
}

// brokenConfigs breaks every rule once.
var brokenConfigs = []struct {
	key, value string
	hint       string
	breakIt    func(*Config)
}{
	{"location", `""`, "required", func(c *Config) { c.Location = "" }},
	{"location", "westerope", "did you mean westeurope", func(c *Config) { c.Location = "westerope" }},
	{"location", "West Europe", "westeurope", func(c *Config) { c.Location = "West Europe" }},
	{"prefix", "my-app", "2 to 10", func(c *Config) { c.Prefix = "my-app" }},
	{"prefix", "Aver", "lower-case", func(c *Config) { c.Prefix = "Aver" }},
	{"prefix", "averlongestx", "2 to 10", func(c *Config) { c.Prefix = "averlongestx" }},
	{"prefix", "xbox", "reserves", func(c *Config) { c.Prefix = "xbox" }},
	{"nameSalt", "a b", "32 letters", func(c *Config) { c.NameSalt = "a b" }},
	{"managers", "2", "odd one", func(c *Config) { c.Managers = 2 }},
	{"managers", "9", "1, 3, 5 or 7", func(c *Config) { c.Managers = 9 }},
	{"managers", "0", "1, 3, 5 or 7", func(c *Config) { c.Managers = 0 }},
	{"workers", "-1", "between 0 and 100", func(c *Config) { c.Workers = -1 }},
	{"workers", "101", "between 0 and 100", func(c *Config) { c.Workers = 101 }},
	{"managerSize", "B2s", "Standard_B2als_v2", func(c *Config) { c.ManagerSize = "B2s" }},
	{"workerSize", "Standard", "Standard_B2als_v2", func(c *Config) { c.WorkerSize = "Standard" }},
	{"managerSize", "Standard_B2pls_v2", "ARM", func(c *Config) { c.ManagerSize = "Standard_B2pls_v2" }},
	{"workerSize", "Standard_D2ps_v5", "ARM", func(c *Config) { c.WorkerSize = "Standard_D2ps_v5" }},
	{"vmImage", "Debian:debian-13:13-arm64:latest", "ARM", func(c *Config) { c.VMImage = "Debian:debian-13:13-arm64:latest" }},
	{"vmImage", "debian", "publisher:offer:sku:version", func(c *Config) { c.VMImage = "debian" }},
	{"diskGB", "8", "30", func(c *Config) { c.DiskGB = 8 }},
	{"dataDiskGB", "2", "or 0", func(c *Config) { c.DataDiskGB = 2 }},
	{"workerDataDiskGB", "5000", "4095", func(c *Config) { c.WorkerDataDiskGB = 5000 }},
	{"dataDiskType", "UltraSSD_LRS", "Premium_LRS", func(c *Config) { c.DataDiskType = "UltraSSD_LRS" }},
	{"dataDiskType", "Premium_LRS", "an s after its number", func(c *Config) { c.DataDiskType, c.ManagerSize = "Premium_LRS", "Standard_D2_v4" }},
	{"adminUser", "Root!", "lower-case", func(c *Config) { c.AdminUser = "Root!" }},
	{"adminUser", "_aver", "a letter first", func(c *Config) { c.AdminUser = "_aver" }},
	{"adminUser", "admin", "take another", func(c *Config) { c.AdminUser = "admin" }},
	{"adminUser", "root", "take another", func(c *Config) { c.AdminUser = "root" }},
	{"sshCidrs", "[]", "required", func(c *Config) { c.SSHCidrs = nil }},
	{"sshCidrs", "192.0.2.1", "192.0.2.1/32", func(c *Config) { c.SSHCidrs = []string{"192.0.2.1"} }},
	{"sshCidrs", "192.0.2.300/32", "CIDR", func(c *Config) { c.SSHCidrs = []string{"192.0.2.300/32"} }},
	{"sshCidrs", "192.0.2.1/24", "192.0.2.0/24", func(c *Config) { c.SSHCidrs = []string{"192.0.2.1/24"} }},
	{"sshCidrs", "2001:db8::/32", "IPv4", func(c *Config) { c.SSHCidrs = []string{"2001:db8::/32"} }},
	{"sshCidrs", "192.0.2.1/32", "overlaps 192.0.2.0/24", func(c *Config) { c.SSHCidrs = []string{"192.0.2.0/24", "192.0.2.1/32"} }},
	{"adminCidrs", "0.0.0.0/0", "open to the world", func(c *Config) { c.AdminCidrs = []string{"0.0.0.0/0"} }},
	{"adminCidrs", "everybody", "CIDR", func(c *Config) { c.AdminCidrs = []string{"everybody"} }},
	{"publicPorts", "70000", "1 to 65535", func(c *Config) { c.PublicPorts = []int{70000} }},
	{"publicPorts", "22", "sshCidrs", func(c *Config) { c.PublicPorts = []int{22} }},
	{"publicPorts", "2377", "Swarm", func(c *Config) { c.PublicPorts = []int{8080, 2377} }},
	{"publicPorts", "8080", "twice", func(c *Config) { c.PublicPorts = []int{8080, 8080} }},
	{"zones", `"4"`, "westeurope has no such zone; it has 1, 2, 3", func(c *Config) { c.Zones = []string{"1", "4"} }},
	{"zones", `"2"`, "twice", func(c *Config) { c.Zones = []string{"2", "2"} }},
	{"loadBalancer", "true", "publicPorts", func(c *Config) { c.PublicPorts = nil }},
	{"dnsLabel", "Shop", "lower-case", func(c *Config) { c.DNSLabel = "Shop" }},
	{"dnsLabel", "1shop", "letter first", func(c *Config) { c.DNSLabel = "1shop" }},
	{"dnsLabel", "shop-", "no hyphen last", func(c *Config) { c.DNSLabel = "shop-" }},
	{"dnsLabel", "s", "3 to 60", func(c *Config) { c.DNSLabel = "s" }},
	{"dnsLabel", "sss", "3 to 60", func(c *Config) { c.DNSLabel = strings.Repeat("s", 61) }},
	{"dnsLabel", "shop.example", "hyphens", func(c *Config) { c.DNSLabel = "shop.example" }},
	{"dnsLabel", "my-windows", "reserves", func(c *Config) { c.DNSLabel = "my-windows" }},
	{"domain", "https://app.example.com", "without https://", func(c *Config) { c.Domain = "https://app.example.com" }},
	{"domain", "App.example.com", "lower case", func(c *Config) { c.Domain = "App.example.com" }},
	{"domain", "app.example.com.", "dot at its end", func(c *Config) { c.Domain = "app.example.com." }},
	{"domain", "münchen.example.com", "xn--", func(c *Config) { c.Domain = "münchen.example.com" }},
	{"domain", "aaaa", "write it like", func(c *Config) { c.Domain = strings.Repeat(strings.Repeat("a", 59)+".", 4) + "aa.example.com" }},
	{"domain", "localhost", "app.example.com", func(c *Config) { c.Domain = "localhost" }},
	{"domain", "192.0.2.1", "app.example.com", func(c *Config) { c.Domain = "192.0.2.1" }},
	{"domain", "*.example.com", "app.example.com", func(c *Config) { c.Domain = "*.example.com" }},
	{"domain", "app.example.org", "outside of averazure:dnsZone (example.com)", func(c *Config) { c.Domain = "app.example.org" }},
	{"domain", "myexample.com", "outside of averazure:dnsZone", func(c *Config) { c.Domain = "myexample.com" }},
	{"domain", "shop.westeurope.cloudapp.azure.com", "averazure:dnsLabel", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "shop.westeurope.cloudapp.azure.com", "", ""
	}},
	{"dnsLabel", "azure", "alone", func(c *Config) { c.DNSLabel = "azure" }},
	{"publicPorts", "65535", "up to 65534", func(c *Config) { c.PublicPorts = []int{80, 65535} }},
	{"domain", "shop.northeurope.cloudapp.azure.com", "averazure:dnsLabel", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "shop.northeurope.cloudapp.azure.com", "", ""
	}},
	{"domain", "westeurope.cloudapp.azure.com", "averazure:dnsLabel", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "westeurope.cloudapp.azure.com", "", ""
	}},
	{"domain", "shop.chinanorth3.cloudapp.chinacloudapi.cn", "averazure:dnsLabel", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "shop.chinanorth3.cloudapp.chinacloudapi.cn", "", ""
	}},
	{"domain", "shop.usgovvirginia.cloudapp.usgovcloudapi.net", "averazure:dnsLabel", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "shop.usgovvirginia.cloudapp.usgovcloudapi.net", "", ""
	}},
	{"dnsZone", "example.com", "averazure:domain names nothing", func(c *Config) { c.Domain = "" }},
	{"dnsZone", "example", "not a zone's name", func(c *Config) { c.DNSZone, c.Domain = "example", "example.com" }},
	{"dnsZoneResourceGroup", `""`, "missing", func(c *Config) { c.DNSZoneResourceGroup = "" }},
	{"dnsZoneResourceGroup", "a/b", "not the name", func(c *Config) { c.DNSZoneResourceGroup = "a/b" }},
	{"dnsZoneResourceGroup", "names.", "not the name", func(c *Config) { c.DNSZoneResourceGroup = "names." }},
	{"dnsZoneResourceGroup", "xx", "not the name", func(c *Config) { c.DNSZoneResourceGroup = strings.Repeat("x", 91) }},
	{"dnsZoneResourceGroup", "names", "names no zone", func(c *Config) { c.DNSZone = "" }},
	{"adminPorts", "0", "1 to 65535", func(c *Config) { c.AdminPorts = []int{0} }},
	{"adminPorts", "8080", "publicPorts", func(c *Config) { c.PublicPorts, c.AdminPorts = []int{8080}, []int{8080} }},
	{"vnetCidr", "10.20.0.0", "/32", func(c *Config) { c.VnetCidr = "10.20.0.0" }},
	{"vnetCidr", "203.0.113.0/24", "private", func(c *Config) { c.VnetCidr, c.SubnetCidr = "203.0.113.0/24", "203.0.113.0/24" }},
	{"vnetCidr", "192.168.0.0/13", "private", func(c *Config) { c.VnetCidr, c.SubnetCidr = "192.168.0.0/13", "192.168.0.0/24" }},
	{"vnetCidr", "172.17.0.0/16", "bridges", func(c *Config) { c.VnetCidr, c.SubnetCidr = "172.17.0.0/16", "172.17.1.0/24" }},
	{"subnetCidr", "10.20.1.0/33", "CIDR", func(c *Config) { c.SubnetCidr = "10.20.1.0/33" }},
	{"subnetCidr", "10.30.1.0/24", "part of", func(c *Config) { c.SubnetCidr = "10.30.1.0/24" }},
	{"subnetCidr", "10.0.0.0/8", "part of", func(c *Config) { c.SubnetCidr = "10.0.0.0/8" }},
	{"subnetCidr", "10.20.1.0/25", "/24 or larger", func(c *Config) { c.SubnetCidr = "10.20.1.0/25" }},
	{"oidcSubjects", "21", "at most 20", func(c *Config) { c.OIDCSubjects = manySubjects(21) }},
	{"oidcSubjects", `""`, "1 to 600", func(c *Config) { c.OIDCSubjects = []string{""} }},
	{"oidcSubjects", "repo:a/b:*", "no *", func(c *Config) { c.OIDCSubjects = []string{"repo:a/b:*"} }},
	{"oidcSubjects", `"repo:a/b "`, "white space", func(c *Config) { c.OIDCSubjects = []string{"repo:a/b "} }},
	{"oidcSubjects", "repo:a/b", "twice", func(c *Config) { c.OIDCSubjects = []string{"repo:a/b", "repo:a/b"} }},
	{"functionRuntime", "cobol", "node:22", func(c *Config) { c.FunctionRuntime = "cobol" }},
	{"functionRuntime", "node:22.1", "node:22", func(c *Config) { c.FunctionRuntime = "node:22.1" }},
	{"functionRuntime", "python:3", "python:3.13", func(c *Config) { c.FunctionRuntime = "python:3" }},
	{"functionRuntime", "dotnet-isolated:8", "dotnet-isolated:10.0", func(c *Config) { c.FunctionRuntime = "dotnet-isolated:8" }},
	{"functionRuntime", "custom:2", "custom:1.0", func(c *Config) { c.FunctionRuntime = "custom:2" }},
	{"softDeleteDays", "1", "7 to 90", func(c *Config) { c.SoftDeleteDays = 1 }},
}

// Every rule is broken once; the error names the key, the value and a way out.
func TestValidate(t *testing.T) {
	for _, tc := range brokenConfigs {
		c := full()
		tc.breakIt(&c)
		problems := c.Validate()
		if len(problems) != 1 {
			t.Errorf("%s = %s: problems %v, want exactly one", tc.key, tc.value, problems)
			continue
		}
		got := problems[0].Error()
		for _, part := range []string{"averazure:" + tc.key + ": ", tc.value, tc.hint} {
			if !strings.Contains(got, part) {
				t.Errorf("%s = %s: %q does not contain %q", tc.key, tc.value, got, part)
			}
		}
	}
}

// GitHub puts the numbers of owner and repository behind their names in the tokens
// of repositories that were made, renamed or transferred since July 2026.
func TestBothFormsOfSubjects(t *testing.T) {
	c := full()
	c.OIDCSubjects = []string{"repo:octo-org/octo.repo:environment:production", "repo:octo-org@123456/octo.repo@456789:environment:production"}
	if problems := c.Validate(); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestADescriptionIsCutBetweenLetters(t *testing.T) {
	subject := "x" + strings.Repeat("é", 299)
	if got := shorten(subject); !utf8.ValidString(got) || !strings.HasPrefix(subject, got) || len(got) > 590 {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func manySubjects(n int) []string {
	var list []string
	for i := range n {
		list = append(list, "repo:owner/name:environment:"+strings.Repeat("x", i+1))
	}
	return list
}

func TestAllProblemsComeAtOnce(t *testing.T) {
	c := full()
	c.Location, c.Managers, c.AdminUser, c.SSHCidrs = "", 4, "root", []string{"nowhere"}
	if got := len(c.Validate()); got != 4 {
		t.Errorf("%d problems, want 4", got)
	}
}

func TestRuntimes(t *testing.T) {
	for _, runtime := range []string{"node:22", "java:21", "python:3.12", "powershell:7.4", "dotnet-isolated:10.0", "custom:1.0"} {
		c := full()
		c.FunctionRuntime = runtime
		if problems := c.Validate(); len(problems) != 0 {
			t.Errorf("%s: %v", runtime, problems)
		}
	}
}

// The address that Pulumi.dev.yaml holds the place of one's own with.
func TestExampleAddressesAreDoubted(t *testing.T) {
	for cidr, want := range map[string]int{
		"192.0.2.1/32": 1, "198.51.100.0/24": 1, "203.0.113.128/25": 1, "192.0.3.1/32": 0, "192.0.0.0/16": 0,
	} {
		c := full()
		c.Managers, c.SSHCidrs = 1, []string{cidr}
		got := c.Warnings(moment)
		if len(got) != want || want == 1 && !strings.HasPrefix(got[0], "averazure:sshCidrs: "+cidr) {
			t.Errorf("%s: warnings %q, want %d", cidr, got, want)
		}
	}
}

// What somebody takes for their address who has asked their own machine.
func TestPrivateAddressesAloneAreDoubted(t *testing.T) {
	for want, cidrs := range map[string][]string{
		"sshCidrs": {"192.168.1.0/24", "10.1.0.0/16"},
		"":         {"192.168.1.0/24", "198.18.0.1/32"},
	} {
		c := full()
		c.Managers, c.SSHCidrs = 1, cidrs
		if got := keysOf(c.Warnings(moment)); got != want {
			t.Errorf("%s: warnings about %q, want %q", cidrs, got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	c := full()
	if got := c.Warnings(moment); len(got) != 0 {
		t.Errorf("warnings %q, want none", got)
	}
	c.SSHCidrs = []string{"0.0.0.0/0"}
	if got := c.Warnings(moment); len(got) != 1 || !strings.HasPrefix(got[0], "averazure:sshCidrs: ") {
		t.Errorf("warnings %q, want one about sshCidrs", got)
	}
	if problems := c.Validate(); len(problems) != 0 {
		t.Errorf("0.0.0.0/0 in sshCidrs is accepted, but: %v", problems)
	}
	c = full()
	c.Managers, c.Workers = 1, 5
	if got := c.Warnings(moment); len(got) != 1 || !strings.HasPrefix(got[0], "averazure:managers: ") {
		t.Errorf("warnings %q, want one about managers", got)
	}
}

// What is said to be open is what the rules open.
func TestOpenPorts(t *testing.T) {
	c := full()
	if got, want := c.OpenPorts(), (ports.Open{Public: []int{80, 443}, Admin: []int{15672, 8081}}); !reflect.DeepEqual(got, want) {
		t.Errorf("with adminCidrs: %+v", got)
	}
	c.AdminCidrs = nil
	if got, want := c.OpenPorts(), (ports.Open{Public: []int{80, 443}, Waiting: []int{15672, 8081}}); !reflect.DeepEqual(got, want) {
		t.Errorf("without adminCidrs: %+v", got)
	}
}
