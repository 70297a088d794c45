package infra

import (
	"fmt"
	"slices"
	"strings"

	dns "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20180501"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
	"averazure/internal/host"
	"averazure/internal/names"
	"averazure/internal/settings"
)

// recordSeconds is how long resolvers cache the record of Domain. Until then they use the
// address from before a balancer was added or removed.
const recordSeconds = 10

// label is the first manager's DNS label.
func (b *builder) label() string {
	if b.args.DNSLabel != "" {
		return b.args.DNSLabel
	}
	return b.names.Label()
}

// balancerLabel is the balancer's DNS label. The first manager keeps its own: Azure refuses
// a label that another address still has, so no label may ever move.
func (b *builder) balancerLabel() string { return b.names.BalancerLabel(b.label()) }

// labels are all DNS labels of this Pulumi stack.
func (b *builder) labels() []string {
	if b.args.LoadBalancer {
		return []string{b.balancerLabel(), b.label()}
	}
	return []string{b.label()}
}

// The ends of Azure's names in its three clouds.
// https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure
// https://learn.microsoft.com/azure/china/resources-developer-guide
const (
	publicSuffix     = ".cloudapp.azure.com"
	chinaSuffix      = ".cloudapp.chinacloudapi.cn"
	governmentSuffix = ".cloudapp.usgovcloudapi.net"
)

var cloudSuffixes = []string{publicSuffix, chinaSuffix, governmentSuffix}

// labelSuffix is what Azure puts behind a label in a region.
func labelSuffix(location string) string {
	switch {
	case strings.HasPrefix(location, "china"):
		return "." + location + chinaSuffix
	case strings.HasPrefix(location, "usgov"), strings.HasPrefix(location, "usdod"):
		return "." + location + governmentSuffix
	}
	return "." + location + publicSuffix
}

// entryNames are host.Entry.Names, with the first manager's label.
func (c Config) entryNames(label string) []string {
	list := []string{label + labelSuffix(c.Location)}
	if c.LoadBalancer {
		list = slices.Insert(list, 0, names.Names{}.BalancerLabel(label)+labelSuffix(c.Location))
	}
	if c.Domain != "" {
		list = slices.Insert(list, 0, c.Domain)
	}
	return list
}

// EntryNames are host.Entry.Names as far as the configuration determines them: a derived
// label has the right form only, not its real value.
func (c Config) EntryNames() []string {
	label := c.DNSLabel
	if label == "" {
		label = names.New(c.Prefix, "", "", c.NameSalt).Label()
	}
	return c.entryNames(label)
}

// newEntry describes the entry. It also makes the record of Domain where its zone is in
// Azure, as soon as the nodes are behind the balancer, so that a name never leads to a
// balancer without nodes.
func (b *builder) newEntry(first host.Host) (host.Entry, error) {
	entry := host.Entry{Address: first.PublicAddress, Names: b.args.entryNames(b.label())}
	if b.balancer != nil {
		entry.Address = b.entryIP.IpAddress.Elem()
		entry.Needs = append([]pulumi.Resource{b.balancer}, b.nics...)
	}
	b.warnOfNames(entry)
	if b.args.DNSZone == "" {
		return entry, nil
	}
	explained, err := failure.Explain(b.ctx, b.child("record-refused"), b.recordRefused)
	if err != nil {
		return entry, err
	}
	b.record, err = dns.NewRecordSet(b.ctx, b.child("record"), &dns.RecordSetArgs{
		ResourceGroupName:     pulumi.String(b.args.DNSZoneResourceGroup),
		ZoneName:              pulumi.String(b.args.DNSZone),
		RelativeRecordSetName: pulumi.String(b.args.recordName()),
		RecordType:            pulumi.String("A"),
		Ttl:                   pulumi.Float64(recordSeconds),
		ARecords:              dns.ARecordArray{dns.ARecordArgs{Ipv4Address: entry.Address}},
	}, b.parent(), pulumi.DependsOn(entry.Needs), explained)
	entry.Needs = append(entry.Needs, b.record)
	return entry, err
}

// recordName is the name of Domain's record within DNSZone.
func (c Config) recordName() string {
	if c.Domain == c.DNSZone {
		return "@"
	}
	return strings.TrimSuffix(c.Domain, "."+c.DNSZone)
}

// labelRefused explains Azure's error for a label that is taken.
func (b *builder) labelRefused(failed *pulumi.ErrorHookArgs) string {
	if !strings.Contains(failed.Errors[0], "DnsRecordInUse") {
		return ""
	}
	return fmt.Sprintf("the DNS label %s is taken in %s: set averazure:dnsLabel to another one, or averazure:nameSalt where it is derived",
		strings.Join(b.labels(), " or "), b.args.Location)
}

// balancerRefused explains Azure's error if the nodes together could have more outbound
// ports than one address has.
func (b *builder) balancerRefused(failed *pulumi.ErrorHookArgs) string {
	if !strings.Contains(failed.Errors[0], "OutboundPorts") {
		return ""
	}
	return "with fewer nodes each gets more outbound ports, while the leaving nodes still hold theirs: remove at most half of the nodes in one update"
}

// recordRefused explains Azure's errors for a zone that does not exist, is somebody
// else's, or has a CNAME of that name, and the provider's for a record that somebody else
// made.
func (b *builder) recordRefused(failed *pulumi.ErrorHookArgs) string {
	zone, group := b.args.DNSZone, b.args.DNSZoneResourceGroup
	switch said := failed.Errors[0]; {
	case strings.Contains(said, "already existing"):
		return settings.Warningf("domain", "the zone has a record of %s that this program did not make. Remove it with "+
			"`az network dns record-set a delete --resource-group '%s' --zone-name '%s' --name '%s'`, or maintain it yourself and leave averazure:dnsZone empty",
			b.args.Domain, group, zone, b.args.recordName())
	case strings.Contains(said, "already exists in this zone"):
		return settings.Warningf("domain", "the zone has a record of another type for %s, such as a CNAME; `az network dns record-set list --resource-group '%s' --zone-name '%s' --output table` shows it. "+
			"Remove it, or maintain it yourself and leave averazure:dnsZone empty", b.args.Domain, group, zone)
	case strings.Contains(said, "AuthorizationFailed"):
		return settings.Warningf("dnsZone", "whoever runs this may not change records of %s; let somebody do it who has the role DNS Zone Contributor on the zone and may assign roles there (docs/decisions/0004-two-identities.md)", zone)
	case strings.Contains(said, "NotFound"):
		return settings.Warningf("dnsZone", "the zone %s is not in the resource group %s of this subscription; `az network dns zone list --output table` lists its zones", zone, group)
	}
	return ""
}
