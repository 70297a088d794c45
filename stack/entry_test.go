package stack

import (
	"slices"
	"strings"
	"testing"

	"averazure/internal/drift"
	"averazure/internal/ports"
	"averazure/internal/recorder"
	"averazure/internal/stackfile"
)

// withPorts are arguments for a stack with an edge and an API that publish these ports.
func withPorts(t *testing.T, edge, api string) Args {
	t.Helper()
	args := arguments(t, project(t))
	put(t, ".", "stack.yml", "services:\n  api:\n    image: nginx\n    ports: ["+api+"]\n  edge:\n    image: caddy\n    ports: ["+edge+"]\n")
	var problems []error
	if args.File, problems = args.Read(site); len(problems) > 0 {
		t.Fatal(problems)
	}
	args.OpenPorts.Public = []int{80, 443, 8080}
	return args
}

// The URL is the entry's name with HTTPS where an edge publishes that, and otherwise the
// port that the API itself publishes. A balancer does not forward a port that is not
// public.
func TestURL(t *testing.T) {
	for name, test := range map[string]struct{ edge, api, want string }{
		"an edge":               {"'80:80', '443:443'", "", "https://aver-lb.example"},
		"in the long form":      {"{target: 443, published: 443}", "'8080:80'", "https://aver-lb.example"},
		"HTTP/3 alone":          {"'443:443/udp'", "'8080:80'", "http://203.0.113.99:8080"},
		"an edge beside an API": {"'443:443'", "'8080:80'", "https://aver-lb.example"},
		"the API itself":        {"", "'8080:80'", "http://203.0.113.99:8080"},
		"a port for admins":     {"", "'9000:80'", "http://203.0.113.10:9000"},
		"an edge without HTTPS": {"'80:80'", "", ""},
		"nothing":               {"", "", ""},
	} {
		r := &recorder.Recorder{}
		if err := run(t, r, withPorts(t, test.edge, test.api)); err != nil {
			t.Fatal(err)
		}
		if got := recorder.At(r.Exports(), "url"); got != test.want {
			t.Errorf("%s: %v, want %q", name, got, test.want)
		}
	}
}

// An edge may be a stack of its own.
func TestURLOfAnEdgeOfAFurtherStack(t *testing.T) {
	args := withPorts(t, "", "'8080:80'")
	put(t, ".", "stacks/edge/stack.yml", "services: {caddy: {image: caddy, ports: ['80:80', '443:443']}}\n")
	args.Stacks = map[string]string{"edge": "pulumi"}
	var problems []error
	if args.Further, problems = args.ReadFurther(site, args.File); len(problems) > 0 {
		t.Fatal(problems)
	}
	r := &recorder.Recorder{}
	if err := run(t, r, args); err != nil {
		t.Fatal(err)
	}
	if got := recorder.At(r.Exports(), "url"); got != "https://aver-lb.example" {
		t.Errorf("the application is at %v", got)
	}
}

// The managers read the stack file with the real values, not with those of the same form
// with which it was checked.
func TestEntryReachesTheStackFile(t *testing.T) {
	args := arguments(t, project(t))
	args.ACMEEmail = "ops@example.com"
	put(t, ".", "stack.yml", `services:
  api:
    image: ${APP_IMAGE}
    environment: {ADDRESS: "${ENTRY_ADDRESS}", NAME: "${ENTRY_NAME}", ALL: "${ENTRY_NAMES}", SERVER: "${ACME_SERVER}", EMAIL: "${ACME_EMAIL}"}
`)
	var problems []error
	if args.File, problems = args.Read(site); len(problems) > 0 {
		t.Fatal(problems)
	}
	r := &recorder.Recorder{}
	if err := run(t, r, args); err != nil {
		t.Fatal(err)
	}
	stdin := recorder.At(r.Get(drift.CommandType, "aver-deploy").Inputs, "stdin").(string)
	request, err := stackfile.ReadRequest("stdin", []byte(stdin))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"ENTRY_ADDRESS": "203.0.113.99", "ENTRY_NAME": "aver-lb.example", "ENTRY_NAMES": "aver-lb.example, aver.example",
		"ACME_SERVER": "https://acme-v02.api.letsencrypt.org/directory", "ACME_EMAIL": "ops@example.com",
	} {
		if got := request.Variables[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// The names with which the stack file is checked have the same form as those with which the
// managers read it.
func TestNamesOfTheCheckHaveTheirForm(t *testing.T) {
	c := Defaults()
	given := c.given(site)
	if given["ENTRY_NAMES"] != "aver-000.example, aver-111.example" || given["ENTRY_NAME"] != "aver-000.example" {
		t.Errorf("names %q, the first %q", given["ENTRY_NAMES"], given["ENTRY_NAME"])
	}
}

// The ports of an edge are compared with the rules for everybody, whichever stack the edge
// is in.
func TestPortsOfAFurtherStackAreComparedWithTheRules(t *testing.T) {
	args := withPorts(t, "", "")
	put(t, ".", "stacks/edge/stack.yml", "services:\n  caddy:\n    image: caddy\n    ports:\n      - '80:80'\n      - {target: 443, published: 443, mode: host}\n")
	args.Stacks = map[string]string{"edge": "stack-repo"}
	var problems []error
	if args.Further, problems = args.ReadFurther(site, args.File); len(problems) > 0 {
		t.Fatal(problems)
	}
	args.OpenPorts, args.LoadBalancer = ports.Open{Public: []int{443}, Admin: []int{80}}, true
	r := &recorder.Recorder{Preview: true}
	if err := run(t, r, args); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`stacks/edge/stack.yml:5: "caddy" 80/tcp averazure:publicPorts`,
		`stacks/edge/stack.yml:6: "caddy" 443 averazure:loadBalancer`,
	} {
		if !slices.ContainsFunc(r.Logs(), func(line string) bool { return hasWords(line, want) }) {
			t.Errorf("no warning says %q:\n%s", want, strings.Join(r.Logs(), "\n"))
		}
	}
}

func TestHostPortsAreWarnedOfBehindABalancer(t *testing.T) {
	for _, balanced := range []bool{true, false} {
		args := withPorts(t, "{target: 443, published: 443, mode: host}", "")
		args.LoadBalancer = balanced
		r := &recorder.Recorder{Preview: true}
		if err := run(t, r, args); err != nil {
			t.Fatal(err)
		}
		warned := slices.ContainsFunc(r.Logs(), func(line string) bool {
			return hasWords(line, `stack.yml:7: "edge" 443 averazure:loadBalancer`)
		})
		if warned != balanced {
			t.Errorf("balancer %v, warned %v: %q", balanced, warned, r.Logs())
		}
	}
}
