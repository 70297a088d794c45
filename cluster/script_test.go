package cluster

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// scriptNames are all scripts that are sent.
func scriptNames(t *testing.T) []string {
	t.Helper()
	paths, err := fs.Glob(scripts, "scripts/*.sh")
	if err != nil || len(paths) < 6 {
		t.Fatalf("scripts %v: %v", paths, err)
	}
	var names []string
	for _, path := range paths {
		if name := strings.TrimSuffix(filepath.Base(path), ".sh"); name != "common" {
			names = append(names, name)
		}
	}
	return names
}

// TestShellcheck checks every script with shellcheck and the script's own directives.
func TestShellcheck(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Fatal("shellcheck is not installed; `apt-get install shellcheck` does it, and `make test` by itself")
	}
	whole := map[string]string{}
	for _, name := range scriptNames(t) {
		whole[name] = read("scripts/common.sh") + read("scripts/"+name+".sh")
	}
	for name, text := range whole {
		if strings.Contains(text, "disable=SC2034") {
			t.Errorf("%s as a whole excuses unknown variables", name)
		}
		cmd := exec.Command("shellcheck", "--shell=bash", "-")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	files, _ := filepath.Glob("scripts/*.sh")
	if out, err := exec.Command("shellcheck", files...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// explain puts a comment before every function of a script, and into it.
func explain(text string) string {
	text = regexp.MustCompile(`(?m)^(\w+\(\) \{)$`).ReplaceAllString(text, "$1\n  # Why it is so.\n")
	return regexp.MustCompile(`(?m)^(\w+\(\) \{)`).ReplaceAllString(text, "\n#\n# What it does.\n$1")
}

// Comments are not sent: a changed comment must not run every command on every node again.
func TestACommentIsNotSent(t *testing.T) {
	for _, name := range scriptNames(t) {
		sent := script(name)
		if again := uncommented(explain(sent)); again != sent {
			t.Errorf("%s is sent with its comments:\n%s", name, again)
		}
		for _, line := range strings.Split(sent, "\n") {
			if strings.Contains(line, " # ") {
				t.Errorf("%s: a comment behind a command is sent; give it a line of its own: %s", name, line)
			}
		}
		if !strings.HasPrefix(sent, "#!/usr/bin/env bash\n") || len(sent) >= len(read("scripts/common.sh")+read("scripts/"+name+".sh")) {
			t.Errorf("%s is sent as\n%s", name, sent)
		}
	}
}

// Functions of common.sh that a script does not use are not sent with it.
func TestOnlyWhatAScriptUsesIsSent(t *testing.T) {
	for name, has := range map[string][]bool{"merged": {true, false}, "excerpt": {true, false}, "alone": {true, true}} {
		for i, of := range []string{"settings", "secrets"} {
			if got := strings.Contains(script(of), "\n"+name+"() {"); got != has[i] {
				t.Errorf("%s in %s: %v", name, of, got)
			}
		}
	}
}

// TestTheScriptIsSent: bash finds the same functions and settings in the text that is sent
// as in the files, except functions that nobody calls.
func TestTheScriptIsSent(t *testing.T) {
	known := func(text string) []string {
		text = text[:strings.LastIndex(strings.TrimSpace(text), "\n")]
		out, err := exec.Command("bash", "-c", "limit=100; "+text+"\ntrap - EXIT; declare -f; declare -p deadline node; trap", "x", "node", "init", "id", "worker").Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.SplitAfter(string(out), "\n}\n")
	}
	for _, name := range scriptNames(t) {
		whole, sent := known(read("scripts/common.sh")+read("scripts/"+name+".sh")), known(script(name))
		for _, part := range sent {
			if !slices.Contains(whole, part) {
				t.Errorf("%s: what is sent is not in the file:\n%s", name, part)
			}
		}
		for _, part := range whole {
			of, _, _ := strings.Cut(part, " ")
			if !slices.Contains(sent, part) && regexp.MustCompile(`\b`+of+`\b`).MatchString(strings.Join(sent, "")) {
				t.Errorf("%s: what it calls is not sent:\n%s", name, part)
			}
		}
	}
}

func TestQuoteSurvivesTheShell(t *testing.T) {
	for _, text := range []string{"plain", "two words", "it's", `"; rm -rf /; "`, "$(id)", "`id`", "a\nb", "", "*", `\`, "ü"} {
		out, err := exec.Command("sh", "-c", "printf %s "+quote(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q came back as %q (%v)", text, out, err)
		}
	}
}

// TestCommandLineRunsScriptAndLeavesItsInput runs a real script the way a node's
// shell does, with stand-ins for sudo and docker.
func TestCommandLineRunsScriptAndLeavesItsInput(t *testing.T) {
	dir := t.TempDir()
	stub(t, dir, "sudo", `[ "$1" = -n ] && shift; exec "$@"`)
	stub(t, dir, "docker", `case "$1 $2" in "secret inspect"|"config inspect") exit 1 ;; "secret create"|"config create") { echo "$@"; cat; echo; } >>`+quote(dir+"/calls")+` ;; esac`)
	line := commandLine("secrets", 60, "it's a node", "swarm-id")
	cmd := exec.Command("sh", "-c", line)
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(script("secrets") + `[{"name":"password","version":"password-1","value":"czNjcmV0"}]`)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "it's a node: ") || !strings.HasSuffix(string(out), " password-1\n") {
		t.Fatalf("%v: %s", err, out)
	}
	calls, _ := os.ReadFile(dir + "/calls")
	want := "secret create --label averazure.secret=password password-1 -\ns3cret\n" +
		"config create --label averazure.secrets=1 averazure-secrets-1 -\n{\"password\":\"password-1\"}\n\n"
	if string(calls) != want {
		t.Errorf("docker was called so:\n%s", calls)
	}
	if strings.Contains(line, "s3cret") || strings.Contains(line, "czNj") || len(line) > 300 {
		t.Errorf("the command line: %s", line)
	}
}

func stub(t *testing.T, dir, name, body string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// A program that hangs must not use up the time that the script needs to report it.
func TestEveryProgramIsBounded(t *testing.T) {
	loose := regexp.MustCompile(`(^\s*|[|;&!(]\s*|\b(if|then|do|until|within \d+) )(docker|timeout|systemctl|journalctl|cloud-init|apt-get) `)
	names, err := fs.Glob(scripts, "scripts/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		for i, line := range strings.Split(read(name), "\n") {
			if loose.MatchString(line) && line != `  timeout -k 10 "$seconds" "$@"` {
				t.Errorf("%s:%d calls something without bounded: %s", name, i+1, line)
			}
		}
	}
}

// waitsOf adds up, in seconds, what the waits of a script's functions may take.
func waitsOf(t *testing.T, script string, functions ...string) int {
	t.Helper()
	wait, sum := regexp.MustCompile(`\b(?:within|left) ([0-9]+)|\bbounded ([0-9]{2,}) `), 0
	for _, name := range functions {
		_, body, found := strings.Cut(read("scripts/"+script+".sh"), "\n"+name+"() {\n")
		if !found {
			t.Fatalf("%s has no %s", script, name)
		}
		body, _, _ = strings.Cut(body, "\n}\n")
		for _, one := range wait.FindAllStringSubmatch(body, -1) {
			seconds, err := strconv.Atoi(one[1] + one[2])
			if err != nil {
				t.Fatal(err)
			}
			sum += seconds
		}
	}
	return sum
}

// A drain that is cut short interrupts requests, and so does a restart that nobody waits
// for.
func TestWaitsThatMustNotBeCutShortFit(t *testing.T) {
	const last = 30 // the seconds that a script reserves for its last messages
	before := waitsOf(t, "common", "alone") + last
	if needs := before + waitsOf(t, "member", "drain", "note_ailing", "main"); needs > leaveLimit {
		t.Errorf("draining a node may take %d s; it has %d", needs, leaveLimit)
	}
	if needs := before + waitsOf(t, "member", "back", "forget_ailing"); needs > backLimit {
		t.Errorf("a node may be back after %d s; it has %d", needs, backLimit)
	}
	if needs := before + waitsOf(t, "member", "remove", "drain", "note_ailing", "main"); before < 200 || needs > memberLimit {
		t.Errorf("removing a node may take %d s, %d of them before it begins; it has %d", needs, before, memberLimit)
	}
	if needs := before + 120 + waitsOf(t, "data", "move_it", "copy_all", "attach", "grow", "format"); needs > moveLimit {
		t.Errorf("moving Docker's directory may take %d s; it has %d", needs, moveLimit)
	}
	if needs := before + waitsOf(t, "settings", "restart"); needs > settingsLimit {
		t.Errorf("new settings may take %d s; they have %d", needs, settingsLimit)
	}
}

// A program that hangs is named before the whole script is killed.
func TestScriptsSayWhatHangs(t *testing.T) {
	t.Parallel()
	for program, said := range map[string]string{
		"apt-get":    "| E: no mirror",
		"cloud-init": "10 minutes; ... /cloud-init.log",
		"docker":     "| why not",
	} {
		t.Run(program, func(t *testing.T) {
			m := prepareMachine(t, "active", map[string]string{"docker": "installed"}[program])
			m.limit = 32
			m.program("journalctl", "echo why not")
			m.program(program, "echo 'E: no mirror'; exec /bin/sleep 60")
			out, err := m.run("prepare", newNode, "yes")
			if err == nil || !says(out, said) || !says(out, "averazure-prepare ... 32 s") {
				t.Errorf("%v, want %q:\n%s", err, said, out)
			}
		})
	}
}

// TestTokenNeverBecomesAnArgument: everybody who can list processes could read it.
func TestTokenNeverBecomesAnArgument(t *testing.T) {
	for _, name := range []string{"swarm", "secrets", "manager"} {
		for _, line := range strings.Split(script(name), "\n") {
			for _, bad := range []string{"swarm join --token", "docker login --password ", "<<<\"$token", "jq --arg token"} {
				if strings.Contains(line, bad) && !strings.HasPrefix(strings.TrimSpace(line), "#") {
					t.Errorf("%s: %s", name, line)
				}
			}
		}
	}
}
