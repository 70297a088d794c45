package stackfile

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder writes files into a directory of their own and returns it.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// environment is that of the service api of a file with these files beside it.
func environment(t *testing.T, files, variables map[string]string) map[string]string {
	t.Helper()
	file, err := Load([]string{filepath.Join(folder(t, files), "stack.yml")}, variables)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, pair := range specs(t, file).Services["s_api"].TaskTemplate.ContainerSpec.Env {
		name, value, _ := strings.Cut(pair, "=")
		got[name] = value
	}
	return got
}

// An env_file has the same meaning as in Docker: the environment takes precedence over it,
// later files take precedence over earlier ones, and no variables in it are replaced.
func TestEnvFile(t *testing.T) {
	const files = "    env_file: [env/a.env, ./env/b.env]\n"
	beside := map[string]string{
		"env/a.env": "\ufeff# a comment\nA=a\nB=a\n  C=$X ${Y} $$ \nD=\nE\nF\n",
		"env/b.env": "B=b\nQ=\"quoted\"\n",
	}
	want := map[string]string{"A": "a", "B": "b", "C": "$X ${Y} $$ ", "D": "", "E": "given", "Q": `"quoted"`}
	for name, test := range map[string]struct {
		more string
		want map[string]string
	}{
		"alone":     {"", nil},
		"a mapping": {"    environment: {B: own, Z: z}\n", map[string]string{"B": "own", "Z": "z"}},
		"a list":    {"    environment: [B=own, A=a, Z=z]\n", map[string]string{"B": "own", "Z": "z"}},
		"passed on": {"    environment: [E]\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			beside["stack.yml"] = minimal + files + test.more
			all := maps.Clone(want)
			maps.Copy(all, test.want)
			if got := environment(t, beside, map[string]string{"E": "given"}); !maps.Equal(got, all) {
				t.Errorf("got  %q\nwant %q", got, all)
			}
		})
	}
}

// If two services share a mapping, the env_file of one does not change the environment of
// the other.
func TestEnvFileOfOneServiceOfAnAlias(t *testing.T) {
	got := environment(t, map[string]string{
		"stack.yml": "x-e: &e {A: b}\nx-f: &f {image: nginx, environment: *e, env_file: '${WHICH:-one}.env'}\n" +
			"services:\n  api: *f\n  web: {image: nginx, environment: *e}\n",
		"one.env": "ONE=1\n", "two.env": "TWO=2\n",
	}, map[string]string{"WHICH": "two"})
	if want := map[string]string{"A": "b", "TWO": "2"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNames(t *testing.T) {
	input := Input{Variables: map[string]string{"WHICH": "two"}, Files: []Source{{"a.yml", `services:
  api: {image: nginx, env_file: ./x/../api.env, configs: [c], secrets: [s]}
  db:
    "image": 'redis:${WHICH}' # of another registry
  web: {image: caddy}
configs:
  c: {file: 'conf/${WHICH}.conf'}
  unused: {file: unused}
  there: {external: true}
secrets:
  s: {file: s.age}
`}, {"b.yml", "services:\n  web: {image: nginx, env_file: [api.env]}\n"}}}
	files, images, err := Names(input)
	if want := []string{"api.env", "conf/two.conf", "s.age", "unused"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("got %v %v, want %v", files, err, want)
	}
	// A later file may change a service's image.
	if want := []string{"nginx", "redis:two"}; !slices.Equal(images, want) {
		t.Errorf("images %v, want %v", images, want)
	}
}

// A file outside the folder of the stack file that names it is refused with its line, by
// Parse and by Names.
func TestFilesLieBelowTheFolder(t *testing.T) {
	for _, name := range []string{"../a", "/etc/passwd", "a/../../b", "..", ".", "''", "~/a", "~root"} {
		for _, where := range []string{"configs", "secrets"} {
			text := minimal + where + ":\n  x:\n    file: " + name + "\n"
			if _, err := Parse(Input{Files: []Source{{"a.yml", text}}, Beside: map[string][]byte{"a": nil, "b": nil}}); err == nil || !strings.Contains(err.Error(), "a.yml:6: ") {
				t.Errorf("%s %s: %v", where, name, err)
			}
		}
		text := minimal + "    env_file:\n      - " + name + "\n"
		if _, _, err := Names(Input{Files: []Source{{"a.yml", text}}}); err == nil || !strings.Contains(err.Error(), "a.yml:5: ") {
			t.Errorf("env_file %s: %v", name, err)
		}
	}
}

func TestLoadFollowsNoLinkOutOfTheFolder(t *testing.T) {
	outside := folder(t, map[string]string{"secret": "x", "sub/secret": "x"})
	dir := folder(t, map[string]string{"inside": "x", "stack.yml": minimal + "configs:\n  c:\n    file: ${FILE}\n"})
	for link, to := range map[string]string{"out": filepath.Join(outside, "secret"), "sub": filepath.Join(outside, "sub"), "in": "inside"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, taken := range map[string]bool{"out": false, "sub/secret": false, "in": true, "inside": true} {
		_, err := Load([]string{filepath.Join(dir, "stack.yml")}, map[string]string{"FILE": name})
		if (err == nil) != taken || !taken && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{"none": "none", ".//": "stack.yml:6: config \"c\" "} {
		if _, err := Load([]string{filepath.Join(dir, "stack.yml")}, map[string]string{"FILE": name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFilesBesideAreBounded(t *testing.T) {
	text := minimal + "configs: {a: {file: a}, b: {file: b}, c: {file: c}}\n"
	most := make([]byte, maxFile)
	for name, test := range map[string]struct {
		beside map[string][]byte
		want   string
	}{
		"one":  {map[string][]byte{"a": append(most, 0), "b": nil, "c": nil}, `a.yml:4: "a" 512000`},
		"all":  {map[string][]byte{"a": most, "b": most, "c": most}, "a.yml: 1535997"},
		"most": {map[string][]byte{"a": most, "b": most, "c": nil}, ""},
	} {
		_, err := Parse(Input{Files: []Source{{"a.yml", text}}, Beside: test.beside})
		if said := errorText(err); !hasWords(said, test.want) || (test.want == "") != (err == nil) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	many := minimal + "configs:\n" + limited("  c%d: {file: a}\n", maxNamed+1)
	if _, _, err := Names(Input{Files: []Source{{"a.yml", many}}}); err == nil || !strings.Contains(err.Error(), " 501 ") {
		t.Errorf("too many: %v", err)
	}
	// One file that a thousand services name is read a thousand times.
	bomb := "x-a: &a {image: a, env_file: e}\nservices:\n" + limited("  s%d: *a\n", maxServices)
	pairs := []byte(strings.Repeat("A=\n", maxFile/4))
	if _, err := Parse(Input{Files: []Source{{"a.yml", bomb}}, Beside: map[string][]byte{"e": pairs}}); err == nil || !strings.Contains(err.Error(), "a.yml:1: env_file ") {
		t.Errorf("a bomb: %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
