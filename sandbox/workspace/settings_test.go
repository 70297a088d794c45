package workspace

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A tab where YAML does not allow one is reported with its line. A tab between a key and
// its value is allowed.
func TestATabInTheSettingsIsReportedWithItsLine(t *testing.T) {
	for text, line := range map[string]string{
		"config:\n\taverazure:workers: 2\n":                               "2",
		"config:\n  averazure:workers: 2\n\taverazure:prefix: a\n":        "3",
		"config:\n  averazure:sshCidrs:\n  \t- 198.18.0.1/32\n":           "3",
		"config:\n  averazure:workers:\t2\n  averazure:prefix: [a\n\t]\n": "4",
		"config:\n  averazure:workers:\t2\n":                              "",
	} {
		r := newRun(t, "")
		r.file(text)
		err := r.Configure(t.Context(), Settings{})
		switch {
		case line == "" && err != nil && strings.Contains(err.Error(), " tab "):
			t.Errorf("%q: %v", text, err)
		case line != "" && (err == nil || !strings.HasPrefix(err.Error(), filepath.Base(r.shippedFile())+":"+line+": ") || !strings.Contains(err.Error(), " tab ")):
			t.Errorf("%q: %v, want line %s", text, err, line)
		}
	}
}

func TestSettingsRemovedFromTheFileAreRemoved(t *testing.T) {
	r := newRun(t, "")
	for _, run := range []func(...string){r.up, r.preview} {
		r.file(shippedText + "  averazure:publicPorts: [8080, 9090]\n  averazure:wrokers: 3\n")
		run()
		r.has("averazure:publicPorts", "[8080,9090]")
		r.file(shippedText)
		run()
		r.has("averazure:publicPorts", "")
		r.has("averazure:wrokers", "")
		if len(r.said) > 0 {
			t.Errorf("of somebody's settings it says %q", r.said)
		}
	}
}

func TestAnUpsSettingsHoldForLaterRunsAndAPreviewsDoNot(t *testing.T) {
	r := newRun(t, "")
	r.up("workers=3")
	r.preview("workers=9", "prefix=other")
	r.has("averazure:workers", "9")
	r.preview()
	r.has("averazure:workers", "3")
	r.has("averazure:prefix", "")
}

// The order in which settings override each other, as in README.md.
func TestSettingsHaveOneOrder(t *testing.T) {
	r := newRun(t, "")
	settings := Settings{Computed: map[string]string{"averazure:sshCidrs[0]": "198.18.2.1/32", "averazure:workers": "4"}, Keep: true}
	r.must(settings)
	r.has("averazure:workers", "4")
	r.has("averazure:sshCidrs", `["198.18.2.1/32"]`)
	r.byHand(`averazure:workers: "4"`, "averazure:workers: 5")
	r.must(settings)
	r.has("averazure:workers", "5")
	settings.Values = r.parse([]string{"workers=6"})
	r.must(settings)
	r.has("averazure:workers", "6")
	r.byHand(`averazure:workers: "6"`, "averazure:workers: 7") // the last setting is in force
	settings.Values = nil
	r.must(settings)
	r.has("averazure:workers", "7")
	settings.Values, settings.Keep = r.parse([]string{"workers=8"}), false
	r.must(settings)
	r.has("averazure:workers", "8")
	settings.Values = nil
	r.must(settings)
	r.has("averazure:workers", "7")
}

func TestResetGoesBackToTheFile(t *testing.T) {
	r := newRun(t, "")
	r.up("workers=3", "prefix=other")
	r.byHand("averazure:prefix: other", "averazure:prefix: mine\n  averazure:adminCidrs: [10.0.0.0/8]")
	r.reset("stackVariables.LEVEL=debug")
	if len(r.said) != 1 || !strings.Contains(r.said[0], "averazure:adminCidrs, averazure:prefix, averazure:workers") {
		t.Errorf("what it drops is said as %q", r.said)
	}
	r.up()
	r.has("averazure:workers", "2")
	r.has("averazure:prefix", "")
	r.has("averazure:adminCidrs", "")
	r.has("averazure:stackVariables.LEVEL", "debug")
}

// A kept setting is reported with its key, its value, and the value that it overrides if
// there is one. A kept setting that changes nothing is not reported.
func TestASettingThatOverridesTheFileSaysSo(t *testing.T) {
	r := newRun(t, "")
	r.up("workers=3", "publicPorts=8080,9090", "prefix=aver", "sshCidrs[0]=198.18.0.1/32", "stackVariables.LEVEL=debug")
	if len(r.said) > 0 {
		t.Errorf("a first run speaks of earlier ones: %q", r.said)
	}
	r.file(shippedText + "  averazure:adminCidrs: []\n")
	r.up()
	for i, want := range [][]string{
		{"averazure:publicPorts ", `"8080,9090"`, `"80,443"`},
		{"averazure:stackVariables.LEVEL ", `"debug"`},
		{"averazure:workers ", `"3"`, `"2"`, "Pulumi.sandbox.yaml"},
		{"`sandbox pulumi -- config rm --path KEY`", "`sandbox up --reset`"},
	} {
		if len(r.said) != 4 || slices.ContainsFunc(want, func(datum string) bool { return !strings.Contains(r.said[i], datum) }) {
			t.Fatalf("said is\n%s\nwant %q", strings.Join(r.said, "\n"), want)
		}
	}
	r.up("workers=4")
	if len(r.said) != 3 {
		t.Errorf("of what this run sets it says %q", r.said)
	}
}

func TestASecretOfTheUsersOutlivesOtherSettingsAndIsNotShown(t *testing.T) {
	r := newRun(t, "")
	r.preview("prefix=other") // for this run only
	r.byHand("config:\n", "encryptionsalt: v1:abc\nconfig:\n  averazure:secrets: {smtp: {secure: v1:xyz}}\n")
	r.up("workers=3")
	r.file(shippedText + "  averazure:secrets: {other: {secure: v1:uvw}}\n")
	r.preview()
	r.has("averazure:secrets.smtp", "v1:xyz")
	r.has("averazure:secrets.other", "v1:uvw")
	r.has("averazure:prefix", "")
	if stack, err := load(r.ConfigFile()); err != nil || stack.EncryptionSalt != "v1:abc" {
		t.Errorf("the salt is %q, %v", stack.EncryptionSalt, err)
	}
	if said := strings.Join(r.said, "\n"); strings.Contains(said, "v1:xyz") || !strings.Contains(said, "averazure:secrets.smtp ") || !strings.Contains(said, "[secret]") {
		t.Errorf("said was %q", r.said)
	}
	r.byHand("smtp:", "gone:")
	r.preview()
	r.has("averazure:secrets.smtp", "")
}

func TestAListIsSetWholeOrByElement(t *testing.T) {
	r := newRun(t, "")
	for _, try := range []struct{ setting, want string }{
		{"publicPorts[1]=9090", "[80,9090]"}, // an element of the default
		{"publicPorts[2]=9091", "[80,9090,9091]"},
		{"publicPorts=8080, 9090", "[8080,9090]"},
		{"publicPorts[0]=80", "[80,9090]"},
		{"publicPorts=80", "[80]"},
		{"publicPorts=", "[]"},
	} {
		r.up(try.setting)
		r.has("averazure:publicPorts", try.want)
	}
	r.file(shippedText + "  averazure:publicPorts: [1, 2, 3]\n")
	r.up()
	r.has("averazure:publicPorts", "[]") // kept as a whole: not merged with the file's
	r.up("sshCidrs[1]=10.0.0.0/8")
	r.has("averazure:sshCidrs", `["198.18.0.1/32","10.0.0.0/8"]`)
}

func TestASettingIsKeptOnlyIfItsRunChangedSomething(t *testing.T) {
	r := newRun(t, "")
	revert := func(undone bool, workers string) {
		t.Helper()
		if was, err := r.Revert(); err != nil || was != undone {
			t.Errorf("put back: %v (%v), want %v", was, err, undone)
		}
		r.preview()
		r.has("averazure:workers", workers)
	}
	r.up("workers=3") // succeeded
	write(t, r.StateFile(), "one")
	r.up("workers=many")
	revert(true, "3")
	r.reset("workers=many")
	revert(true, "3")
	r.up("workers=4")
	write(t, r.StateFile(), "two")
	revert(false, "4")
	r.up("workers=4")
	revert(false, "4")
}

func TestASettingThatCannotBeLaidIsNotKept(t *testing.T) {
	r := newRun(t, `case "$*" in "config set"*) exit 1;; esac`)
	settings := Settings{Values: r.parse([]string{"workers=3"}), Keep: true, Secrets: map[string]string{"averazure:registryToken": "x"}}
	if err := r.Configure(t.Context(), settings); err == nil {
		t.Fatal("a setting that failed gave no error")
	}
	if kept, err := load(r.settingsFile()); err != nil || len(kept.Config) > 0 {
		t.Errorf("kept is %v, %v", kept.Config, err)
	}
}

// If a run is interrupted while it writes the settings file, none of the values that it
// wrote count as the user's settings.
func TestALayingThatBrokeOffIsNotTheUsers(t *testing.T) {
	r := newRun(t, `[ ! -e "$PULUMI_HOME/fail" ] || case "$*" in "config set"*) exit 1;; esac`)
	secrets := map[string]string{"averazure:registryToken": "x"}
	settings := Settings{Secrets: secrets, Keep: true}
	r.must(settings)
	r.file(shippedText + "  averazure:prefix: other\n")
	write(t, filepath.Join(r.homeDir(), "fail"), "")
	if err := r.Configure(t.Context(), settings); err == nil {
		t.Fatal("a setting that failed gave no error")
	}
	write(t, filepath.Join(r.StateDir, "next.yaml"), "config: {averazure:prefix: other}\n")
	r.file(shippedText)
	r.must(Settings{})
	r.has("averazure:prefix", "")
	if len(r.said) > 0 {
		t.Errorf("said is %q", r.said)
	}
}

func TestAStackIsDeployedOnceItHasResources(t *testing.T) {
	opts := Options{StateDir: t.TempDir(), Stack: "sandbox"}
	file := (&Workspace{Options: opts}).StateFile()
	for _, test := range []struct {
		state string
		want  bool
	}{
		{"", false},
		{`{"version":3,"checkpoint":{"latest":{"manifest":{}}}}`, false},
		{`{"version":3,"checkpoint":{"latest":{"resources":[{"urn":"urn:x"}]}}}`, true},
	} {
		if test.state != "" {
			write(t, file, test.state)
		}
		if got, err := Deployed(opts); err != nil || got != test.want {
			t.Errorf("%q: %v (%v)", test.state, got, err)
		}
	}
}
