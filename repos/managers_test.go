package repos

import (
	"crypto/rand"
	"crypto/rsa"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// The answers of managers that cannot take a deployment.
const (
	noQuorum = `{"stack":"","outcome":"failed","problems":[{"code":"no-quorum","reason":"2 of 3"}],"verdict":"the Swarm has no quorum"}`
	noLeader = `{"stack":"","outcome":"failed","problems":[{"code":"docker","reason":"no leader"}],"verdict":"no leader"}`
	notOne   = `{"stack":"","outcome":"failed","problems":[{"code":"not-a-manager","reason":"inactive"}],"verdict":"aver-manager is not a manager of a Swarm"}`
)

// MANAGER_IP is asked first, with its own key and no other, and each manager is asked once.
// A public log does not show the addresses of the others.
func TestDeployAsksManagerIPFirst(t *testing.T) {
	const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	list := "# the managers\n203.0.113.9 " + other + "\r\n\r\n\n \t\r\n203.0.113.10 " + other + "\n203.0.113.9 " + managerKey + "\n"
	for name, test := range map[string]struct {
		env  []string
		want string // which key is known for which manager
		of   string // the manager's number of how many; empty if that is not printed
	}{
		"both":           {[]string{"MANAGERS=" + list}, "203.0.113.10 " + managerKey, " 1 of 2, "},
		"the list alone": {[]string{"MANAGERS=" + list, "MANAGER_IP=", "MANAGER_HOST_KEY="}, "203.0.113.9 " + other, " 1 of 2, "},
		"an old stack":   {nil, "203.0.113.10 " + managerKey, ""},
		"one manager":    {[]string{"MANAGERS=203.0.113.10 " + managerKey}, "203.0.113.10 " + managerKey, ""},
	} {
		b := newBench(t)
		b.ssh(0, "", itRuns)
		output, status := b.run("deploy.sh", append(test.env, "GITHUB_ACTIONS=true")...)
		if status != 0 || b.read("known_hosts") != test.want+"\n" || !strings.Contains(output, test.of) || test.of == "" && strings.Contains(output, " 1 of ") {
			t.Errorf("%s: status %d, known hosts %q\n%s", name, status, b.read("known_hosts"), output)
		}
		if mask := "::add-mask::" + strings.Fields(test.want)[0] + "\n"; !strings.HasPrefix(output, mask) {
			t.Errorf("%s: no %q at first:\n%s", name, mask, output)
		}
	}
}

// A list may be the output of ssh-keyscan. Its order is kept, and each manager counts once,
// with its ed25519 key.
func TestDeployTakesWhatSSHKeyscanPrints(t *testing.T) {
	const ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAI"
	const banner = ":22 SSH-2.0-OpenSSH_10.0p2 Debian-7\n"
	scan := func(host string) string {
		return "# " + host + banner + host + " " + rsaKey + "\n# " + host + banner + host + " " + ecdsa + "\n# " + host + banner + host + " " + managerKey + "\n"
	}
	for name, test := range map[string]struct {
		list  string
		count string
	}{
		"three types":       {scan("203.0.113.11") + scan("203.0.113.12"), "1 of 2"},
		"the key in front":  {"203.0.113.11 " + managerKey + "\n203.0.113.11 " + rsaKey + "\n203.0.113.12 " + managerKey + "\n", "1 of 2"},
		"one, three types":  {scan("203.0.113.11"), ""},
		"with aliases":      {scan("203.0.113.11,aver-manager") + scan("203.0.113.12"), "1 of 2"},
		"with brackets":     {scan("[203.0.113.11]:22") + scan("203.0.113.12"), "1 of 2"},
		"with tabs":         {"\t203.0.113.11\t" + rsaKey + "\n203.0.113.11\t" + managerKey + " root@aver-manager\r\n", ""},
		"another's comment": {"203.0.113.11 " + rsaKey + " not ssh-ed25519 AAAA\n203.0.113.11 " + managerKey, ""},
	} {
		b := newBench(t)
		b.ssh(0, "", itRuns)
		output, status := b.run("deploy.sh", "MANAGER_IP=", "MANAGER_HOST_KEY=", "MANAGERS="+test.list)
		if status != 0 || b.read("known_hosts") != "203.0.113.11 "+managerKey+"\n" || strings.Contains(output, " 1 of ") != (test.count != "") || !strings.Contains(output, test.count) {
			t.Errorf("%s: status %d, known hosts %q\n%s", name, status, b.read("known_hosts"), output)
		}
	}
}

// The output of the real ssh-keyscan for a manager that has keys of two types is accepted.
func TestDeployTakesTheRealKeyscan(t *testing.T) {
	ours, second := ed25519Key(t), rsaSigner(t)
	port := listen(t, func(conn net.Conn) {
		config := &ssh.ServerConfig{NoClientAuth: true}
		config.AddHostKey(ours)
		config.AddHostKey(second)
		if server, _, _, err := ssh.NewServerConn(conn, config); err == nil {
			server.Close()
		}
	})
	scanned, err := exec.Command("ssh-keyscan", "-p", port, "127.0.0.1").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, scanned)
	}
	list := strings.ReplaceAll(string(scanned), "[127.0.0.1]:"+port, "127.0.0.1") // as of port 22
	if !strings.Contains(list, "127.0.0.1 ssh-rsa AAAA") {
		t.Fatalf("ssh-keyscan prints no second type:\n%s", list)
	}
	b := newBench(t)
	b.ssh(0, "", itRuns)
	want := "127.0.0.1 " + string(ssh.MarshalAuthorizedKey(ours.PublicKey()))
	output, status := b.run("deploy.sh", "MANAGER_IP=", "MANAGER_HOST_KEY=", "MANAGERS="+list)
	if status != 0 || b.read("known_hosts") != want {
		t.Errorf("status %d, known hosts %q\n%s\nof\n%s", status, b.read("known_hosts"), output, list)
	}
}

func rsaSigner(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, key)
}

// This runs with the messages of the real ssh and with real times. In the end there is one
// release or none.
func TestDeployTakesTheFirstManagerThatCan(t *testing.T) {
	client, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	host := ed25519Key(t)
	fit := member{manager: manager{host: host, takes: true, tells: itRuns}}
	with := func(change func(*member)) member { d := fit; change(&d); return d }
	away := func(state string) member { return with(func(d *member) { d.state = state }) }
	unfit := func(says string) member { return with(func(d *member) { d.unfit = says }) }
	other := with(func(d *member) { d.key = ed25519Key(t) })
	stranger := with(func(d *member) { d.takes = false })
	hangs := with(func(d *member) { d.unfit = "hang" })
	drops := func(verb string) member { return with(func(d *member) { d.falls = verb }) }
	tired := with(func(d *member) { d.state = "tired" })
	for name, test := range map[string]struct {
		members  []member
		status   int
		code     string
		asked    string // number and verb of each request to a manager
		from, to float64
		says     string
	}{
		"the first can":              {[]member{fit, fit}, 0, "runs", "1 status, 1 files, 1 deploy", 0, 15, " 1 of 2, 127.0.0.2, "},
		"the first drops packets":    {[]member{away("drops"), fit}, 0, "runs", "2 status, 2 files, 2 deploy", 5, 15, " 1 of 2, 127.0.0.2, ... (timed-out): "},
		"the first refuses":          {[]member{away("refuses"), fit}, 0, "runs", "2 status, 2 files, 2 deploy", 0, 15, " 1 of 2, 127.0.0.2, ... (port-closed): ...  2 of 2, 127.0.0.3, "},
		"the first is frozen":        {[]member{away("frozen"), fit}, 0, "runs", "2 status, 2 files, 2 deploy", 5, 15, " 127.0.0.2, ... (no-ssh): "},
		"the first hangs":            {[]member{hangs, fit}, 0, "runs", "1 status, 2 status, 2 files, 2 deploy", 20, 45, "(no-answer): ... 20 s"},
		"two are away":               {[]member{away("frozen"), away("drops"), fit}, 0, "runs", "3 status, 3 files, 3 deploy", 10, 25, "(no-ssh): ... (timed-out): ...  3 of 3, "},
		"the first has no quorum":    {[]member{unfit(noQuorum), fit}, 0, "runs", "1 status, 2 status, 2 files, 2 deploy", 0, 15, " 127.0.0.2, ... (no-quorum): "},
		"the first is none any more": {[]member{unfit(notOne), fit}, 0, "runs", "1 status, 2 status, 2 files, 2 deploy", 0, 15, " 127.0.0.2, ... (not-a-manager): aver-manager "},
		"the first lost the key":     {[]member{stranger, fit}, 0, "runs", "2 status, 2 files, 2 deploy", 0, 15, " 127.0.0.2, ... (login-refused): ...  deploy; "},
		"the first falls meanwhile":  {[]member{tired, fit}, 0, "runs", "1 status, 2 status, 2 files, 2 deploy", 0, 15, " 1 of 2, 127.0.0.2, ... (no-ssh): "},
		"the first falls, asked":     {[]member{drops("files"), fit}, 0, "runs", "1 status, 1 files, 2 status, 2 files, 2 deploy", 0, 15, " 1 of 2, 127.0.0.2, ... (broken): "},
		"another machine":            {[]member{other, fit}, 255, "host-key", "", 0, 15, "line 1 of MANAGERS"},
		"another one, later":         {[]member{away("refuses"), other, fit}, 255, "host-key", "", 0, 15, "line 2 of MANAGERS"},
		"all are away":               {[]member{away("refuses"), away("drops")}, 255, "no-manager", "", 5, 15, " 2 ... (1 port-closed, 2 timed-out)"},
		"none has a leader":          {[]member{unfit(notOne), unfit(noLeader), unfit(noQuorum)}, 0, "runs", "1 status, 2 status, 3 status, 2 files, 2 deploy", 0, 15, " 2, 127.0.0.3, "},
		"none is a manager":          {[]member{unfit(notOne), unfit(notOne)}, 255, "no-manager", "1 status, 2 status", 0, 15, "(1 not-a-manager, 2 not-a-manager)"},
		"cut off in the middle":      {[]member{drops("deploy"), fit}, 255, "broken", "1 status, 1 files, 1 deploy", 0, 15, "Not known: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mutex sync.Mutex
			var asked []string
			managers, port := stand(t, test.members, func(what string) {
				mutex.Lock()
				defer mutex.Unlock()
				asked = append(asked, what)
			})
			b := newBench(t)
			// The real ssh, with the port of the test.
			b.write("ssh", "#!/bin/bash\nfor word; do [[ $word != deploy@* ]] || alias=${word#*@}; done\nexec "+client+" -p "+port+" -o HostKeyAlias=$alias \"$@\"\n", 0o755)
			began := time.Now()
			output, status := b.run("deploy.sh", "MANAGER_IP=", "MANAGER_HOST_KEY=", "MANAGERS="+managers, "DEPLOY_SECONDS=60")
			took := time.Since(began).Seconds()
			t.Logf("%s: %.1f s", name, took)
			mutex.Lock()
			defer mutex.Unlock()
			if status != test.status || b.code() != test.code || strings.Join(asked, ", ") != test.asked || !says(output, test.says) {
				t.Errorf("status %d, code %q, asked %q, want %d, %q, %q, and %q\n%s", status, b.code(), asked, test.status, test.code, test.asked, test.says, output)
			}
			if took < test.from || took > test.to {
				t.Errorf("it took %.1f s, want %v to %v\n%s", took, test.from, test.to, output)
			}
			if summary := b.read("summary"); slices.Contains([]string{"no-manager", "host-key"}, test.code) && !says(summary, "    deploy: ...  1 of ") {
				t.Errorf("the summary does not say what each said:\n%s", summary)
			}
		})
	}
}
