package main

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"averazure/internal/release"
)

func TestAnAPIThatDoesNotAnswerHasWaysOut(t *testing.T) {
	out := outputs{APIURL: "http://198.18.0.11:9000", StackName: "aver", Nodes: []struct{ Name string }{{"aver-manager"}}}
	const status = "`go run ./sandbox exec aver-manager -- stackctl status aver`"
	closed := waysOut(out, "go run ./sandbox", []string{"8080"})
	for _, want := range []string{status, "`go run ./sandbox up --config publicPorts=8080,9000`"} {
		if !strings.Contains(closed, want) {
			t.Errorf("%q is not in %s", want, closed)
		}
	}
	open := waysOut(out, "go run ./sandbox", []string{"8080", "9000"})
	if !strings.Contains(open, status) || strings.Contains(open, "publicPorts") {
		t.Errorf("of an open port it says %s", open)
	}
}

func TestAnEdgeIsOpenedByItsName(t *testing.T) {
	out := outputs{APIURL: "https://aver.westeurope.cloudapp.azure.com", EntryAddress: "198.18.0.10", StackName: "aver"}
	said := opening(out, ".sandbox/sandbox/ca.crt")
	for _, want := range []string{
		"curl --cacert .sandbox/sandbox/ca.crt --resolve aver.westeurope.cloudapp.azure.com:443:198.18.0.10 https://aver.westeurope.cloudapp.azure.com\n",
		`--host-resolver-rules="MAP aver.westeurope.cloudapp.azure.com 198.18.0.10"`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in %s", want, said)
		}
	}
	if closed := waysOut(out, "go run ./sandbox", []string{"80"}); !strings.Contains(closed, "publicPorts=80,443") {
		t.Errorf("of a closed port it says %s", closed)
	}
	if said := opening(outputs{APIURL: "http://198.18.0.10:8080"}, "ca.crt"); said != "" {
		t.Errorf("of an address it says %s", said)
	}
}

// TestAVisitorFindsTheEdgeByItsName: the name leads only to the entry's address, and the
// client trusts only the sandbox's root.
func TestAVisitorFindsTheEdgeByItsName(t *testing.T) {
	edge := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) }))
	t.Cleanup(edge.Close)
	at, err := url.Parse(edge.URL)
	if err != nil {
		t.Fatal(err)
	}
	out := outputs{EntryAddress: at.Hostname()}
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: edge.Certificate().Raw})
	client, err := visitor(out, root)
	if err != nil {
		t.Fatal(err)
	}
	name := "example.com:" + at.Port() // a name in httptest's certificate
	if page, err := fetchOnce(t.Context(), client, "https://"+name); page != name || err != nil {
		t.Errorf("it answers %q, %v", page, err)
	}
	if _, err := fetchOnce(t.Context(), client, "https://other.example:"+at.Port()); err == nil {
		t.Error("a certificate of another name is taken")
	}
	if _, err := visitor(out, []byte("no PEM")); err == nil {
		t.Error("an empty root is taken")
	}
}

func TestARollbackInForceIsInTheBanner(t *testing.T) {
	for said, want := range map[string]bool{
		`{"release":{"number":8,"from":"pulumi","by":"rollback","rolledBack":{"from":7,"to":6}}}`: true,
		`{"release":{"number":8,"from":"pulumi","by":"pulumi"}}`:                                  false,
		`{"release":null}`: false,
		"stackctl: ":       false,
	} {
		if note := readStatus([]byte(said)).Release.InForce(); (note != "") != want {
			t.Errorf("of %s it says %q", said, note)
		}
	}
}

// Before the first release there is no service to wait for. If the manager reports no
// status, up waits for the service.
func TestAServiceThatWasNeverDeployedIsNotWaitedFor(t *testing.T) {
	for said, want := range map[string]bool{
		`{"stack":"aver","release":null,"services":[]}`:                          true,
		`{"stack":"aver","release":null,"services":[{"name":"aver_api"}]}`:       false,
		`{"stack":"aver","release":{"number":1},"services":[{"name":"aver_a"}]}`: false,
		"stackctl: ": false,
	} {
		if got := nothingReleased(readStatus([]byte(said))); got != want {
			t.Errorf("of %s it says %t", said, got)
		}
	}
}

// TestTheEndOfUpNamesTheCaches: like `make help`, the end of up names the caches. It tells
// where they are, how large they are, and how to remove them.
func TestTheEndOfUpNamesTheCaches(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	d, err := sandboxDirs("", "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(d.cache, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.cache, "layer"), make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	said := cachesOf(d.cache, "sb")
	for _, want := range []string{d.cache, "(3.", "M)", "`sb down`", "rm -r " + d.cache} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
	help, err := exec.Command("make", "-C", "..", "--no-print-directory", "help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	for _, want := range []string{d.cache + ", up to ", "sandbox-down", "make sandbox", "go run ./sandbox preview"} {
		if !strings.Contains(string(help), want) {
			t.Errorf("make help does not say %q:\n%s", want, help)
		}
	}
	targets, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindSubmatch(targets)[1:] {
		for name := range strings.FieldsSeq(string(target)) {
			if name != "tools" && name != "build" && !strings.Contains(string(help), "\n  "+name+" ") && !strings.HasPrefix(string(help), "  "+name+" ") {
				t.Errorf("make help does not list %s", name)
			}
		}
	}
}

// The end of up tells for each published port whether it is reachable.
func TestPortsAreListedAsOpenOrClosed(t *testing.T) {
	status := release.Status{Services: []release.ServiceStatus{
		{Name: "aver_edge", Ports: []string{"80/tcp", "53/udp"}}, {Name: "aver_seq", Ports: []string{"8081/tcp"}},
		{Name: "aver_web", Ports: []string{"9090/tcp"}}, {Name: "aver_log", Ports: []string{"9091/tcp"}}, {Name: "aver_worker"},
	}}
	open := openPorts{public: []string{"80", "443"}, admin: []string{"8081"}}
	lines := strings.Split(portsOf(status, open, outputs{EntryAddress: "198.18.0.12", ManagerIP: "198.18.0.10"}, "sb"), "\n")
	for i, want := range [][]string{
		{"80/tcp", "aver_edge", "198.18.0.12:80"}, {"53/udp", "closed"}, {"8081/tcp", "aver_seq", "198.18.0.10:8081"},
		{"9090/tcp", "aver_web", "closed"}, {"9091/tcp", "aver_log", "closed"},
		{" me ", "sb up --config adminPorts=8081,9090,9091"}, {" all ", "sb up --config publicPorts=80,443,PORT"}, {""},
	} {
		for _, part := range want {
			if i >= len(lines) || !strings.Contains(lines[i], part) {
				t.Fatalf("line %d does not say %q: %q", i, part, lines)
			}
		}
	}
	if len(lines) != 8 {
		t.Errorf("there are other lines: %q", lines)
	}
}
