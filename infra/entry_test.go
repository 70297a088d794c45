package infra

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/names"
	"averazure/internal/recorder"
)

// A label that is in use cannot be given to another address, so none may ever move: the
// first manager keeps its own when a balancer comes or goes.
func TestEveryLabelStaysWhereItIs(t *testing.T) {
	derived := names.New("aver", "test", recorder.Subscription, "").Label()
	for _, explicit := range []string{"", "shop"} {
		want := map[string]any{"aver-manager-ip": derived, "aver-entry-ip": derived + "-lb"}
		if explicit != "" {
			want = map[string]any{"aver-manager-ip": "shop", "aver-entry-ip": "shop-lb"}
		}
		for _, balanced := range []bool{true, false} {
			c := full()
			c.DNSLabel, c.LoadBalancer = explicit, balanced
			r, _ := mustRecord(t, c)
			for _, address := range r.OfType(ipType) {
				if got := recorder.At(address.Inputs, "dnsSettings.domainNameLabel"); got != want[address.Name] {
					t.Errorf("balancer %v: %s has the label %v, want %v", balanced, address.Name, got, want[address.Name])
				}
			}
		}
	}
}

func TestEntryNames(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"of the first manager": {func(c *Config) { c.DNSLabel = "shop" }, "shop.westeurope.cloudapp.azure.com"},
		"of the balancer":      {func(c *Config) { c.DNSLabel, c.LoadBalancer = "shop", true }, "shop-lb.westeurope.cloudapp.azure.com, shop.westeurope.cloudapp.azure.com"},
		"of one's own": {func(c *Config) { c.DNSLabel, c.LoadBalancer, c.Domain = "shop", true, "shop.example.com" },
			"shop.example.com, shop-lb.westeurope.cloudapp.azure.com, shop.westeurope.cloudapp.azure.com"},
		"in China":        {func(c *Config) { c.DNSLabel, c.Location = "shop", "chinanorth3" }, "shop.chinanorth3.cloudapp.chinacloudapi.cn"},
		"of the army":     {func(c *Config) { c.DNSLabel, c.Location = "shop", "usdodeast" }, "shop.usdodeast.cloudapp.usgovcloudapi.net"},
		"of a government": {func(c *Config) { c.DNSLabel, c.Location = "shop", "usgovvirginia" }, "shop.usgovvirginia.cloudapp.usgovcloudapi.net"},
	} {
		c := Defaults()
		c.Location, c.SSHCidrs = "westeurope", []string{"192.0.3.0/24"}
		test.change(&c)
		_, made := mustRecord(t, c)
		if got := strings.Join(made.Entry.Names, ", "); got != test.want || made.Entry.Name() != made.Entry.Names[0] {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		if got := c.EntryNames(); !slices.Equal(got, made.Entry.Names) {
			t.Errorf("%s: the configuration alone tells %q", name, got)
		}
	}
	// The subscription is not known before the first call.
	c := full()
	_, made := mustRecord(t, c)
	for i, name := range c.EntryNames() {
		if len(name) != len(made.Entry.Names[i]) {
			t.Errorf("%s has another form than %s", name, made.Entry.Names[i])
		}
	}
}

func TestEntryIsTheBalancerOrTheFirstManager(t *testing.T) {
	for balanced, key := range map[bool]string{true: "aver-entry-ip", false: "aver-manager-ip"} {
		c := full()
		c.LoadBalancer = balanced
		r, made := mustRecord(t, c)
		if got, want := recorder.At(r.Exports(), "entryAddress"), recorder.At(r.Get(ipType, key).Outputs, "ipAddress"); got != want {
			t.Errorf("balancer %v: entry %v, want %v", balanced, got, want)
		}
		record := r.Get(recordType, "aver-record")
		for path, want := range map[string]any{
			"zoneName": "example.com", "resourceGroupName": "names", "relativeRecordSetName": "app", "recordType": "A", "ttl": 10.0,
			"aRecords.0.ipv4Address": recorder.At(r.Exports(), "entryAddress"),
		} {
			if got := recorder.At(record.Inputs, path); got != want {
				t.Errorf("balancer %v: %s is %v, want %v", balanced, path, got, want)
			}
		}
		// The name moves to the balancer only when the nodes are behind it.
		for _, nic := range r.OfType(nicType) {
			if slices.Contains(record.Request.GetDependencies(), nic.URN) != balanced {
				t.Errorf("balancer %v: the record depends on %s: %v", balanced, nic.Name, !balanced)
			}
		}
		if len(made.Entry.Needs) == 0 {
			t.Errorf("balancer %v: the entry needs nothing", balanced)
		}
	}
}

func TestRecordNames(t *testing.T) {
	for domain, want := range map[string]string{"example.com": "@", "app.example.com": "app", "a.b.example.com": "a.b"} {
		c := full()
		if c.Domain = domain; c.recordName() != want || len(c.Validate()) > 0 {
			t.Errorf("%s: %s, want %s (%v)", domain, c.recordName(), want, c.Validate())
		}
	}
}

// Words that Azure reserves only as a whole label may be a part of a label.
func TestLabels(t *testing.T) {
	for _, label := range []string{"abc", "azure-shop", "office-2", "shop-login", strings.Repeat("a", 60)} {
		c := full()
		if c.DNSLabel = label; len(c.Validate()) > 0 {
			t.Errorf("%s: %v", label, c.Validate())
		}
	}
}

// A resource group that somebody else made may have any name that Azure accepts.
func TestGroupsOfZones(t *testing.T) {
	for _, group := range []string{"n", "größe_(1).dns-2", "名前", strings.Repeat("é", 90)} {
		c := full()
		if c.DNSZoneResourceGroup = group; len(c.Validate()) > 0 {
			t.Errorf("%s: %v", group, c.Validate())
		}
	}
}

func TestRefusedLabelIsExplained(t *testing.T) {
	b := &builder{args: Args{Config: full()}, names: names.New("aver", "test", "", "")}
	for said, want := range map[string]bool{`Code="DnsRecordInUse" Message="DNS record x.westeurope.cloudapp.azure.com is already used"`: true, `Code="PublicIPCountLimitReached"`: false} {
		got := b.labelRefused(&pulumi.ErrorHookArgs{Errors: []string{said}})
		if (got != "") != want || want && (!strings.Contains(got, b.label()) || !strings.Contains(got, "averazure:dnsLabel")) {
			t.Errorf("%s: %q", said, got)
		}
	}
	r, _ := mustRecord(t, full())
	for _, address := range r.OfType(ipType) {
		labelled := recorder.At(address.Inputs, "dnsSettings") != nil
		if explained := len(address.Request.GetHooks().GetOnError()) > 0; explained != labelled {
			t.Errorf("%s: explained %v, with a label %v", address.Name, explained, labelled)
		}
	}
}

func TestRefusedRecordIsExplained(t *testing.T) {
	b := &builder{args: Args{Config: full()}}
	for said, want := range map[string]string{
		"cannot create already existing resource '/subscriptions/1/.../dnsZones/example.com/A/app'":                                          "averazure:domain: ",
		`Code="ParentResourceNotFound" Message="Failed to perform 'write'"`:                                                                  "averazure:dnsZone: ",
		`Code="ResourceGroupNotFound" Message="Resource group 'names' could not be found."`:                                                  "averazure:dnsZone: ",
		`Code="Conflict" Message="The A record could not be created because a CNAME record with the same name already exists in this zone."`: "averazure:domain: ",
		`Code="AuthorizationFailed"`: "averazure:dnsZone: ",
		`Code="TooManyRequests"`:     "",
	} {
		got := b.recordRefused(&pulumi.ErrorHookArgs{Errors: []string{said}})
		if (got != "") != (want != "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", said, got, want)
		}
	}
	r, _ := mustRecord(t, full())
	if hooks := r.Get(recordType, "aver-record").Request.GetHooks().GetOnError(); len(hooks) != 1 {
		t.Errorf("the record has %d hooks", len(hooks))
	}
}
