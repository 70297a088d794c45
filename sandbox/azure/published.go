package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"averazure/sandbox/nameserver"
)

// labelZone is the zone of public addresses' labels, below the region.
const labelZone = "cloudapp.azure.com"

// labelTTL is how long clients may remember a label's address.
const labelTTL = 10

// worldsLabels are labels that somebody else uses in every region
// (Azure/azure-quickstart-templates #4978 reports the first one).
var worldsLabels = []string{"www", "test", "demo", "app", "api"}

// names are all zones and records for the name server.
func (r *record) names() (zones []string, records []nameserver.Record) {
	zones = []string{labelZone}
	for _, zone := range r.of("Zone") {
		zones = append(zones, zone.name())
	}
	further, records := r.blobNames()
	zones = append(zones, further...)
	for _, e := range r.of("PublicIPAddress") {
		if fqdn := text(e.State, "dnsSettings.fqdn"); fqdn != "" {
			records = append(records, nameserver.Record{Name: fqdn, TTL: labelTTL, Addresses: addressesOf(text(e.State, "ipAddress"))})
		}
	}
	for _, e := range r.of("RecordSet") {
		records = append(records, r.recordSet(e))
	}
	return zones, slices.DeleteFunc(records, func(n nameserver.Record) bool { return n.Target == "" && len(n.Addresses) == 0 })
}

// recordSet is what the name server answers for a record set.
func (r *record) recordSet(e *entry) nameserver.Record {
	set := nameserver.Record{Name: fullName(e.name(), text(e.Inputs, "zoneName")), TTL: uint32(number(e.State, "ttl"))}
	set.Target = text(e.State, "cnameRecord.cname")
	for _, a := range items(e.State, "aRecords") {
		set.Addresses = append(set.Addresses, addressesOf(text(a, "ipv4Address"))...)
	}
	// An alias has the current address of its target, or none.
	if target := r.get(text(e.State, "targetResource.id")); target != nil {
		set.Addresses, set.TTL = addressesOf(text(target.State, "ipAddress")), max(set.TTL, labelTTL)
	}
	return set
}

// addressesOf is the address, or none if it is not known yet.
func addressesOf(s string) []netip.Addr {
	address, err := netip.ParseAddr(s)
	if err != nil {
		return nil
	}
	return []netip.Addr{address}
}

// zonesFile, beside the record, lists zones that exist outside the program: a JSON object
// of zone names and their resource groups.
const zonesFile = "zones.json"

// openZones adds the zones of zonesFile to the record.
func (r *record) openZones() error {
	file := filepath.Join(filepath.Dir(r.file), zonesFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	zones := map[string]string{}
	if err == nil {
		err = json.Unmarshal(data, &zones)
	}
	if err != nil {
		return fmt.Errorf("read the existing zones from %s: %w", file, err)
	}
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		r.plant(name, zones[name])
	}
	return nil
}

// plant records a zone and its resource group unless they exist.
func (r *record) plant(zone, group string) {
	const region = "westeurope" // the group's region; a zone does not have one
	for k, inputs := range map[*kind]object{
		groupKinds[0]: {"resourceGroupName": group, "location": region},
		dnsKinds[0]:   {"resourceGroupName": group, "zoneName": zone, "location": "global"},
	} {
		e := &entry{ID: k.id(r.Subscription, inputs), Token: k.tokens[0], Inputs: inputs, Known: true}
		if r.get(e.ID) != nil {
			continue
		}
		op := &operation{kind: k, id: e.ID, name: e.name(), inputs: inputs, state: k.outputs(inputs)}
		op.state["id"], op.state["name"], op.state["type"] = op.id, op.name, k.azure
		k.complete(op)
		e.State = op.state
		r.put(e)
	}
}
