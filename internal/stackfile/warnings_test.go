package stackfile

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"averazure/internal/ports"
)

const published = `services:
  api:
    image: nginx
    ports:
      - "8080:80"
      - "9000:9000"
      - "53:53/udp"
      - "7000"
  db:
    image: redis
    ports: ["9001:9001", "15672:15672"]
  seq:
    image: seq
    ports: ["8081:80"]
`

func TestPortWarnings(t *testing.T) {
	const add, tcp = " averazure:publicPorts averazure:adminPorts averazure:adminCidrs", " averazure:publicPorts averazure:adminPorts TCP"
	for _, test := range []struct {
		open ports.Open
		want []string
	}{
		{ports.Open{Public: []int{8080, 9000}, Admin: []int{9001, 15672, 8081}}, []string{
			`a.yml:7: service "api" 53/udp` + tcp,
		}},
		{ports.Open{Public: []int{8080}, Waiting: []int{15672, 8081}}, []string{
			`a.yml:6: service "api" 9000/tcp; a.yml:11: "db" 9001/tcp` + add,
			`a.yml:11: service "db" 15672/tcp; a.yml:14: "seq" 8081/tcp averazure:adminCidrs averazure:adminPorts`,
			`a.yml:7: service "api" 53/udp` + tcp,
		}},
	} {
		paths := write(t, published)
		file, err := Load(paths, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := file.PortWarnings(test.open)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], filepath.Dir(paths[0])+"/", "")
		}
		if !slices.EqualFunc(got, test.want, isAbout) {
			t.Errorf("%+v: got\n%s\nwant\n%s", test.open, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// The ports of an edge have to be open to everybody: open to administrators is not enough.
func TestPortsOfAnEdge(t *testing.T) {
	file := load(t, "services:\n  edge:\n    image: caddy\n    ports:\n      - '80:80'\n      - '443:443'\n")
	const http, https = `:5: "edge" 80/tcp`, `:6: "edge" 443/tcp`
	for name, test := range map[string]struct {
		open ports.Open
		want []string
	}{
		"both":                {ports.Open{Public: []int{80, 443}}, nil},
		"no HTTPS":            {ports.Open{Public: []int{80}}, []string{https}},
		"no HTTP":             {ports.Open{Public: []int{443}}, []string{http}},
		"none":                {ports.Open{}, []string{http, https}},
		"HTTPS for admins":    {ports.Open{Public: []int{80}, Admin: []int{443}}, []string{https}},
		"HTTP for admins":     {ports.Open{Public: []int{443}, Admin: []int{80}}, []string{http}},
		"both for admins":     {ports.Open{Admin: []int{80, 443}}, []string{http, https}},
		"admins from nowhere": {ports.Open{Public: []int{80}, Waiting: []int{443}}, []string{https}},
	} {
		got := file.PortWarnings(test.open)
		if len(got) != min(len(test.want), 1) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for _, place := range []string{http, https} {
			if said := len(got) == 1 && hasWords(got[0], place); said != slices.Contains(test.want, place) {
				t.Errorf("%s: %q says %q: %v", name, got, place, said)
			}
		}
		if len(got) == 1 && !hasWords(got[0], "80 443 averazure:publicPorts") {
			t.Errorf("%s: %q does not say where they belong", name, got)
		}
	}
}

// A page for administrators may be at port 80: a service without port 443 is not an edge.
func TestAPageForAdministratorsIsNotAnEdge(t *testing.T) {
	file := load(t, minimal+"    ports: ['80:80']\n")
	if got := file.PortWarnings(ports.Open{Admin: []int{80}}); len(got) > 0 {
		t.Errorf("warnings %q", got)
	}
}

// Only ports with mode host are warned of. With mode ingress, the default, every node
// answers the balancer's probe.
func TestHostPortWarnings(t *testing.T) {
	file := load(t, `services:
  edge:
    image: caddy
    ports:
      - "80:80"
      - {target: 443, published: 443, mode: host}
      - {target: 9000, published: 9000, mode: host}
  other:
    image: nginx
    ports: [{target: 81, published: 81, mode: ingress}]
  datagrams:
    image: nginx
    ports: [{target: 443, published: 443, protocol: udp, mode: host}]
  everywhere:
    image: nginx
    ports: [{target: 82, published: 82, mode: host}]
    deploy: {mode: global}
  managers:
    image: nginx
    ports: [{target: 83, published: 83, mode: host}]
    deploy: {mode: global, placement: {constraints: [node.role == manager]}}
`)
	got := file.HostPortWarnings([]int{80, 443, 81, 82, 83})
	if len(got) != 2 || !hasWords(got[1], `"managers" 83 host`) || !hasWords(got[0], `:6: "edge" 443 host averazure:loadBalancer`) {
		t.Errorf("warnings %q", got)
	}
}

// A port in the long form is TCP if it names no protocol, and the protocol may be in
// capitals.
func TestProtocolsOfTheLongForm(t *testing.T) {
	open := ports.Open{Public: []int{443}}
	for protocol, tcp := range map[string]bool{"": true, ", protocol: tcp": true, ", protocol: TCP": true, ", protocol: udp": false, ", protocol: UDP": false} {
		file := load(t, "services:\n  edge:\n    image: caddy\n    ports: [{target: 443, published: 443, mode: host"+protocol+"}]\n")
		if got := slices.Equal(file.Ports()["edge"], []int{443}); got != tcp {
			t.Errorf("%q: published %v", protocol, file.Ports())
		}
		if got := len(file.PortWarnings(open)) == 0; got != tcp {
			t.Errorf("%q: %q", protocol, file.PortWarnings(open))
		}
		if got := len(file.HostPortWarnings([]int{443})) == 1; got != tcp {
			t.Errorf("%q: %q", protocol, file.HostPortWarnings([]int{443}))
		}
	}
}

func TestNodeWarnings(t *testing.T) {
	file, err := Load([]string{shipped}, given)
	if err != nil {
		t.Fatal(err)
	}
	if warnings := file.NodeWarnings([]string{"aver-manager", "aver-worker-1"}); len(warnings) > 0 {
		t.Errorf("on the nodes that it names: %q", warnings)
	}
	got := file.NodeWarnings([]string{"prod-manager", "prod-worker-1"})
	if len(got) != 1 {
		t.Fatalf("got %q, want one", got)
	}
	mustName(t, errors.New(got[0]), shipped+`:133: "rabbitmq"; `+shipped+`:176: "seq": aver-manager prod-manager prod-worker-1`)
	for constraint, want := range map[string]int{
		"node.hostname==aver-manager": 0, "NODE.HOSTNAME == Aver-Manager": 0, "node.hostname != other": 0, "node.role == other": 0, "node.hostname==other": 1,
	} {
		file := load(t, minimal+"    deploy: {placement: {constraints: [\""+constraint+"\"]}}\n")
		if got := file.NodeWarnings([]string{"aver-manager"}); len(got) != want {
			t.Errorf("%s: %q, want %d", constraint, got, want)
		}
	}
}

// If a key occurs twice, the last one is used, and a warning names the others.
func TestKeysThatStandTwice(t *testing.T) {
	file := load(t, "version: '2'\nversion: '3'\n"+minimal+`    image: httpd
    "image": caddy
    environment: {A: one, B: two, A: three}
    <<: {hostname: a}
    <<: {user: b}
    labels: [A, A=b]
`)
	want := []string{`a.yml:2: "version" 1`, `a.yml:6: "image" 5`, `a.yml:7: "image" 6`, `a.yml:8: "A" 8`}
	if len(file.ignored) != len(want) {
		t.Fatalf("got %q, want %d", file.ignored, len(want))
	}
	for i, words := range want {
		mustName(t, errors.New(file.ignored[i]), words)
	}
	spec := specs(t, file).Services["s_api"].TaskTemplate.ContainerSpec
	if spec.Image != "caddy" || !slices.Equal(spec.Env, []string{"A=three", "B=two"}) || spec.Hostname != "a" || spec.User != "b" {
		t.Errorf("got %+v", spec)
	}
}

// Keys without effect are reported with their line, also deeper inside a service.
func TestKeysThatDockerPassesOverBelow(t *testing.T) {
	file := load(t, minimal+`    networks:
      default:
        aliases: [a]
        ipv4_address: 10.0.0.9
        ipv6_address: fd00::9
    volumes:
      - /a:/a
      - {type: tmpfs, target: /b, tmpfs: {size: 5, mode: 1777}}
      - type: bind
        source: /c
        target: /c
        bind:
          propagation: private
          create_host_path: true
      - {type: volume, target: /d, volume: {nocopy: true}}
`)
	want := []string{"a.yml:7: ipv4_address", "a.yml:8: ipv6_address", "a.yml:11: mode", "a.yml:17: create_host_path"}
	if len(file.ignored) != len(want) {
		t.Fatalf("got %q, want %q", file.ignored, want)
	}
	for i, words := range want {
		mustName(t, errors.New(file.ignored[i]), `"api" `+words)
	}
}

func TestWarnings(t *testing.T) {
	file := load(t, `services:
  api:
    image: nginx
    restart: always
    container_name: one
    ports:
      - "80:80"
      - "127.0.0.1:9000:90"
`)
	ignored := file.ignored
	if len(ignored) != 3 || !hasWords(ignored[0], `a.yml:5: "api" container_name`) || !strings.Contains(ignored[1], "a.yml:4:") ||
		!hasWords(ignored[2], `a.yml:8: "api" 127.0.0.1:9000:90`) {
		t.Errorf("ignored: %q", ignored)
	}
}
