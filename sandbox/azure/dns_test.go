package azure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"averazure/sandbox/plugin"
)

func labelled(name, label string) object {
	return with(addressArgs(name), object{"dnsSettings": object{"domainNameLabel": label}})
}

func zoneArgs(name string) object {
	return object{"resourceGroupName": "aver-rg", "zoneName": name, "location": "global"}
}

func recordArgs(name string, changes object) object {
	return with(object{"resourceGroupName": "aver-rg", "zoneName": "example.com", "relativeRecordSetName": name, "recordType": "A", "ttl": 300.0,
		"aRecords": []any{object{"ipv4Address": "203.0.113.7"}}}, changes)
}

func cname(target string) object {
	return object{"recordType": "CNAME", "aRecords": nil, "cnameRecord": object{"cname": target}}
}

// wantNames compares the last names that the name server got.
func (w *world) wantNames(want map[string]string) {
	w.t.Helper()
	if got, want := fmt.Sprint(w.fake.names), fmt.Sprint(want); got != want {
		w.t.Errorf("the name server knows %s, want %s", got, want)
	}
}

func TestALabelNamesAnAddress(t *testing.T) {
	s := newScene(t)
	public := s.create("PublicIPAddress", "ip", labelled("ip", "aver-1"))
	name, address := "aver-1.westeurope.cloudapp.azure.com", text(public.state, "ipAddress")
	if got := text(public.state, "dnsSettings.fqdn"); got != name {
		t.Errorf("the name is %s", got)
	}
	s.wantNames(map[string]string{name: address})
	for label, code := range map[string]string{
		"aver-1": "DnsRecordInUse", "www": "DnsRecordInUse", "my-windows": "DomainNameLabelReserved", "login-aver": "DomainNameLabelReserved", "ab": "InvalidDomainNameLabel", "1aver": "InvalidDomainNameLabel",
		"aver-": "InvalidDomainNameLabel", "a.b.c": "InvalidDomainNameLabel", strings.Repeat("a", 64): "InvalidDomainNameLabel",
	} {
		s.refused(code, "PublicIPAddress", "other", labelled("other", label))
	}
	s.create("PublicIPAddress", "far", with(labelled("far", "aver-1"), object{"location": "northeurope"}))
	if err := public.update(object{"dnsSettings": object{"domainNameLabel": "aver-2"}}); err != nil {
		t.Fatal(err)
	}
	far := "aver-1.northeurope.cloudapp.azure.com"
	s.wantNames(map[string]string{far: "203.0.113.11", "aver-2.westeurope.cloudapp.azure.com": address})
	// An update of an address keeps its label. The label that it had before is free for
	// another address.
	if err := public.update(object{"tags": object{"a": "b"}}); err != nil {
		t.Error(err)
	}
	s.create("PublicIPAddress", "next", labelled("next", "aver-1"))
	s.wantRefusal(public.update(object{"dnsSettings": object{"domainNameLabel": "aver-1"}}), "DnsRecordInUse", "ip")
	s.wantNames(map[string]string{far: "203.0.113.11", "aver-2.westeurope.cloudapp.azure.com": address, name: "203.0.113.12"})
	if err := public.update(object{"dnsSettings": nil}); err != nil || at(public.state, "dnsSettings") != nil || text(public.state, "ipAddress") != address {
		t.Errorf("without a label: %v, %v", public.state, err)
	}
	if err := s.group.delete(); err != nil {
		t.Fatal(err)
	}
	s.wantNames(nil)
}

// A label can be changed in place; the address stays.
func TestALabelDoesNotReplaceItsAddress(t *testing.T) {
	s := newScene(t)
	public := s.create("PublicIPAddress", "ip", labelled("ip", "aver-1"))
	d := public.diff(object{"dnsSettings.domainNameLabel": "aver-2"})
	if len(d.Changes) != 1 || d.Changes[0].Replace {
		t.Errorf("%+v", d)
	}
}

func TestRecordSets(t *testing.T) {
	s := newScene(t)
	zone := s.create("Zone", "zone", zoneArgs("example.com"))
	apex := s.create("RecordSet", "apex", recordArgs("@", nil))
	www := s.create("RecordSet", "www", recordArgs("www", cname("example.com")))
	if got := apex.id; !strings.HasSuffix(got, "/providers/Microsoft.Network/dnsZones/example.com/A/@") {
		t.Errorf("the id is %s", got)
	}
	for r, want := range map[*res][2]string{apex: {"example.com.", "Microsoft.Network/dnszones/A"}, www: {"www.example.com.", "Microsoft.Network/dnszones/CNAME"}} {
		if text(r.state, "fqdn") != want[0] || text(r.state, "type") != want[1] || text(r.state, "provisioningState") != "Succeeded" || text(r.state, "name") != text(r.inputs, "relativeRecordSetName") {
			t.Errorf("%v", r.state)
		}
	}
	s.wantNames(map[string]string{"example.com": "203.0.113.7", "www.example.com": "example.com"})
	if got := fmt.Sprint(s.fake.zones); got != "[cloudapp.azure.com example.com]" {
		t.Errorf("zones %s", got)
	}
	if err := apex.update(object{"aRecords": []any{object{"ipv4Address": "203.0.113.8"}, object{"ipv4Address": "203.0.113.9"}}}); err != nil {
		t.Fatal(err)
	}
	s.wantNames(map[string]string{"example.com": "203.0.113.8 203.0.113.9", "www.example.com": "example.com"})
	if got := number(s.cloud.record.get(zone.id).State, "numberOfRecordSets"); got != 4 {
		t.Errorf("the zone has %d record sets", got)
	}
	if err := www.delete(); err != nil || www.gone() == false {
		t.Errorf("%v", err)
	}
	s.wantNames(map[string]string{"example.com": "203.0.113.8 203.0.113.9"})
	if err := zone.delete(); err != nil || !apex.gone() {
		t.Errorf("what is in a zone goes with it: %v", err)
	}
	s.wantNames(nil)
}

func TestRecordSetRefusals(t *testing.T) {
	s := newScene(t)
	s.create("Zone", "zone", zoneArgs("example.com"))
	s.create("RecordSet", "taken", recordArgs("taken", nil))
	s.create("RecordSet", "alias", recordArgs("alias", cname("taken.example.com.")))
	public := s.create("PublicIPAddress", "ip", addressArgs("ip"))
	aliasOf := func(id string) object { return object{"aRecords": nil, "targetResource": object{"id": id}} }
	for _, c := range []struct {
		code, token string
		inputs      object
	}{
		{"BadRequest", "Zone", zoneArgs("example")},
		{"BadRequest", "Zone", zoneArgs("-a.example")},
		{"BadRequest", "Zone", zoneArgs("example..com")},
		{"LocationNotAvailableForResourceType", "Zone", with(zoneArgs("example.org"), object{"location": nil})},
		{notPlayed, "Zone", with(zoneArgs("example.org"), object{"zoneType": "Private"})},
		{"ParentResourceNotFound", "RecordSet", recordArgs("www", object{"zoneName": "example.org"})},
		{"ResourceGroupNotFound", "Zone", with(zoneArgs("example.org"), object{"resourceGroupName": "none"})},
		{"BadRequest", "RecordSet", recordArgs("a..b", nil)},
		{"BadRequest", "RecordSet", recordArgs("a.*", nil)},
		{"BadRequest", "RecordSet", recordArgs("www.", nil)},
		{"BadRequest", "RecordSet", recordArgs("www", object{"ttl": nil})},
		{"BadRequest", "RecordSet", recordArgs("www", object{"ttl": 0.0})},
		{"BadRequest", "RecordSet", recordArgs("www", object{"aRecords": []any{object{"ipv4Address": "2001:db8::1"}}})},
		{"BadRequest", "RecordSet", recordArgs("www", object{"aRecords": []any{object{"ipv4Address": "no"}}})},
		{"BadRequest", "RecordSet", recordArgs("www", object{"aRecords": slices.Repeat([]any{object{"ipv4Address": "192.0.2.1"}}, 21)})},
		{"BadRequest", "RecordSet", recordArgs("@", cname("www.example.com"))},
		{"BadRequest", "RecordSet", recordArgs("www", cname("not a name"))},
		{"Conflict", "RecordSet", recordArgs("TAKEN", cname("www.example.com"))},
		{"Conflict", "RecordSet", recordArgs("alias", nil)},
		{"BadRequest", "RecordSet", recordArgs("www", aliasOf(public.id+"x"))},
		{"BadRequest", "RecordSet", recordArgs("www", object{"targetResource": object{"id": public.id}})},
		{notPlayed, "RecordSet", recordArgs("www", aliasOf(s.net.id))},
		{notPlayed, "RecordSet", recordArgs("www", object{"recordType": "TXT"})},
		{"missing required property 'recordType'", "RecordSet", recordArgs("www", object{"recordType": nil})},
	} {
		s.refused(c.code, c.token, "bad", c.inputs)
	}
	if _, err := s.try("RecordSet", "again", recordArgs("Taken", nil)); err == nil || !strings.Contains(err.Error(), "already existing") {
		t.Errorf("a second one: %v", err)
	}
}

// An alias exists as long as its address; a zone's wildcard is passed on unchanged.
func TestAnAliasFollowsItsAddress(t *testing.T) {
	s := newScene(t)
	s.create("Zone", "zone", zoneArgs("example.com"))
	public := s.create("PublicIPAddress", "ip", addressArgs("ip"))
	s.create("RecordSet", "all", recordArgs("*.dev", object{"ttl": nil, "aRecords": nil, "targetResource": object{"id": public.id}}))
	s.wantNames(map[string]string{"*.dev.example.com": text(public.state, "ipAddress")})
	if err := public.delete(); err != nil {
		t.Fatal(err)
	}
	s.wantNames(nil)
}

func TestRecordSetReplacements(t *testing.T) {
	s := newScene(t)
	s.create("Zone", "zone", zoneArgs("example.com"))
	set := s.create("RecordSet", "www", recordArgs("www", nil))
	for path, want := range map[string]bool{"relativeRecordSetName": true, "zoneName": true, "recordType": true, "ttl": false, "aRecords": false} {
		d := set.diff(object{path: "other"})
		if len(d.Changes) != 1 || d.Changes[0].Replace != want || d.DeleteBeforeReplace != want {
			t.Errorf("%s: %+v", path, d)
		}
	}
	if d := set.diff(nil); len(d.Changes) != 0 {
		t.Errorf("differs from itself: %+v", d)
	}
}

// A zone that exists outside the program is found and accepts records.
func TestAZoneThatIsThereWithoutTheProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cloud.json")
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), zonesFile), []byte(`{"example.com": "dns-rg"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := reopen(t, newFake(), file)
	if got := fmt.Sprint(w.fake.zones); got != "[cloudapp.azure.com example.com]" {
		t.Errorf("zones %s", got)
	}
	w.create("RecordSet", "www", recordArgs("www", object{"resourceGroupName": "DNS-RG"}))
	w.refused("ParentResourceNotFound", "RecordSet", "other", recordArgs("www", object{"resourceGroupName": "dns-rg", "zoneName": "example.org"}))
	w = reopen(t, newFake(), file)
	w.wantNames(map[string]string{"www.example.com": "203.0.113.7"})
	function := zoneFunction(t, w)
	found, err := function(context.Background(), toEngine(object{"resourceGroupName": "dns-rg", "zoneName": "example.com"}))
	if got := fromEngine(found); err != nil || text(got, "name") != "example.com" || text(got, "location") != "global" || len(texts(got, "nameServers")) != 4 || number(got, "numberOfRecordSets") != 3 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := function(context.Background(), toEngine(object{"resourceGroupName": "dns-rg", "zoneName": "example.org"})); err == nil || !strings.Contains(err.Error(), "ResourceNotFound") {
		t.Errorf("of no zone: %v", err)
	}
}

func zoneFunction(t *testing.T, w *world) plugin.Function {
	t.Helper()
	for _, p := range w.cloud.Plugins() {
		if f := p.Functions["azure-native:network/v20180501:getZone"]; f != nil {
			return f
		}
	}
	t.Fatal("getZone is not played")
	return nil
}

func TestADamagedListOfZonesIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cloud.json")
	zones := filepath.Join(filepath.Dir(file), zonesFile)
	if err := os.WriteFile(zones, []byte(`["example.com"]`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := reopen(t, newFake(), file)
	if _, err := w.try("Zone", "zone", zoneArgs("example.com")); err == nil || !strings.Contains(err.Error(), zones) {
		t.Errorf("%v", err)
	}
}
