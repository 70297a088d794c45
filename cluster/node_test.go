package cluster

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// swarmDocker is a docker in the Swarm state that the file `state` names. After leaving,
// the state is inactive.
const swarmDocker = `case "$*" in
  *"{{.Swarm.LocalNodeState}} "*) echo "$(cat $D/state) no quorum" ;;
  *LocalNodeState*) cat $D/state ;;
  *ControlAvailable*) cat $D/manager ;;
  *Cluster*) echo the-swarm ;;
  "swarm leave"*) echo inactive >$D/state ;;
  "swarm init"*) echo active >$D/state; echo true >$D/manager ;;
  *) echo some ;;
esac`

const joining = `{"swarm":"the-swarm","token":"T","managers":["127.0.0.1"]}`

func swarmMachine(t *testing.T, state, member string) *machine {
	m := newMachine(t, swarmDocker)
	m.write("state", state)
	m.write("manager", "false")
	if member != "" {
		m.write("swarm.id", member)
	}
	m.program("curl", "cat >/dev/null; echo active >$D/state")
	return m
}

// A manager that is still starting does not leave the Swarm, since leaving would erase what
// it knows.
func TestMemberThatStartsIsNotThrownOut(t *testing.T) {
	t.Parallel()
	for state, said := range map[string]string{"pending": "90 s: pending no quorum", "error": ": error no quorum ... 'docker swarm leave --force'", "locked": ": locked no quorum ... 'docker swarm leave --force'"} {
		swarmMachine(t, state, "the-swarm\n").want(false, said, "not swarm leave", "swarm", joining, "join", "10.0.0.2")
	}
	swarmMachine(t, "pending", "").want(false, "90 s: pending no quorum", "not swarm init", "swarm", `{"pool":"10.254.0.0/16","managers":[]}`, "init", "10.0.0.1")
}

func TestHalfDoneJoinIsCleared(t *testing.T) {
	t.Parallel()
	for state, member := range map[string]string{"pending": "", "error": "another"} {
		m := swarmMachine(t, state, member)
		m.want(true, "", "swarm leave", "swarm", joining, "join", "10.0.0.2")
		if m.read("swarm.id") != "the-swarm\n" {
			t.Errorf("remembers %q", m.read("swarm.id"))
		}
	}
	// The node was taken out by hand: it joins again, and another attempt loses nothing.
	swarmMachine(t, "inactive", "the-swarm\n").want(true, "", "not swarm leave", "swarm", joining, "join", "10.0.0.2")
}

// Docker joins through the first address that it gets, so a manager that does not answer
// must not be first.
func TestNodeJoinsThroughAManagerThatAnswers(t *testing.T) {
	t.Parallel()
	m := swarmMachine(t, "inactive", "")
	m.program("curl", `case "$*" in
  *https://10.0.0.8:*) exit 28 ;;
  *https://*) exit 56 ;;
esac
cat >$D/asked; echo active >$D/state`)
	m.want(true, "", "not swarm leave", "swarm", `{"swarm":"the-swarm","token":"T","managers":["10.0.0.8","10.0.0.9","10.0.0.10"]}`, "join", "10.0.0.2")
	if asked := m.read("asked"); !strings.Contains(asked, `"RemoteAddrs":["10.0.0.9:2377","10.0.0.10:2377","10.0.0.8:2377"]`) {
		t.Errorf("asked Docker %s", asked)
	}
}

// The first manager records its Swarm too. Otherwise it would be taken out of it after a
// restart.
func TestFirstManagerRemembersItsSwarm(t *testing.T) {
	t.Parallel()
	m := swarmMachine(t, "inactive", "")
	m.want(true, "", "swarm init", "swarm", `{"pool":"10.254.0.0/16","managers":["127.0.0.1"]}`, "init", "10.0.0.1")
	if m.read("swarm.id") != "the-swarm\n" {
		t.Errorf("remembers %q", m.read("swarm.id"))
	}
}

// A peer that answers late still keeps a rebuilt first manager from starting a second
// Swarm. A peer that refuses costs no time.
func TestPeerThatAnswersLate(t *testing.T) {
	t.Parallel()
	m := swarmMachine(t, "inactive", "")
	m.program("timeout", `shift 3; [ "$1" = bash ] || exec "$@"
if [ -e $D/asked ]; then exit 0; fi; touch $D/asked; exit 124`)
	m.want(true, `"swarm":"","worker":"","manager":""`, "not swarm init", "swarm", `{"pool":"10.254.0.0/16","managers":["10.0.0.2"]}`, "init", "10.0.0.1")
}

// Workers need not wait for each other; managers do.
func TestOnlyManagersWaitForEachOther(t *testing.T) {
	t.Parallel()
	m := member(t, "active", "true", "d node-1 ready -\n")
	m.program("flock", `case "$*" in *9) exit 1 ;; esac`)
	m.want(true, "", "--availability drain ... node rm", "member", "", "remove", "d", "worker")
	m.want(false, "500 s", "not node rm", "member", "", "remove", "d", "manager")
}

func TestFormerEntryIsRemovedOnceItIsDown(t *testing.T) {
	t.Parallel()
	m := member(t, "active", "true", "a node-1 ready -\nold node-1 down -\n")
	m.want(true, "", "node rm --force old", "member", "", "add", "a", "worker")
	m.write("nodes", "a node-1 ready -\nold node-1 ready -\n")
	m.want(false, "'docker node rm --force old'", "not node rm", "member", "", "add", "a", "worker")
}

// A node that was added earlier may be down when its membership is looked at again. A node
// that is being added has to come up.
func TestANodeThatIsDownIsKept(t *testing.T) {
	t.Parallel()
	m := member(t, "active", "true", "a node-1 down -\n")
	m.want(true, "node-1: ... down", "not node update", "member", "", "keep", "a", "worker")
	m = member(t, "active", "true", "a node-1 ready -\n")
	m.want(true, "", "node update", "member", "", "keep", "a", "worker")
}

// Docker refuses a change if another change came in between, so the change is repeated.
func TestRefusedChangeIsRepeated(t *testing.T) {
	t.Parallel()
	const refusal = `echo "rpc error: update out of sequence" >&2; exit 1`
	for verb, change := range map[string]string{"drain": "node update", "remove": "node demote"} {
		m := member(t, "active", "true", "a node-1 ready Reachable\nd node-2 ready Leader\nc node-3 ready Reachable\n")
		m.program("docker", `case "$*" in "`+change+`"*) [ -e $D/refused ] || { touch $D/refused; `+refusal+"; } ;; esac\n"+membersDocker)
		m.want(true, "", change+" ... "+change, "member", "", verb, "a", "manager")
		m.program("docker", `case "$*" in "`+change+`"*) `+refusal+" ;; esac\n"+membersDocker)
		m.want(false, "update out of sequence", "not node rm", "member", "", verb, "a", "manager")
	}
}

// A former node of the same name is removed when it is down, and an error names it when it is
// not. A node that was added under another name is no former one, whatever Docker lists.
func TestOnlyAFormerNodeIsForgotten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state, added string
		ok           bool
		called       string
	}{
		"down":                     {"down", "node-1", true, "node rm --force b"},
		"down and never added":     {"down", "", true, "node rm --force b"},
		"not down":                 {"ready", "node-1", false, "not node rm"},
		"another, by its label":    {"ready", "node-2", true, "not node rm"},
		"another, which went down": {"down", "node-2", true, "not node rm"},
	} {
		t.Run(name, func(t *testing.T) {
			m := member(t, "active", "true", "a node-1 ready Reachable\nb node-1 "+test.state+" Reachable\n")
			m.write("added-b", test.added)
			m.want(test.ok, map[bool]string{false: "b ... not down"}[test.ok], test.called, "member", "", "add", "a", "manager")
		})
	}
}

// A script whose connection was cut goes on, and the next one waits for it. A process that
// a script starts does not hold the lock.
func TestScriptRunsOnceAtATime(t *testing.T) {
	t.Parallel()
	m := member(t, "active", "true", "a node-1 ready -\n")
	m.program("docker", "(exec /bin/sleep 3) >/dev/null 2>&1 &\n"+membersDocker)
	m.want(true, "", "node update", "member", "", "add", "a", "worker")
	lock := filepath.Join(m.dir, "averazure-member-node-1.lock")
	if out, err := exec.Command("flock", "-n", lock, "true").CombinedOutput(); err != nil {
		t.Errorf("something that it started holds the lock: %v %s", err, out)
	}
	m.program("flock", "exit 1")
	m.want(false, "averazure-member ... 200 s", "not node", "member", "", "add", "a", "worker")
}

// The agent leaves a node alone that is about to leave. A node that joins, or stays after
// all, is healed again. A node that a person holds is left as it is.
func TestHold(t *testing.T) {
	t.Parallel()
	m := member(t, "active", "true", "d node-1 ready -\n")
	m.want(true, "", "node update --availability pause --label-add averazure.hold=leaving d", "member", "", "remove", "d", "worker")
	m.want(true, "", "not averazure.hold=", "member", "", "add", "d", "worker")
	m.write("hold", "leaving\n")
	m.want(true, "", "node update --availability active --label-rm averazure.hold --label-add averazure.node=node-1", "member", "", "add", "d", "worker")
	m.write("hold", "new disk\n")
	m.want(true, "(new disk)", "not --availability", "member", "", "add", "d", "worker")
}

// If Docker does not answer, that does not mean that a node has no task left, nor that it
// is down.
func TestFailingDockerIsNotAnEmptyNode(t *testing.T) {
	t.Parallel()
	m := member(t, "active", "true", "d node-1 ready -\n")
	m.program("docker", strings.ReplaceAll(membersDocker, `"node ps"*)`, `"node ps"*) exit 1 ;; "none")`))
	m.want(false, "docker node ps", "not node rm", "member", "", "remove", "d", "worker")
	m.program("docker", membersDocker)
	m.write("tasks", "Running 2 hours ago\n")
	m.want(true, "120 s", "node rm --force d", "member", "", "remove", "d", "worker")
	m = member(t, "active", "true", "d node-1 ready -\n")
	m.write("mute", "")
	m.want(false, "docker node inspect", "not node rm", "member", "", "remove", "d", "worker")
}

// The program uses what swarm.sh prints, so incomplete output is a failure. The first text
// of each case is the call at which Docker fails.
func TestSwarmReportsAllOrFails(t *testing.T) {
	t.Parallel()
	for fails, said := range map[string]string{
		"*NodeID*": "ID ... : active no quorum", "*ControlAvailable*": "ID ... : active no quorum", "*Cluster*": "Swarm ... : active no quorum",
		"*worker": "join tokens: active no quorum", "*manager": "join tokens: active no quorum",
	} {
		m := swarmMachine(t, "active", "the-swarm\n")
		m.write("manager", "true")
		m.program("docker", "case \"$*\" in "+fails+") [ -e $D/well ] || exit 1 ;; esac\n"+swarmDocker)
		name := map[bool]string{true: "init", false: "join"}[fails == "*Cluster*"]
		m.want(false, said, "info", "swarm", joining, name, "10.0.0.1")
		m.write("well", "")
		m.want(true, `{"node":"some","swarm":"the-swarm","worker":"some","manager":"some"}`, "join-token", "swarm", joining, name, "10.0.0.1")
	}
}

// The Swarm takes a moment to make a manager of a node that joined.
func TestJoiningManagerWaitsToBeOne(t *testing.T) {
	t.Parallel()
	const asManager = `{"swarm":"the-swarm","token":"T","role":"manager","managers":["127.0.0.1"]}`
	m := swarmMachine(t, "inactive", "")
	m.want(false, "60 s: active no quorum", "not join-token", "swarm", asManager, "join", "10.0.0.2")
	m = swarmMachine(t, "inactive", "")
	m.program("curl", "cat >/dev/null; echo active >$D/state; echo true >$D/manager")
	m.want(true, `"swarm":"the-swarm","worker":"some"`, "join-token", "swarm", asManager, "join", "10.0.0.2")
}
