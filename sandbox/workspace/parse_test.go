package workspace

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func projectWith(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "Pulumi.yaml"), text)
	return dir
}

func TestASettingHasOneName(t *testing.T) {
	got, err := ParseSettings(projectWith(t, projectText), "sandbox", []string{
		"workers=3", "averazure:workers=4", "sshCidrs[0]=10.0.0.0/8", "stackVariables.a=b=c", "other:key=1", "averazure:prefix=",
	})
	want := []Setting{
		{"averazure:workers", "3"}, {"averazure:workers", "4"}, {"averazure:sshCidrs[0]", "10.0.0.0/8"}, {"averazure:stackVariables.a", "b=c"},
		{"other:key", "1"}, {"averazure:prefix", ""},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("read as %v (%v), want %v", got, err, want)
	}
}

func TestSettingsThatCannotBeMeantAreRefusedTogether(t *testing.T) {
	bad := []string{"workers", "=3", "secrets.db=x", "secrets=x", "registryToken=x", "stackVariables=x", "publicPorts=80,,443", "publicPorts=80,abc", "publicPorts[1]=abc"}
	_, err := ParseSettings(projectWith(t, projectText), "sandbox", bad)
	if err == nil {
		t.Fatal("they are taken")
	}
	problems := strings.Split(err.Error(), "\n")
	if len(problems) != len(bad) {
		t.Errorf("%d problems of %d:\n%v", len(problems), len(bad), err)
	}
	if strings.Contains(err.Error(), "db=x") {
		t.Error("a secret's value is repeated")
	}
}

// advised matches a setting or command that a message advises.
var advised = regexp.MustCompile("(?:write|list:|is|in) ([a-zA-Z:]+[][0-9.A-Za-z]*=[^ ;\n]+)|`sandbox ([^`]+)`")

// Every advised setting is accepted.
func TestEveryAdviceAboutASettingCanBeFollowed(t *testing.T) {
	for _, try := range []struct{ setting, by string }{
		{"workers", "workers=3"},
		{"publicPorts[7]=9090", "averazure:publicPorts=80,443,9090"},
		{"adminCidrs[1]=10.0.0.0/8", "averazure:adminCidrs=10.0.0.0/8"},
		{"adminCidrs.x=1", "averazure:adminCidrs=ONE,TWO"},
		{"adminCidrs=1,,2", "averazure:adminCidrs=ONE,TWO"},
		{"stackVariables=x", "averazure:stackVariables.NAME=VALUE"},
		{"secrets.db=x", "secret set db"},
		{"secrets=x", "secret set NAME"},
		{"registryToken=x", "pulumi -- config set --secret averazure:registryToken"},
	} {
		r := newRun(t, "")
		settings, err := ParseSettings(r.ProjectDir, "sandbox", []string{try.setting})
		if err == nil {
			err = r.Configure(t.Context(), Settings{Values: settings})
		}
		if err == nil {
			t.Errorf("%s is taken", try.setting)
			continue
		}
		found := advised.FindAllStringSubmatch(err.Error(), -1)
		if !slices.ContainsFunc(found, func(one []string) bool { return one[1] == try.by || one[2] == try.by }) {
			t.Errorf("%s: no advice %s in %v", try.setting, try.by, err)
		}
		for _, one := range found {
			if one[1] != "" {
				r.preview(one[1])
			}
		}
	}
}

func TestOnlyThisProjectIsOurs(t *testing.T) {
	if !IsProject(projectWith(t, projectText)) {
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
	w := &Workspace{Options: Options{ProjectDir: projectWith(t, projectText), StateDir: t.TempDir(), Stack: "sandbox"}}
	for config, want := range map[string][]string{
		"config:\n  averazure:workers: 2\n":                  {"80", "443"},
		"config:\n  averazure:publicPorts: [8090, \"80\"]\n": {"8090", "80"},
		"config:\n  averazure:publicPorts: []\n":             nil,
	} {
		write(t, w.ConfigFile(), config)
		if got, err := w.List("publicPorts"); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v (%v), want %v", config, got, err, want)
		}
	}
}
