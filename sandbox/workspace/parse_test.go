package workspace

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const declaring = `name: averazure
config:
  workers: {type: integer, default: 1}
  sshCidrs: {type: array, items: {type: string}}
  publicPorts: {type: array, items: {type: integer}, default: [8080]}
`

func projectWith(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "Pulumi.yaml"), text)
	return dir
}

func TestASettingHasOneName(t *testing.T) {
	got, err := ParseSettings(projectWith(t, declaring), []string{
		"workers=3", "averazure:workers=4", "sshCidrs[0]=10.0.0.0/8", "secrets.a=b=c", "other:key=1", "averazure:appContext=",
	})
	want := map[string]string{
		"averazure:workers": "4", "averazure:sshCidrs[0]": "10.0.0.0/8", "averazure:secrets.a": "b=c",
		"other:key": "1", "averazure:appContext": "",
	}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("read as %v (%v), want %v", got, err, want)
	}
}

func TestSettingsThatCannotBeMeantAreRefusedTogether(t *testing.T) {
	_, err := ParseSettings(projectWith(t, declaring), []string{"workers", "=3", "sshCidrs=10.0.0.0/8", `averazure:publicPorts=[80]`})
	if err == nil {
		t.Fatal("they are taken")
	}
	for _, want := range []string{
		"--config workers: write path=value", "--config =3: write path=value",
		"averazure:sshCidrs is a list: write averazure:sshCidrs[0]=10.0.0.0/8", "averazure:publicPorts is a list",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error:\n%v", want, err)
		}
	}
}

func TestOnlyThisProjectIsOurs(t *testing.T) {
	if !IsProject(projectWith(t, declaring)) {
		t.Error("it is not")
	}
	for _, text := range []string{"name: aver-consumer\n", "name: [\n"} {
		if IsProject(projectWith(t, text)) {
			t.Errorf("%q is", text)
		}
	}
	if IsProject(t.TempDir()) {
		t.Error("an empty directory is")
	}
}

func TestAListIsReadFromTheStackElseItsDefault(t *testing.T) {
	w := &Workspace{Options: Options{ProjectDir: projectWith(t, declaring), StateDir: t.TempDir(), Stack: "sandbox"}}
	for config, want := range map[string][]string{
		"config:\n  averazure:workers: 2\n":                  {"8080"},
		"config:\n  averazure:publicPorts: [8090, \"80\"]\n": {"8090", "80"},
		"config:\n  averazure:publicPorts: []\n":             nil,
	} {
		write(t, w.ConfigFile(), config)
		if got, err := w.List("publicPorts"); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v (%v), want %v", config, got, err, want)
		}
	}
}
