package azure

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

const zonePath = networkPath + "dnsZones/{zoneName}"

// dnsKinds are zones of Azure DNS and their records. The sandbox's name server answers for
// them.
var dnsKinds = []*kind{{
	tokens:   []string{"azure-native:network/v20180501:Zone"},
	azure:    "Microsoft.Network/dnszones",
	path:     zonePath,
	auto:     autoRandom,
	rule:     zoneName,
	located:  true,
	replaces: []string{"location"}, // cannot change (x-ms-mutability in the service's dns.json)
	computed: []string{"etag", "maxNumberOfRecordSets", "maxNumberOfRecordsPerRecordSet", "nameServers", "numberOfRecordSets"},
	judge:    judgeZone,
	complete: completeZone,
}, {
	tokens:   []string{"azure-native:network/v20180501:RecordSet"},
	azure:    "Microsoft.Network/dnszones/recordsets",
	path:     zonePath + "/{recordType}/{relativeRecordSetName}",
	inside:   zonePath,
	auto:     autoCopy,
	rule:     recordName,
	computed: []string{"etag", "fqdn", "provisioningState", "targetResource"},
	judge:    judgeRecordSet,
	complete: completeRecordSet,
	touches:  countRecordSets,
}}

// Zone and record names: labels of RFC 1035, also with underscores. A wildcard starts
// with an asterisk.
var (
	dnsLabels = `[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)`
	zoneName  = nameRule{min: 1, max: 253, pattern: regexp.MustCompile(`^` + dnsLabels + `+$`),
		says: "of a zone has two or more labels of up to 63 letters, digits, underscores and hyphens", code: "BadRequest"}
	recordName = nameRule{min: 1, max: 253, pattern: regexp.MustCompile(`^(@|\*|(\*\.)?` + dnsLabels + `*)$`),
		says: "of a record set is @, or labels of up to 63 letters, digits, underscores and hyphens, relative to its zone", code: "BadRequest"}
	targetName = regexp.MustCompile(`^` + dnsLabels + `*\.?$`)
)

func judgeZone(op *operation) error {
	if location := text(op.inputs, "location"); normalLocation(location) != "global" {
		return op.refuse("LocationNotAvailableForResourceType", "the provided location '%s' is not available for resource type '%s'; "+
			"the only one is 'global'", location, op.kind.azure)
	}
	if text(op.inputs, "zoneType") == "Private" {
		return op.refuse(notPlayed, "the sandbox supports public zones only")
	}
	return nil
}

func completeZone(op *operation) {
	op.state["etag"] = newUUID()
	fallback(op.state, "zoneType", "Public")
	op.keep("numberOfRecordSets", always(2.0)) // NS and SOA
	fallback(op.state, "maxNumberOfRecordSets", 10000.0)
	fallback(op.state, "nameServers", list("ns1-01.azure-dns.com.", "ns2-01.azure-dns.net.", "ns3-01.azure-dns.org.", "ns4-01.azure-dns.info."))
}

// countRecordSets records a zone's number of record sets.
func countRecordSets(r *record, e *entry) {
	zone := r.get(zoneOf(e.ID))
	if zone == nil {
		return
	}
	count := 2.0
	for _, set := range r.below(zone.ID) {
		if !set.Pending {
			count++
		}
	}
	zone.State["numberOfRecordSets"], zone.State["etag"] = count, newUUID()
}

// zoneOf is the id of a record set's zone: the record set's id without its last two parts.
func zoneOf(id string) string {
	id = id[:strings.LastIndex(id, "/")]
	return id[:strings.LastIndex(id, "/")]
}

// maxRecords is the service's limit for one set.
// https://learn.microsoft.com/azure/dns/dns-faq
const maxRecords = 20

func judgeRecordSet(op *operation) error {
	kind := text(op.inputs, "recordType")
	alias := text(op.inputs, "targetResource.id")
	if kind != "A" && kind != "CNAME" {
		return op.refuse(notPlayed, "the sandbox supports record sets of the types A and CNAME, not %s", kind)
	}
	if ttl := at(op.inputs, "ttl"); alias == "" && (ttl == nil || number(op.inputs, "ttl") < 1) {
		return op.refuse("BadRequest", "the TTL of a record set must be 1 to 2147483647 seconds")
	}
	if err := op.judgeNeighbours(kind); err != nil {
		return err
	}
	if alias != "" {
		return op.judgeAlias(kind, alias)
	}
	if kind == "CNAME" {
		if target := text(op.inputs, "cnameRecord.cname"); !targetName.MatchString(target) {
			return op.refuse("BadRequest", "the domain name '%s' is invalid", target)
		}
		return nil
	}
	return op.judgeAddresses()
}

func (op *operation) judgeAddresses() error {
	records := items(op.inputs, "aRecords")
	if len(records) > maxRecords {
		return op.refuse("BadRequest", "a record set holds at most %d records, this one %d", maxRecords, len(records))
	}
	for _, r := range records {
		if a, err := netip.ParseAddr(text(r, "ipv4Address")); err != nil || !a.Is4() {
			return op.refuse("BadRequest", "the value '%s' is not a valid IPv4 address", text(r, "ipv4Address"))
		}
	}
	return nil
}

// judgeNeighbours refuses other records beside a CNAME. kubernetes-sigs/external-dns
// #5358 and Lets-Encrypt-Auto #26 quote the messages.
func (op *operation) judgeNeighbours(kind string) error {
	if kind == "CNAME" && op.name == "@" {
		return op.refuse("BadRequest", "a CNAME record set cannot be created at the apex of a zone, which has other records")
	}
	for _, e := range op.record.below(zoneOf(op.id)) {
		other := text(e.Inputs, "recordType")
		if strings.EqualFold(e.name(), op.name) && other != kind && (other == "CNAME" || kind == "CNAME") {
			return op.refuse("Conflict", "the %s record could not be created because another record with the same name already exists in this zone (%s)", kind, e.ID)
		}
	}
	return nil
}

// judgeAlias requires a public address as the target, the only kind of target that the
// sandbox supports.
func (op *operation) judgeAlias(kind, alias string) error {
	if len(items(op.inputs, "aRecords")) > 0 || at(op.inputs, "cnameRecord") != nil {
		return op.refuse("BadRequest", "a record set has records or a target resource, not both")
	}
	target := op.record.get(alias)
	if target == nil {
		return op.refuse("BadRequest", "the target resource '%s' was not found", alias)
	}
	if typeName(target.Token) != "PublicIPAddress" || kind != "A" {
		return op.refuse(notPlayed, "the sandbox supports aliases of type A for public IP addresses only")
	}
	return nil
}

func completeRecordSet(op *operation) {
	zone := text(op.inputs, "zoneName")
	op.state["type"] = "Microsoft.Network/dnszones/" + text(op.inputs, "recordType")
	op.state["etag"], op.state["provisioningState"] = newUUID(), "Succeeded"
	op.state["fqdn"] = fullName(op.name, zone) + "."
	fallback(op.state, "targetResource", object{})
}

// fullName is the full name of a record set.
func fullName(relative, zone string) string {
	if relative == "@" {
		return zone
	}
	return relative + "." + zone
}

// zone returns the data of a zone, which may exist outside the program.
func (c *Cloud) zone(_ context.Context, args resource.PropertyMap) (resource.PropertyMap, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	in := fromEngine(args)
	e := c.record.get(dnsKinds[0].id(c.record.Subscription, in))
	if e == nil {
		return nil, fmt.Errorf("ResourceNotFound: the resource 'Microsoft.Network/dnszones/%s' under resource group '%s' was not found",
			text(in, "zoneName"), text(in, "resourceGroupName"))
	}
	return toEngine(clone(e.State)), nil
}
