package stackfile

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/compose/types"
)

// told is an error without the folder of the test's stack files.
func told(err error, paths []string) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), filepath.Dir(paths[0])+"/", "")
}

// isAbout tells whether a message begins with the first three words (the place and the
// service), and contains the others.
func isAbout(text, words string) bool {
	all := strings.Fields(words)
	return hasWords(text, words) && strings.HasPrefix(text, strings.Join(all[:min(3, len(all))], " "))
}

// The Swarm would refuse these stack files in the middle of a deployment.
func TestPortsTwiceInOneStack(t *testing.T) {
	const edge = "  edge:\n    image: caddy\n"
	for name, test := range map[string]struct {
		files []string
		want  string // empty where the Swarm accepts them
	}{
		"two services":     {[]string{minimal + "    ports:\n      - '81:80'\n      - '80:80'\n" + edge + "    ports: ['80:80']\n"}, `a.yml:9: service "edge" 80/tcp "api" a.yml:6`},
		"in both forms":    {[]string{minimal + "    ports: ['80:80']\n" + edge + "    ports:\n      - {target: 1, published: 1}\n      - {target: 80, published: 80}\n"}, `a.yml:9: service "edge" 80/tcp "api" a.yml:4`},
		"a range":          {[]string{minimal + "    ports: ['80-90:80-90']\n" + edge + "    ports: ['85:80']\n"}, `a.yml:7: service "edge" 85/tcp "api" a.yml:4`},
		"a variable":       {[]string{minimal + "    ports: ['${PORT:-80}:80']\n" + edge + "    ports: ['80:80']\n"}, `a.yml:7: service "edge" 80/tcp "api" a.yml:4`},
		"by a merge":       {[]string{"x-ports: &ports\n  ports: ['80:80']\nservices:\n  api: {<<: *ports, image: nginx}\n  edge: {<<: *ports, image: caddy}\n"}, `a.yml:2: service "edge" 80/tcp "api" a.yml:2`},
		"in two files":     {[]string{minimal + "    ports: ['80:80']\n", "services:\n" + edge + "    ports: ['80:80']\n"}, `b.yml:4: service "edge" 80/tcp "api" a.yml:4`},
		"not the last":     {[]string{minimal + "    ports: ['80:80']\n", "services:\n" + edge + "    ports: ['80:80']\n  api:\n    ports: ['81:81']\n"}, `b.yml:4: service "edge" 80/tcp "api" a.yml:4`},
		"datagrams":        {[]string{minimal + "    ports: ['53:53/udp']\n" + edge + "    ports: ['53:53/udp']\n"}, `a.yml:7: service "edge" 53/udp "api" a.yml:4`},
		"the nodes' own":   {[]string{minimal + "    ports: [{target: 80, published: 80, mode: host}]\n" + edge + "    ports: ['80:80']\n"}, `a.yml:7: service "edge" 80/tcp "api" a.yml:4`},
		"one service":      {[]string{minimal + "    ports:\n      - '80:80'\n      - '80:81'\n"}, `a.yml:6: service "api" 80/tcp a.yml:5`},
		"one, mode host":   {[]string{minimal + "    ports:\n      - {target: 80, published: 80, mode: host}\n      - {target: 81, published: 80, mode: host}\n"}, `a.yml:6: service "api" 80/tcp a.yml:5`},
		"two nodes'":       {[]string{minimal + "    ports: [{target: 80, published: 80, mode: host}]\n" + edge + "    ports: [{target: 80, published: 80, mode: host}]\n"}, ""},
		"two protocols":    {[]string{minimal + "    ports: ['443:443', '443:443/udp']\n"}, ""},
		"chosen by Docker": {[]string{minimal + "    ports: ['80']\n" + edge + "    ports: ['80']\n"}, ""},
		"a later one":      {[]string{minimal + "    ports: ['80:80']\n", minimal + "    ports: ['80:81']\n"}, ""},
	} {
		paths := write(t, test.files...)
		_, err := Load(paths, nil)
		if got := told(err, paths); test.want == "" && got != "" || !isAbout(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// Two stacks must not publish the same port, since they share the ports of their nodes.
func TestPortsTwiceInTwoStacks(t *testing.T) {
	paths := write(t, minimal+"    ports: ['80:80', '81:81']\n", minimal+"    ports:\n      - '82:82'\n      - '80:80'\n", minimal+"    ports: ['80:80']\n")
	var files []*File
	for _, path := range paths {
		file, err := Load([]string{path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	got := told(errors.Join(PortsTwice(files...)...), paths)
	lines := strings.Split(got, "\n")
	if len(lines) != 2 || !isAbout(lines[0], `b.yml:6: service "api" 80/tcp "api" a.yml:4`) || !isAbout(lines[1], `c.yml:4: service "api" 80/tcp "api" a.yml:4`) {
		t.Errorf("got\n%s", got)
	}
	if got := PortsTwice(files[0]); len(got) > 0 {
		t.Errorf("one alone: %q", got)
	}
}

// A published port is found in both forms of an item, and through an alias.
func TestWhereAPortIsPublished(t *testing.T) {
	file := load(t, `x-port: &port {published: 443, target: 443, protocol: TCP}
services:
  edge:
    image: caddy
    ports:
      - "443:443/udp"
      - *port
      - 8080
      - "127.0.0.1:81:80"
      - "90-92:90-92"
`)
	for port, want := range map[socket]int{{443, "udp"}: 6, {443, "tcp"}: 7, {81, "tcp"}: 9, {91, "tcp"}: 10, {8080, "tcp"}: 5, {1, "tcp"}: 5} {
		got := file.places.published("edge", types.ServicePortConfig{Published: uint32(port.number), Protocol: port.protocol})
		if len(got) != 1 || got[0].line != want {
			t.Errorf("%s: %v, want line %d", port, got, want)
		}
	}
}
