package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

func TestAdviceIsOfTheSandbox(t *testing.T) {
	for text, want := range map[string]string{
		"`pulumi config set --secret --path 'averazure:secrets[\"tls.key\"]'` asks":   "`sb secret set tls.key` asks",
		"`pulumi config set --secret --path 'averazure:secrets.NAME'` asks":           "`sb secret set NAME` asks",
		"`pulumi config set --secret averazure:registryToken` asks":                   "`sb pulumi -- config set --secret averazure:registryToken` asks",
		"`pulumi up` leaves it; `pulumi up --replace '**Command::*-deploy'` does not": "`sb up` leaves it; `sb pulumi -- up --yes --replace '**Command::*-deploy'` does not",
		"`pulumi preview` shows it":                                                  "`sb preview` shows it",
		"cut off: `pulumi up --repl...":                                              "cut off: `pulumi up --repl...",
		"`pulumi stack output apiUrl`\n`pulumi up`\n":                                "`sb pulumi -- stack output apiUrl`\n`sb up`\n",
		"`stackctl reconcile aver` does it; `sudo stackctl pause aver 1h --why ...`": "`sb exec m -- stackctl reconcile aver` does it; `sb exec m -- stackctl pause aver 1h --why ...`",
		"docker build": "docker build",
	} {
		if got := (adviser{"sb", "m"}).advice(text); got != want {
			t.Errorf("it is %q, want %q", got, want)
		}
	}
}

func TestAdviceBeforeThereIsAManager(t *testing.T) {
	if got, want := (adviser{self: "sb"}).advice("`stackctl releases aver`, `pulumi up`"), "`stackctl releases aver`, `sb up`"; got != want {
		t.Errorf("it is %q, want %q", got, want)
	}
}

// Text that only programs read is removed from the CLI's output. The inputs in a preview
// stay.
func TestPlainLines(t *testing.T) {
	for text, want := range map[string]string{
		"error: Process exited with status 1: running \"sudo -n timeout -k 55 2100 stackctl deploy --json --from pulumi aver # machine 354e, login 1 # drift 2\":\nwhy\n": "error: Process exited with status 1:\nwhy\n",
		"why\n    {\"stack\":\"aver\",\"outcome\":\"put-back\",\"problems\":[{}]}\nmore\n":                                                                                "why\nmore\n",
		" ~  command:remote:Command aver-deploy updating (10s) [diff: ~stdin]; stackctl: waiting\n":                                                                       " ~  command:remote:Command aver-deploy updating (10s); stackctl: waiting\n",
		" ~  command:remote:Command aver-deploy updated (12s) [diff: ~stdin,update]\n":                                                                                    " ~  command:remote:Command aver-deploy updated (12s)\n",
		" ~  command:remote:Command aver-deploy update [diff: ~create,update]\n":                                                                                          " ~  command:remote:Command aver-deploy update [diff: ~create,update]\n",
		"running \"sudo\" is nobody's\n": "running \"sudo\" is nobody's\n",
	} {
		if got := plain(text); got != want {
			t.Errorf("it is %q, want %q", got, want)
		}
	}
}

// The CLI prints these lines of the official docker plugin, v4, without a terminal. They
// are from the classic builder, from BuildKit and from a push.
func TestStepsOfABuildAreShownOnce(t *testing.T) {
	const of = " +  docker:index:Image aver-image creating "
	said := of + "(0s)\n" + of + "(0s) Starting Docker build\n" +
		of + "(1s) Step 1/2 : FROM scratch\n" + of + "(1s) ---> 0123456789ab\n" + of + "(2s) Step 1/2 : FROM scratch\n" +
		of + "(3s) digest: sha256:0123\n" + of + "(3s) [build 2/4] COPY . .\n" + of + "(4s) sha256:4567\n" +
		of + "(5s) Built image with local id \"sha256:89\", polling image store for image\n" +
		of + "(6s) Pushing Image to the registry\n" + of + "(6s) Preparing\n" + of + "(7s) Pushing [==>   ]  1.2MB/9MB\n" +
		" ~  docker:index:Image aver-image updating (9s) [diff: ~build]; Layer already exists\n" +
		" +- docker:index:Image aver-image creating replacement (9s) [diff: ~build]; Waiting\n" +
		of + "(8s) error: it does not build\n" + " +  docker:index:Image aver-image created (9s) latest: digest: x\n" +
		" +  tls:index:PrivateKey k creating (0s) Preparing\n"
	want := of + "(0s)\n" + of + "(0s) Starting Docker build\n" + of + "(1s) Step 1/2 : FROM scratch\n" + of + "(3s) [build 2/4] COPY . .\n" +
		of + "(6s) Pushing Image to the registry\n" + of + "(8s) error: it does not build\n" +
		" +  docker:index:Image aver-image created (9s) latest: digest: x\n" + " +  tls:index:PrivateKey k creating (0s) Preparing\n"
	var out bytes.Buffer
	a := &advising{out: &out}
	for part := range strings.Lines(said) {
		if _, err := a.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != want {
		t.Errorf("shown is\n%s\nwant\n%s", out.String(), want)
	}
}

func TestAStepOfBuildKitsIsNamed(t *testing.T) {
	for message, want := range map[string]string{"digest: sha256:01\n[build 2/4] COPY . .\n": "[build 2/4] COPY . .", "one\ntwo": "one", "": ""} {
		if got := firstLine(message); got != want {
			t.Errorf("of %q it is %q", message, got)
		}
	}
}

// A command may arrive in parts, and the last line may have no line break.
func TestAdviceInAStream(t *testing.T) {
	var out bytes.Buffer
	a := &advising{adviser: adviser{self: "sb"}, out: &out}
	for _, step := range []struct{ text, passed string }{
		{"one\n`pulumi u", "one\n"}, {"p`\ntwo `pulumi", "one\n`sb up`\n"}, {" up`", "one\n`sb up`\n"},
	} {
		if n, err := a.Write([]byte(step.text)); n != len(step.text) || err != nil || out.String() != step.passed {
			t.Errorf("after %q (%d, %v) it has passed on %q", step.text, n, err, out.String())
		}
	}
	if err := a.Close(); err != nil || out.String() != "one\n`sb up`\ntwo `sb up`" {
		t.Errorf("at the end %q (%v)", out.String(), err)
	}
}

// Output for programs, and that of other commands, passes unchanged.
func TestOnlyWhatPeopleReadIsTranslated(t *testing.T) {
	for _, c := range []struct {
		argv       []string
		translated bool
	}{
		{[]string{"stackctl", "status", "aver"}, true},
		{[]string{"journalctl", "-u", "stackctl-agent"}, true},
		{[]string{"stackctl", "status", "aver", "--json"}, false},
		{[]string{"cat", "/etc/motd"}, false},
	} {
		out, complaints, _ := spoken(c.argv, adviser{"sb", "m"})
		if is := out != os.Stdout; is != c.translated || (complaints != os.Stderr) != is {
			t.Errorf("%q: translated %v", c.argv, is)
		}
	}
}

// Each warning is repeated once at the end of the run, with commands that work in the
// sandbox.
func TestWarningsAreRepeatedAtTheEnd(t *testing.T) {
	run := newEngineRun()
	for range 2 {
		run.take(says("warning", "pulumi:pulumi:Stack", "averazure-sandbox", "release 3 runs; `pulumi up --replace '**Command::*-deploy'` goes on"), time.Now())
	}
	run.take(says("info", "pulumi:pulumi:Stack", "averazure-sandbox", "stack aver: replicas 2 -> 3"), time.Now())
	run.take(begins(apitype.OpCreate, "azuread:index/application:Application", "app", true), time.Now())
	run.take(says("warning", "azuread:index/application:Application", "app", "retrying create"), time.Now())
	if got, want := run.warnings(adviser{self: "sb"}), []string{"release 3 runs; `sb pulumi -- up --yes --replace '**Command::*-deploy'` goes on"}; !slices.Equal(got, want) {
		t.Errorf("they are %q, want %q", got, want)
	}
	if got := listed(nil); got != "" {
		t.Errorf("of none it says %q", got)
	}
}
