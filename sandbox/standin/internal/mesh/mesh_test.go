package mesh

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The engine's answers for a service with a published port on two networks: one task
// serves, one is being replaced, one is not healthy yet.
const servicesJSON = `[
 {"ID":"api","Endpoint":{
  "Ports":[{"Protocol":"tcp","TargetPort":80,"PublishedPort":8080,"PublishMode":"ingress"},
           {"Protocol":"tcp","TargetPort":9,"PublishedPort":9,"PublishMode":"host"}],
  "VirtualIPs":[{"NetworkID":"ing","Addr":"10.0.0.4/24"},{"NetworkID":"net1","Addr":"10.0.1.2/24"}]}},
 {"ID":"idle","Endpoint":{"VirtualIPs":[{"NetworkID":"net1","Addr":"10.0.1.9/24"}]}},
 {"ID":"dnsrr","Endpoint":{}}]`

const tasksJSON = `[
 {"ServiceID":"api","DesiredState":"running","Status":{"State":"running"},"NetworksAttachments":[
   {"Network":{"ID":"ing","Spec":{"Ingress":true}},"Addresses":["10.0.0.10/24"]},
   {"Network":{"ID":"net1","Spec":{}},"Addresses":["10.0.1.10/24"]}]},
 {"ServiceID":"api","DesiredState":"running","Status":{"State":"running"},"NetworksAttachments":[
   {"Network":{"ID":"ing","Spec":{"Ingress":true}},"Addresses":["10.0.0.6/24"]},
   {"Network":{"ID":"net1","Spec":{}},"Addresses":["10.0.1.4/24"]}]},
 {"ServiceID":"api","DesiredState":"shutdown","Status":{"State":"running"},"NetworksAttachments":[
   {"Network":{"ID":"ing","Spec":{"Ingress":true}},"Addresses":["10.0.0.7/24"]}]},
 {"ServiceID":"api","DesiredState":"running","Status":{"State":"starting"},"NetworksAttachments":[
   {"Network":{"ID":"ing","Spec":{"Ingress":true}},"Addresses":["10.0.0.8/24"]}]}]`

var wantTable = Table{
	Ports: []Port{{"tcp", 8080, 80, []string{"10.0.0.6", "10.0.0.10"}}},
	VIPs: []VIP{
		{"net1", "10.0.1.2", []string{"10.0.1.4", "10.0.1.10"}},
		{"net1", "10.0.1.9", nil},
	},
}

func parse[T any](t *testing.T, text string) []T {
	t.Helper()
	var list []T
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTabulateTakesOnlyTasksThatServe(t *testing.T) {
	services, tasks := parse[service](t, servicesJSON), parse[task](t, tasksJSON)
	if got := tabulate(services, tasks); !reflect.DeepEqual(got, wantTable) {
		t.Errorf("the table is %+v, want %+v", got, wantTable)
	}
}

func TestTabulateDoesNotDependOnTheOrder(t *testing.T) {
	services, tasks := parse[service](t, servicesJSON), parse[task](t, tasksJSON)
	services[0], services[1] = services[1], services[0]
	tasks[0], tasks[1] = tasks[1], tasks[0]
	if got := tabulate(services, tasks); !reflect.DeepEqual(got, wantTable) {
		t.Errorf("the table is %+v, want %+v", got, wantTable)
	}
}

func TestRules(t *testing.T) {
	for _, test := range []struct {
		name, got string
		want      []string
	}{
		{"node", nodeRules(wantTable, "172.18.0.2"), []string{
			"prerouting priority -110", "output priority -110",
			"fib daddr type local tcp dport { 8080 } dnat to 172.18.0.2",
			"ip daddr 172.18.0.2 fib saddr type local ct status dnat masquerade",
		}},
		{"ingress", ingressRules(wantTable), []string{
			"fib daddr type local tcp dport 8080 dnat to numgen inc mod 2 map { 0 : 10.0.0.6, 1 : 10.0.0.10 }:80",
			"ct status dnat masquerade",
		}},
		{"vip", vipRules(wantTable, "net1"), []string{
			"ip daddr 10.0.1.2 dnat to numgen inc mod 2 map { 0 : 10.0.1.4, 1 : 10.0.1.10 }",
		}},
	} {
		for _, want := range append(test.want, "delete table ip "+tableName+"\n") {
			if !strings.Contains(test.got, want) {
				t.Errorf("the %s rules are\n%s\nwithout %q", test.name, test.got, want)
			}
		}
	}
}

func TestAServiceWithoutTasksGetsNoRule(t *testing.T) {
	if got := vipRules(wantTable, "net1"); strings.Contains(got, "10.0.1.9") {
		t.Errorf("a rule to nowhere:\n%s", got)
	}
	if got := ingressRules(Table{Ports: []Port{{"tcp", 80, 80, nil}}}); strings.Contains(got, "dport") {
		t.Errorf("a rule to nowhere:\n%s", got)
	}
	if got := nodeRules(Table{}, "172.18.0.2"); strings.Contains(got, "dport") {
		t.Errorf("rules without ports:\n%s", got)
	}
}

func TestASingleTaskNeedsNoTurns(t *testing.T) {
	if got := spread([]string{"10.0.0.5"}); got != "10.0.0.5" {
		t.Errorf("spread is %q", got)
	}
}

func TestAChangedAddressIsAChangedRuleset(t *testing.T) {
	other := Table{VIPs: []VIP{{"net1", "10.0.1.8", nil}}}
	if vipRules(wantTable, "net1")+vipNote(wantTable, "net1") == vipRules(other, "net1")+vipNote(other, "net1") {
		t.Error("two tables give the same rules")
	}
	if vipNote(wantTable, "net2") != "" {
		t.Error("another network's addresses are noted")
	}
}

func TestAliases(t *testing.T) {
	present := []string{"10.0.1.8/24", "10.0.1.2/32", "10.0.1.7/32"}
	add, remove := aliases(present, wantTable.VIPs)
	if !reflect.DeepEqual(add, []string{"10.0.1.9/32"}) || !reflect.DeepEqual(remove, []string{"10.0.1.7/32"}) {
		t.Errorf("add %v, remove %v", add, remove)
	}
}

func TestAddressesOfAnInterface(t *testing.T) {
	bridge := "4: docker_gwbridge    inet 172.18.0.1/16 brd 172.18.255.255 scope global docker_gwbridge\\ valid_lft forever\n"
	inside := "1: lo    inet 127.0.0.1/8 scope host lo\n9: eth0    inet 10.0.0.2/24 scope global eth0\n" +
		"9: eth0    inet 10.0.0.4 peer\n11: eth1    inet 172.18.0.2/16 scope global eth1\n"
	if got := listAddresses(inside); !reflect.DeepEqual(got, []string{"127.0.0.1/8", "10.0.0.2/24", "10.0.0.4/32", "172.18.0.2/16"}) {
		t.Errorf("addresses are %v", got)
	}
	if got := sharedAddress(listAddresses(bridge), listAddresses(inside)); got != "172.18.0.2" {
		t.Errorf("the ingress address is %q", got)
	}
	if got := sharedAddress(nil, listAddresses(inside)); got != "" {
		t.Errorf("without a bridge the ingress address is %q", got)
	}
}

func TestTheTableReachesTheOtherNodes(t *testing.T) {
	s := share(t.TempDir())
	if _, ok := s.read([]string{"m1"}, time.Now()); ok {
		t.Error("a table that nobody wrote was read")
	}
	if err := s.publish("m1", wantTable); err != nil {
		t.Fatal(err)
	}
	if got, ok := s.read([]string{"m2", "m1"}, time.Now()); !ok || !reflect.DeepEqual(got, wantTable) {
		t.Errorf("read %+v", got)
	}
	if _, ok := s.read([]string{"other"}, time.Now()); ok {
		t.Error("another Swarm's table was read")
	}
}

func TestAnUnchangedTableIsConfirmed(t *testing.T) {
	s := share(t.TempDir())
	if err := s.publish("m1", wantTable); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(s.file("m1"), past, past); err != nil {
		t.Fatal(err)
	}
	if err := s.publish("m1", wantTable); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.file("m1"))
	if err != nil || time.Since(info.ModTime()) > time.Minute {
		t.Errorf("the file is of %v (%v)", info.ModTime(), err)
	}
}

func TestALivingManagersTableHasPriority(t *testing.T) {
	s := share(t.TempDir())
	old := Table{Ports: []Port{{"tcp", 1, 1, nil}}}
	if err := s.publish("a", old); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(s.file("a"), past, past); err != nil {
		t.Fatal(err)
	}
	if err := s.publish("b", wantTable); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.read([]string{"a", "b"}, time.Now()); !reflect.DeepEqual(got, wantTable) {
		t.Errorf("read %+v", got)
	}
	// Without a running manager the latest table stays in force.
	if got, ok := s.read([]string{"a", "b"}, time.Now().Add(time.Hour)); !ok || !reflect.DeepEqual(got, wantTable) {
		t.Errorf("read %+v", got)
	}
	if err := os.WriteFile(filepath.Join(string(s), "b.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.read([]string{"b"}, time.Now()); ok {
		t.Error("a damaged table was read")
	}
}
