package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// site is a stack file and all the files that it names, by their paths.
type site map[string]string

// newSite is a stack whose service edge has a config and variables, and whose service db
// has secrets. The number is a label on both services, and a new number restarts neither.
func newSite(number int, page, sealed string) site {
	label := fmt.Sprintf("labels: {number: '%d'}, update_config: {monitor: 1s}", number)
	label += ", placement: {constraints: ['node.hostname == ${FIRST_MANAGER}']}" // the tests look on this node
	edge := small{name: "edge", more: []string{"configs: [{source: page, target: /page}]", "env_file: conf/edge.env", "environment: [LEVEL]"}, deploy: label}
	db := small{name: "db", more: []string{"secrets: [plain, sealed]"}, deploy: label}
	return site{
		"stack.yml":     fileOf(edge, db) + "configs:\n  page: {file: conf/page}\nsecrets:\n  plain: {file: plain.txt}\n  sealed: {file: sealed.age}\n",
		"conf/page":     page,
		"conf/edge.env": "# how it talks\nMODE=quiet\nLEVEL=hidden\n",
		"plain.txt":     plainSecret,
		"sealed.age":    sealed,
	}
}

// with is the site with more files.
func (s site) with(more map[string][]byte) site {
	all := maps.Clone(s)
	for name, content := range more {
		all[name] = string(content)
	}
	return all
}

// sealFor encrypts a value as `age -r RECIPIENT` does.
func sealFor(t *testing.T, recipient, value string) string {
	t.Helper()
	to, err := agessh.ParseRecipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	if err == nil {
		_, err = w.Write([]byte(value))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sealed.String()
}

// request is what `pulumi up` sends for the site.
func (s site) request(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range s {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := stackfile.Load([]string{filepath.Join(dir, "stack.yml")}, map[string]string{"LEVEL": "loud", "FIRST_MANAGER": "aver-manager"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(file.Request(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// archive is what stack-repo's pipeline sends for the site.
func (s site) archive(t *testing.T) string {
	t.Helper()
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(s[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(s[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

// onManager puts the site into a folder on the manager until the test ends.
func (s site) onManager(t *testing.T, folder string) {
	t.Helper()
	t.Cleanup(func() { box.exec(t, "aver-manager", "rm", "-rf", folder) })
	for name, content := range s {
		box.exec(t, "aver-manager", "sh", "-ec", `mkdir -p "$(dirname "$1")" && printf %s "$2" | base64 -d >"$1"`, "sh",
			folder+"/"+name, base64.StdEncoding.EncodeToString([]byte(content)))
	}
}

// mustRead expects the containers to have the values of the site.
func (s *smallStack) mustRead(t *testing.T, page, sealed string) {
	t.Helper()
	inside := func(service, script string) string {
		return box.exec(t, "aver-manager", "sh", "-ec", `exec docker exec "$(docker ps -q --filter "label=com.docker.swarm.service.name=$1" --filter status=running | head -n 1)" sh -ec "$2"`,
			"sh", s.name+"_"+service, script)
	}
	if got, want := inside("edge", `cat /page; printf ' %s' "$LEVEL" "$MODE"`), page+" loud quiet"; got != want {
		t.Errorf("edge has %q, want %q", got, want)
	}
	if got, want := inside("db", "cat /run/secrets/sealed; printf ' '; cat /run/secrets/plain"), sealed+" "+plainSecret; got != want {
		t.Errorf("db does not have the secrets %q (%d bytes, want %d)", want, len(got), len(want))
	}
}

// contents are the names, without versions, of the configs and secrets that were made from
// the stack's files. A name is listed once for each version.
func (s *smallStack) contents(t *testing.T) (names []string) {
	t.Helper()
	ours := filters.NewArgs(filters.Arg("label", "com.docker.stack.namespace="+s.name), filters.Arg("label", stackfile.LabelFile))
	configs, err := s.docker.ConfigList(context.Background(), swarm.ConfigListOptions{Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := s.docker.SecretList(context.Background(), swarm.SecretListOptions{Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range configs {
		names = append(names, config.Spec.Labels[stackfile.LabelFile])
	}
	for _, secret := range secrets {
		names = append(names, secret.Spec.Labels[stackfile.LabelFile])
	}
	slices.Sort(names)
	return names
}

func (s *smallStack) mustHaveMade(t *testing.T, want ...string) {
	t.Helper()
	if got := s.contents(t); !slices.Equal(got, want) {
		t.Errorf("made from files: %q, want %q", got, want)
	}
}
