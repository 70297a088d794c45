package infra

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"averazure/internal/ports"
	"averazure/internal/settings"
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
	breakIt    func(*Config)
}{
	{"location", `""`, func(c *Config) { c.Location = "" }},
	{"location", "westerope", func(c *Config) { c.Location = "westerope" }},
	{"location", "West Europe", func(c *Config) { c.Location = "West Europe" }},
	{"prefix", "my-app", func(c *Config) { c.Prefix = "my-app" }},
	{"prefix", "Aver", func(c *Config) { c.Prefix = "Aver" }},
	{"prefix", "averlongestx", func(c *Config) { c.Prefix = "averlongestx" }},
	{"prefix", "xbox", func(c *Config) { c.Prefix = "xbox" }},
	{"nameSalt", "a b", func(c *Config) { c.NameSalt = "a b" }},
	{"managers", "2", func(c *Config) { c.Managers = 2 }},
	{"managers", "9", func(c *Config) { c.Managers = 9 }},
	{"managers", "0", func(c *Config) { c.Managers = 0 }},
	{"workers", "-1", func(c *Config) { c.Workers = -1 }},
	{"workers", "101", func(c *Config) { c.Workers = 101 }},
	{"managerSize", "B2s", func(c *Config) { c.ManagerSize = "B2s" }},
	{"workerSize", "Standard", func(c *Config) { c.WorkerSize = "Standard" }},
	{"managerSize", "Standard_B2pls_v2", func(c *Config) { c.ManagerSize = "Standard_B2pls_v2" }},
	{"workerSize", "Standard_D2ps_v5", func(c *Config) { c.WorkerSize = "Standard_D2ps_v5" }},
	{"vmImage", "Debian:debian-13:13-arm64:latest", func(c *Config) { c.VMImage = "Debian:debian-13:13-arm64:latest" }},
	{"vmImage", "debian", func(c *Config) { c.VMImage = "debian" }},
	{"diskGB", "8", func(c *Config) { c.DiskGB = 8 }},
	{"dataDiskGB", "2", func(c *Config) { c.DataDiskGB = 2 }},
	{"workerDataDiskGB", "5000", func(c *Config) { c.WorkerDataDiskGB = 5000 }},
	{"dataDiskType", "UltraSSD_LRS", func(c *Config) { c.DataDiskType = "UltraSSD_LRS" }},
	{"dataDiskType", "Premium_LRS", func(c *Config) { c.DataDiskType, c.ManagerSize = "Premium_LRS", "Standard_D2_v4" }},
	{"adminUser", "Root!", func(c *Config) { c.AdminUser = "Root!" }},
	{"adminUser", "_aver", func(c *Config) { c.AdminUser = "_aver" }},
	{"adminUser", "admin", func(c *Config) { c.AdminUser = "admin" }},
	{"adminUser", "root", func(c *Config) { c.AdminUser = "root" }},
	{"sshCidrs", "[]", func(c *Config) { c.SSHCidrs = nil }},
	{"sshCidrs", "192.0.2.1", func(c *Config) { c.SSHCidrs = []string{"192.0.2.1"} }},
	{"sshCidrs", "192.0.2.300/32", func(c *Config) { c.SSHCidrs = []string{"192.0.2.300/32"} }},
	{"sshCidrs", "192.0.2.1/24", func(c *Config) { c.SSHCidrs = []string{"192.0.2.1/24"} }},
	{"sshCidrs", "2001:db8::/32", func(c *Config) { c.SSHCidrs = []string{"2001:db8::/32"} }},
	{"sshCidrs", "192.0.2.1/32", func(c *Config) { c.SSHCidrs = []string{"192.0.2.0/24", "192.0.2.1/32"} }},
	{"adminCidrs", "0.0.0.0/0", func(c *Config) { c.AdminCidrs = []string{"0.0.0.0/0"} }},
	{"adminCidrs", "everybody", func(c *Config) { c.AdminCidrs = []string{"everybody"} }},
	{"publicPorts", "70000", func(c *Config) { c.PublicPorts = []int{70000} }},
	{"publicPorts", "22", func(c *Config) { c.PublicPorts = []int{22} }},
	{"publicPorts", "2377", func(c *Config) { c.PublicPorts = []int{8080, 2377} }},
	{"publicPorts", "8080", func(c *Config) { c.PublicPorts = []int{8080, 8080} }},
	{"zones", `"4"`, func(c *Config) { c.Zones = []string{"1", "4"} }},
	{"zones", `"2"`, func(c *Config) { c.Zones = []string{"2", "2"} }},
	{"loadBalancer", "true", func(c *Config) { c.PublicPorts = nil }},
	{"dnsLabel", "Shop", func(c *Config) { c.DNSLabel = "Shop" }},
	{"dnsLabel", "1shop", func(c *Config) { c.DNSLabel = "1shop" }},
	{"dnsLabel", "shop-", func(c *Config) { c.DNSLabel = "shop-" }},
	{"dnsLabel", "s", func(c *Config) { c.DNSLabel = "s" }},
	{"dnsLabel", "sss", func(c *Config) { c.DNSLabel = strings.Repeat("s", 61) }},
	{"dnsLabel", "shop.example", func(c *Config) { c.DNSLabel = "shop.example" }},
	{"dnsLabel", "my-windows", func(c *Config) { c.DNSLabel = "my-windows" }},
	{"domain", "https://app.example.com", func(c *Config) { c.Domain = "https://app.example.com" }},
	{"domain", "App.example.com", func(c *Config) { c.Domain = "App.example.com" }},
	{"domain", "app.example.com.", func(c *Config) { c.Domain = "app.example.com." }},
	{"domain", "münchen.example.com", func(c *Config) { c.Domain = "münchen.example.com" }},
	{"domain", "aaaa", func(c *Config) { c.Domain = strings.Repeat(strings.Repeat("a", 59)+".", 4) + "aa.example.com" }},
	{"domain", "localhost", func(c *Config) { c.Domain = "localhost" }},
	{"domain", "192.0.2.1", func(c *Config) { c.Domain = "192.0.2.1" }},
	{"domain", "*.example.com", func(c *Config) { c.Domain = "*.example.com" }},
	{"domain", "app.example.org", func(c *Config) { c.Domain = "app.example.org" }},
	{"domain", "myexample.com", func(c *Config) { c.Domain = "myexample.com" }},
	{"domain", "shop.westeurope.cloudapp.azure.com", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "shop.westeurope.cloudapp.azure.com", "", ""
	}},
	{"dnsLabel", "azure", func(c *Config) { c.DNSLabel = "azure" }},
	{"publicPorts", "65535", func(c *Config) { c.PublicPorts = []int{80, 65535} }},
	{"domain", "shop.northeurope.cloudapp.azure.com", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "shop.northeurope.cloudapp.azure.com", "", ""
	}},
	{"domain", "westeurope.cloudapp.azure.com", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "westeurope.cloudapp.azure.com", "", ""
	}},
	{"domain", "shop.chinanorth3.cloudapp.chinacloudapi.cn", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "shop.chinanorth3.cloudapp.chinacloudapi.cn", "", ""
	}},
	{"domain", "shop.usgovvirginia.cloudapp.usgovcloudapi.net", func(c *Config) {
		c.Domain, c.DNSZone, c.DNSZoneResourceGroup = "shop.usgovvirginia.cloudapp.usgovcloudapi.net", "", ""
	}},
	{"dnsZone", "example.com", func(c *Config) { c.Domain = "" }},
	{"dnsZone", "example", func(c *Config) { c.DNSZone, c.Domain = "example", "example.com" }},
	{"dnsZoneResourceGroup", `""`, func(c *Config) { c.DNSZoneResourceGroup = "" }},
	{"dnsZoneResourceGroup", "a/b", func(c *Config) { c.DNSZoneResourceGroup = "a/b" }},
	{"dnsZoneResourceGroup", "names.", func(c *Config) { c.DNSZoneResourceGroup = "names." }},
	{"dnsZoneResourceGroup", "xx", func(c *Config) { c.DNSZoneResourceGroup = strings.Repeat("x", 91) }},
	{"dnsZoneResourceGroup", "names", func(c *Config) { c.DNSZone = "" }},
	{"adminPorts", "0", func(c *Config) { c.AdminPorts = []int{0} }},
	{"adminPorts", "8080", func(c *Config) { c.PublicPorts, c.AdminPorts = []int{8080}, []int{8080} }},
	{"vnetCidr", "10.20.0.0", func(c *Config) { c.VnetCidr = "10.20.0.0" }},
	{"vnetCidr", "203.0.113.0/24", func(c *Config) { c.VnetCidr, c.SubnetCidr = "203.0.113.0/24", "203.0.113.0/24" }},
	{"vnetCidr", "192.168.0.0/13", func(c *Config) { c.VnetCidr, c.SubnetCidr = "192.168.0.0/13", "192.168.0.0/24" }},
	{"vnetCidr", "172.17.0.0/16", func(c *Config) { c.VnetCidr, c.SubnetCidr = "172.17.0.0/16", "172.17.1.0/24" }},
	{"subnetCidr", "10.20.1.0/33", func(c *Config) { c.SubnetCidr = "10.20.1.0/33" }},
	{"subnetCidr", "10.30.1.0/24", func(c *Config) { c.SubnetCidr = "10.30.1.0/24" }},
	{"subnetCidr", "10.0.0.0/8", func(c *Config) { c.SubnetCidr = "10.0.0.0/8" }},
	{"subnetCidr", "10.20.1.0/25", func(c *Config) { c.SubnetCidr = "10.20.1.0/25" }},
	{"oidcSubjects", "21", func(c *Config) { c.OIDCSubjects = manySubjects(21) }},
	{"oidcSubjects", `""`, func(c *Config) { c.OIDCSubjects = []string{""} }},
	{"oidcSubjects", "repo:a/b:*", func(c *Config) { c.OIDCSubjects = []string{"repo:a/b:*"} }},
	{"oidcSubjects", `"repo:a/b "`, func(c *Config) { c.OIDCSubjects = []string{"repo:a/b "} }},
	{"oidcSubjects", "repo:a/b", func(c *Config) { c.OIDCSubjects = []string{"repo:a/b", "repo:a/b"} }},
	{"functionRuntime", "cobol", func(c *Config) { c.FunctionRuntime = "cobol" }},
	{"functionRuntime", "node:22.1", func(c *Config) { c.FunctionRuntime = "node:22.1" }},
	{"functionRuntime", "python:3", func(c *Config) { c.FunctionRuntime = "python:3" }},
	{"functionRuntime", "dotnet-isolated:8", func(c *Config) { c.FunctionRuntime = "dotnet-isolated:8" }},
	{"functionRuntime", "custom:2", func(c *Config) { c.FunctionRuntime = "custom:2" }},
	{"softDeleteDays", "1", func(c *Config) { c.SoftDeleteDays = 1 }},
}

// Every rule is broken once; the problem has the key, and its text the value.
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
		for _, part := range []string{settings.Name(tc.key) + ": ", tc.value} {
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

// The ports that are reported as open are those that the rules open.
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
