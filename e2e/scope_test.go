package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"averazure/internal/release"
)

// withDeployKey deploys a stack file with the deploy key.
func withDeployKey(t *testing.T, client *ssh.Client, line, file string) release.Result {
	t.Helper()
	session := newSession(t, client)
	var out, told bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = strings.NewReader(file), &out, &told
	err := session.Run(line)
	var exit *ssh.ExitError
	status := 0
	if errors.As(err, &exit) {
		status = exit.ExitStatus()
	} else if err != nil {
		t.Fatal(err)
	}
	var result release.Result
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || status != result.Outcome.Status() {
		t.Fatalf("%s: status %d, %v:\n%s%s", line, status, err, &out, &told)
	}
	if found := reveal(secretValues(t), out.String()+told.String()); len(found) > 0 {
		t.Errorf("%s printed %v", line, found)
	}
	return result
}

// inScope gives the deploy key another deployScope until the test ends, and makes the tests
// that push wait. Another test checks that the program writes the setting.
func inScope(t *testing.T, scope string) {
	t.Helper()
	scoped.Lock()
	t.Cleanup(scoped.Unlock)
	const file = "/etc/averazure/stackctl.json"
	set := func(scope string) {
		box.exec(t, "aver-manager", "sed", "-i", `s/"deployScope": *"[a-z]*"/"deployScope": "`+scope+`"/`, file)
	}
	mustBe := func(scope string) {
		t.Helper()
		text := box.exec(t, "aver-manager", "cat", file)
		if !strings.Contains(strings.ReplaceAll(text, " ", ""), `"deployScope":"`+scope+`"`) {
			t.Fatalf("the scope is not %s:\n%s", scope, text)
		}
	}
	mustBe(release.ScopeStack)
	t.Cleanup(func() { set(release.ScopeStack) })
	set(scope)
	mustBe(scope)
}

const (
	topNetwork = "networks: {net: {}}\n"
	topSecret  = "secrets: {azure_client_id: {external: true}}\n"
)

func guarded(name string, lines ...string) small {
	return small{name: name, more: append([]string{"networks: [net]"}, lines...)}
}

// scoped keeps the tests that push apart from the test that changes what a push may do,
// because that is one setting for all of them on the managers.
var scoped sync.RWMutex

// pushes marks that a parallel test pushes from here to its end.
func pushes(t *testing.T) {
	t.Helper()
	scoped.RLock()
	t.Cleanup(scoped.RUnlock)
}

// TestLeakedDeployKeyInEachScope: with the scope stack, everything that stack-repo is meant
// to change is accepted; with the scope images, only other images, replicas and labels are.
func TestLeakedDeployKeyInEachScope(t *testing.T) {
	t.Parallel()
	client := leakedKey(t)
	s := newStack(t, "scoped")
	s.deploy(t, fileOf(guarded("web"))+topNetwork, release.Runs, 1)
	more := fileOf(guarded("web", "environment: {REDIS_HOST: redis}"), guarded("redis", "secrets: [azure_client_id]")) + topNetwork + topSecret

	s.expect(t, withDeployKey(t, client, "deploy scoped --json --revision 0123abc --actor eve", more), release.Runs, 2)
	if list := s.releases(t); list[len(list)-1].By != release.ByStackRepo || list[len(list)-1].From != release.FromStackRepo || list[len(list)-1].Actor != "eve" {
		t.Errorf("releases %+v", list)
	}
	t.Run("stack", func(t *testing.T) { mustRefuseBreakOuts(t, client, outOfStack) })
	s.mustBeWhole(t, 2)
	s.expect(t, withDeployKey(t, client, "rollback scoped --json", ""), release.Runs, 3)

	inScope(t, release.ScopeImages)
	refused := withDeployKey(t, client, "deploy scoped --json", more)
	s.expect(t, refused, release.Refused, 0, release.CodeDeployKey)
	labelled := small{name: "web", more: []string{"networks: [net]", "labels: {a: b}"}, deploy: "replicas: 2"}
	s.expect(t, withDeployKey(t, client, "deploy scoped --json", fileOf(labelled)+topNetwork), release.Runs, 4)
	t.Run("images", func(t *testing.T) { mustRefuseBreakOuts(t, client, outOfImages) })
	s.mustBeWhole(t, 4)
}

// breakOut is a file from an attacker who found the key, and the field that the answer
// names.
type breakOut struct {
	file  string
	field string // of the first problem; empty if the file is not a valid stack file here
}

// mustRefuseBreakOuts expects each file to be refused before anything is changed.
func mustRefuseBreakOuts(t *testing.T, client *ssh.Client, tries map[string]breakOut) {
	for name, try := range tries {
		t.Run(name, func(t *testing.T) {
			result := withDeployKey(t, client, "deploy scoped --json", try.file)
			code := release.CodeDeployKey
			if try.field == "" {
				code = "file"
			}
			named := slices.ContainsFunc(result.Problems, func(p release.Problem) bool { return p.Code == code && strings.HasPrefix(p.Field, try.field) })
			if result.Outcome != release.Refused || !named {
				t.Errorf("want it refused for %q: %+v", try.field, result)
			}
		})
	}
}

// with is the test's stack with additional lines in its service.
func with(lines ...string) string { return fileOf(guarded("web", lines...)) + topNetwork }

var outOfStack = map[string]breakOut{
	"the node's root":       {with("volumes: ['/:/host']"), "volume"},
	"Docker's socket":       {with("volumes: ['/run/docker.sock:/run/docker.sock']"), "volume"},
	"a volume that is /":    {with("volumes: ['data:/data']") + "volumes: {data: {driver_opts: {type: none, o: bind, device: /}}}\n", "volume"},
	"a capability":          {with("cap_add: [SYS_ADMIN]"), "cap_add"},
	"a setting of a kernel": {with("sysctls: {net.ipv4.ip_forward: '1'}"), "sysctl"},
	"the node's network":    {fileOf(small{name: "web", more: []string{"networks: [h]"}}) + "networks: {h: {external: true, name: host}}\n", "network"},
	"another stack's net":   {fileOf(small{name: "web", more: []string{"networks: [other]"}}) + "networks: {other: {external: true, name: aver_net}}\n", "network"},
	"another's volume":      {with("volumes: ['data:/data']") + "volumes: {data: {external: true, name: aver_rabbitmq-data}}\n", "volume"},
	"the node's own port":   {with("ports: [{target: 80, published: 9000, mode: host}]"), "port"},
	"a file of the manager": {with("env_file: /etc/shadow"), ""},
	"a secret from a file":  {with("secrets: [s]") + "secrets: {s: {file: /etc/shadow}}\n", ""},
	"a driver for the net":  {fileOf(small{name: "web", more: []string{"networks: [mac]"}}) + "networks: {mac: {driver: macvlan, driver_opts: {parent: eth0}}}\n", "network"},
}

var outOfImages = map[string]breakOut{
	"another repository": {with("image: example.invalid/evil:1"), "image"},
	"a command":          {with("command: [id]"), "command"},
	"a variable":         {with("environment: {LD_PRELOAD: /x}"), "variable"},
	"a secret":           {with("secrets: [azure_client_id]") + topSecret, "secret"},
	"root":               {with("user: root"), "user"},
	"a port":             {with("ports: ['28099:80']"), "port"},
	"a health check":     {with("healthcheck: {test: ['CMD', 'id']}"), "healthcheck"},
	"a volume":           {with("volumes: ['data:/data']") + "volumes: {data: {}}\n", "volume"},
	"another node":       {fileOf(small{name: "web", more: []string{"networks: [net]"}, deploy: "placement: {constraints: [node.role == worker]}"}) + topNetwork, "placement"},
	"one service more":   {fileOf(guarded("web"), guarded("evil")) + topNetwork, "services"},
	"another network":    {fileOf(small{name: "web", more: []string{"networks: [other]"}}) + "networks: {net: {}, other: {}}\n", "network"},
}
