package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// machine is a directory that a script takes for a node: it contains the paths that the
// script writes to and the programs that the script calls.
type machine struct {
	t     *testing.T
	dir   string
	limit int // what a script may take, in seconds
}

var waits = regexp.MustCompile(`within [0-9]+ `)

// newMachine makes a machine whose docker has the given shell code as its body. $D is the
// machine's directory, in which every call is recorded.
func newMachine(t *testing.T, docker string) *machine {
	m := &machine{t: t, dir: t.TempDir(), limit: 300}
	m.program("docker", docker)
	m.program("sleep", "exec /bin/sleep 0.1")
	return m
}

func (m *machine) program(name, body string) {
	stub(m.t, m.dir, name, "D="+quote(m.dir)+"; echo \""+name+" $*\" >>$D/calls\n"+body)
}

// run runs a script as it is sent, with short waits, and returns its output.
func (m *machine) run(name, input string, args ...string) (string, error) {
	text := fmt.Sprintf("limit=%d; ", m.limit) + waits.ReplaceAllString(script(name), "within 1 ")
	text = strings.NewReplacer("/var/lib/averazure", m.dir, "/var/log", m.dir, "/usr/local/sbin", m.dir, "/etc/sudoers.d", m.dir,
		"/etc/averazure", m.dir+"/etc", "/etc/systemd/system", m.dir+"/etc", "HOME=/root", "HOME="+m.dir,
		"/etc/docker", m.dir+"/etc", "/var/lib/docker", m.dir+"/docker-root", "/dev/disk", m.dir+"/dev/disk", "/dev/nvme", m.dir+"/dev/nvme",
		"/sys/class/block", m.dir+"/sys", "/proc/stat", m.dir+"/stat", "/run/docker.sock", m.dir+"/docker.sock", "calm=15", "calm=0").Replace(text)
	cmd := exec.Command("bash", append([]string{"-c", text, "averazure-" + name, "node-1"}, args...)...)
	cmd.Env = []string{"PATH=" + m.dir + ":" + os.Getenv("PATH"), "AVERAZURE_RUN=" + m.dir, "SUDO_USER=aver"}
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (m *machine) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(m.dir, name))
	return string(text)
}

func (m *machine) remove(name string) {
	m.t.Helper()
	if err := os.Remove(filepath.Join(m.dir, name)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// says tells whether a text has all parts in this order; " ... " separates them. The parts
// are what matters to a reader: names, numbers, files, commands, Docker's own words.
func says(text, parts string) bool {
	for _, part := range strings.Split(parts, " ... ") {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return true
}

// want runs a script and checks whether it succeeds, what it prints, and whether commands
// were called, in this order.
func (m *machine) want(ok bool, said, called, name, input string, args ...string) {
	m.t.Helper()
	_ = os.Remove(filepath.Join(m.dir, "calls"))
	out, err := m.run(name, input, args...)
	if (err == nil) != ok || !says(out, said) {
		m.t.Errorf("%s %v: %v, want %q:\n%s%s", name, args, err, said, out, m.read("calls"))
	}
	called, not := strings.CutPrefix(called, "not ")
	if says(m.read("calls"), called) == not {
		m.t.Errorf("%s %v: want %s %q among the calls:\n%s", name, args, map[bool]string{true: "no"}[not], called, m.read("calls"))
	}
}
