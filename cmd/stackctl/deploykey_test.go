package main

import (
	"archive/tar"
	"bytes"
	"slices"
	"strings"
	"testing"

	"averazure/internal/release"
)

const stackScope = `{"deployScope": "stack"}`

// askWithDeployKey runs what the deploy key asks for.
func askWithDeployKey(t *testing.T, asked, stdin string) *call {
	t.Helper()
	return (&call{stdin: stdin, settings: stackScope, env: map[string]string{"SSH_ORIGINAL_COMMAND": asked}}).run(t, "ssh")
}

func TestDeployKey(t *testing.T) {
	for asked, want := range map[string]string{
		"deploy aver":        "deploy aver",
		"deploy aver --json": "deploy aver",
		"diff aver":          "diff aver",
		"status aver":        "status aver",
		"status aver --json": "status aver",
		"releases aver":      "releases aver",
		"rollback aver":      "rollback aver",
		"rollback aver 7":    "rollback aver",
		"deploy aver --json --revision 0123456789abcdef0123456789abcdef01234567 --actor dependabot[bot]": "deploy aver",
	} {
		c := askWithDeployKey(t, asked, aFile)
		if c.status != 0 || c.did() != want || strings.Contains(asked, "--json") != strings.HasPrefix(c.out, "{") {
			t.Errorf("%s: %d, did %q\n%s%s", asked, c.status, c.did(), c.out, c.stderr)
		}
	}
}

// A file that comes with the deploy key belongs to stack-repo, and is checked against the
// scope.
func TestOrderOfTheDeployKey(t *testing.T) {
	c := askWithDeployKey(t, "deploy aver --revision 0123456 --actor ada", aFile)
	if o := c.fake.order; o.From != release.FromStackRepo || o.By != release.ByStackRepo || o.Scope != "stack" || o.TakeOver || o.Token != "" ||
		o.Revision != "0123456" || o.Actor != "ada" || o.Images != nil || o.Secrets != nil || !o.File.Has("api") {
		t.Errorf("%+v", o)
	}
	if c := askWithDeployKey(t, "rollback aver 7", ""); c.fake.number != 7 {
		t.Errorf("rollback to %d", c.fake.number)
	}
	refused := (&call{fake: &fake{refused: []release.Problem{{Code: release.CodeDeployKey}}}, settings: `{"deployScope": "stack"}`, stdin: aFile,
		env: map[string]string{"SSH_ORIGINAL_COMMAND": "diff aver --json"}}).run(t, "ssh")
	if refused.status != release.Refused.Status() || !strings.Contains(refused.out, release.CodeDeployKey) {
		t.Errorf("diff of what is refused: status %d, %s", refused.status, refused.out)
	}
	if c := askWithDeployKey(t, "diff aver", aFile); c.fake.order.Scope != "stack" {
		t.Errorf("%+v", c.fake.order)
	}
}

// archive returns files as a tar archive, as a runner's tar would make it.
func archive(t *testing.T, files ...[2]string) string {
	t.Helper()
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, file := range files {
		if err := writer.WriteHeader(&tar.Header{Name: file[0], Mode: 0o644, Size: int64(len(file[1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write([]byte(file[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const withConfig = "services: {api: {image: '${IMAGE}', configs: [c], env_file: a.env}}\nconfigs: {c: {file: conf/c}}\n"

// An archive contains the stack files that the request names, and the files that these
// name. The variables have the values that `pulumi up` left.
func TestDeployKeySendsAnArchive(t *testing.T) {
	files := [][2]string{{"web.yml", withConfig}, {"more.yml", "services: {api: {user: ada}}\n"}, {"conf/c", "content"}, {"a.env", "A=b\n"}}
	c := &call{stdin: archive(t, files...), settings: stackScope, fake: &fake{result: release.Result{Outcome: release.Runs}, variables: map[string]string{"IMAGE": "nginx:1"}},
		env: map[string]string{"SSH_ORIGINAL_COMMAND": "deploy aver --file web.yml --file more.yml --json"}}
	c.run(t, "ssh")
	if c.status != 0 || c.did() != "deploy aver" {
		t.Fatal(c.status, c.out, c.stderr)
	}
	specs, err := c.fake.order.File.Specs("aver", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	container := specs.Services["aver_api"].TaskTemplate.ContainerSpec
	if container.Image != "nginx:1" || container.User != "ada" || !slices.Equal(container.Env, []string{"A=b"}) || string(c.fake.order.File.Configs("aver")[0].Data) != "content" {
		t.Errorf("%+v", container)
	}

	c = &call{stdin: archive(t, files[0]), settings: stackScope, fake: &fake{result: release.Result{Outcome: release.Runs}, variables: map[string]string{"IMAGE": "nginx:1"}},
		env: map[string]string{"SSH_ORIGINAL_COMMAND": "files aver --file web.yml --json"}}
	if c.run(t, "ssh"); c.status != 0 || c.out != `{"files":["a.env","conf/c"],"images":["nginx:1"]}`+"\n" {
		t.Errorf("%d %s %s", c.status, c.out, c.stderr)
	}
	for asked, stdin := range map[string]string{
		"deploy aver --file web.yml":  archive(t, files[0]),           // the files that it names are missing from the archive
		"deploy aver":                 archive(t, files...),           // has no stack.yml
		"deploy aver --file none.yml": archive(t, files...),           //
		"files aver":                  "services: {api: {image: $A}}", // the variable A has no value
	} {
		if c := askWithDeployKey(t, asked, stdin); c.status != 2 || len(c.fake.did) > 0 {
			t.Errorf("%s: %d %v", asked, c.status, c.fake.did)
		}
	}
}

func TestDeployKeyCanDoNothingElse(t *testing.T) {
	for _, asked := range []string{
		"deploy aver --file /etc/shadow", "deploy aver --file ../a.yml", "deploy aver --file a/../b.yml", "deploy aver --file", "deploy aver --file -a",
		"deploy aver --file a;id", "status aver --file a.yml", "deploy aver --file .a", "deploy aver" + strings.Repeat(" --file a.yml", 11),
		"", "bash", "sh -i", "id", "status", "deploy", "status aver; id", "status aver && id", "status aver\nid", "status $(id)",
		"status `id`", "status ../aver", "status -h", "status --help", "deploy --from pulumi aver", "deploy aver --from pulumi", "deploy aver --take-over",
		"deploy aver --token x", "trust aver", "reconcile aver", "remove aver", "pause aver 1h --why x", "resume aver", "idle", "agent", "version",
		"ssh aver", "scp -t /tmp", "/usr/lib/openssh/sftp-server", "rsync --server . /", "stackctl deploy aver", "status  aver", " status aver",
		"status aver ", "status AVER", "cat /run/secrets/azure_client_secret", "deploy aver stack.yml", "deploy aver /etc/shadow", "diff aver /etc/shadow",
		"deploy aver --revision", "deploy aver --revision main", "deploy aver --revision 0123456 --revision 0123456", "deploy aver --actor $(id)",
		"deploy aver --actor a;b", "status aver --revision 0123456", "rollback aver -1", "rollback aver 0", "rollback aver 1 2", "rollback aver 1;id",
		"rollback aver 99999999999999999999", "status aver --json --json", "status aver\x00", "deploy aver --json=true", "deploy\taver", "help", "completion bash",
		"deploy aver --actor " + strings.Repeat("a", 500),
	} {
		c := askWithDeployKey(t, asked, aFile)
		if c.status != 2 || c.did() != "" || !strings.Contains(c.stderr, deployKeyUsage) {
			t.Errorf("%q: %d, did %q\n%s", asked, c.status, c.did(), c.stderr)
		}
	}
}

// The deploy key can send a stack file, but not a request in the form that only `pulumi up`
// sends.
func TestDeployKeySendsNoRequest(t *testing.T) {
	for _, stdin := range []string{
		`{"stackctl":1,"files":[{"name":"stack.yml","text":"services: {api: {image: a}}"}],"secrets":{"key":"other-1"}}`,
		"", "services: {}", "services: [", strings.Repeat("#", 500<<10),
	} {
		c := askWithDeployKey(t, "deploy aver --json", stdin)
		if r := c.result(t); c.status != 2 || r.Problems[0].Code != "file" || c.did() != "" {
			t.Errorf("%.60q: %d %+v", stdin, c.status, r)
		}
	}
}

// Without settings, or without a scope in them, nothing says what the key may do, so that
// every request is refused.
func TestDeployKeyNeedsAScope(t *testing.T) {
	for _, settings := range []string{"", `{}`, `{"deployScope": ""}`} {
		c := &call{stdin: aFile, settings: settings, env: map[string]string{"SSH_ORIGINAL_COMMAND": "status aver --json"}}
		c.run(t, "ssh")
		if r := c.result(t); c.status != 2 || r.Problems[0].Code != "settings" || c.did() != "" {
			t.Errorf("%q: %d %+v", settings, c.status, r)
		}
	}
}

// FuzzDeployKey checks that a request that is understood consists of plain words, whatever
// the client asks for.
func FuzzDeployKey(f *testing.F) {
	for _, asked := range []string{"deploy aver --json --revision 0123456 --actor ada", "rollback aver 7", "status aver; id", "diff aver"} {
		f.Add(asked)
	}
	f.Fuzz(func(t *testing.T, asked string) {
		w, ok := parseWish(asked)
		if !ok {
			return
		}
		again := w.verb + " " + w.stack
		if strings.ContainsAny(again+w.revision+w.actor, ";&|$`<>(){}\\\"'*?~#!\n\r\t\x00/") || !strings.HasPrefix(asked, again) {
			t.Errorf("%q became %+v", asked, w)
		}
	})
}
