package cluster

import (
	"strings"
	"testing"
)

// membersDocker is a manager's docker: `state` as above, `nodes` are lines of id,
// host name, state and manager status ("-" for none).
const membersDocker = `case "$*" in
  *"{{.Swarm.LocalNodeState}} "*) echo "$(cat $D/state) what is wrong" ;;
  *LocalNodeState*) cat $D/state ;;
  *ControlAvailable*) cat $D/manager ;;
  "node ls --quiet") [ -e $D/nodes ] || exit 1; cut -d' ' -f1 $D/nodes ;;
  "node ls --filter role=manager"*) awk '$4 != "-" {print $4}' $D/nodes ;;
  "node ls"*) cut -d' ' -f1,2 $D/nodes ;;
  "node inspect"*) for id; do :; done; line=$(grep "^$id " $D/nodes) || exit 1; F=$4; set -- $line; case "$F" in
    "{{.Status.State}}"*) [ ! -e $D/mute ] || exit 1; echo $3 ;;
    *averazure.hold*) cat $D/hold 2>/dev/null || true ;;
    *averazure.ailing*) cat $D/ailing 2>/dev/null || true ;;
    *averazure.node*) cat $D/added-$1 2>/dev/null || true ;;
    *Hostname*) echo $2 ;;
    *Reachability*) if [ $4 = Reachable ] || [ $4 = Leader ]; then echo reachable; fi ;;
    *"still a manager"*) [ -e $D/demoted ] && echo worker || echo manager still a manager ;;
    *"manager{{end}}"*) [ $4 = - ] || echo manager ;;
    esac ;;
  "node demote"*) touch $D/demoted ;;
  "node ps"*) cat $D/tasks 2>/dev/null || [ ! -e $D/mute ] ;;
  "service ls --quiet") echo one ;;
  "service ls"*) cat $D/services 2>/dev/null || true ;;
  "service ps"*) cat $D/placed 2>/dev/null ;;
  "node update --label-add averazure.ailing="*) echo "$4" | sed 's/^averazure.ailing=//' >$D/ailing ;;
  "node update --label-rm averazure.ailing"*) rm $D/ailing ;;
  *"--availability drain"*) [ ! -e $D/moving ] || cp $D/moving $D/services ;;
esac`

func member(t *testing.T, state, manager, nodes string) *machine {
	m := newMachine(t, membersDocker)
	m.program("stackctl", "")
	m.write("state", state)
	m.write("manager", manager)
	if nodes != "" {
		m.write("nodes", nodes)
	}
	return m
}

func TestRemovalFromTheSwarm(t *testing.T) {
	t.Parallel()
	const three = "a node-1 ready Reachable\nb node-2 ready Leader\nc node-3 ready Reachable\nd node-4 ready -\n"
	for name, test := range map[string]struct {
		state, manager, nodes, id, role string
		ok                              bool
		said, called                    string
	}{
		"manager":                 {"active", "true", three, "a", "manager", true, "", "node update --availability drain ... node demote a"},
		"worker":                  {"active", "true", three, "d", "worker", true, "", "node update --availability drain ... node rm --force d"},
		"gone already":            {"active", "true", three, "z", "manager", true, "", "not node rm"},
		"last manager":            {"active", "true", "a node-1 ready Leader\n", "a", "manager", true, "node-1: ", "not node rm"},
		"quorum would go":         {"active", "true", "a node-1 ready Leader\nb node-2 down Unreachable\n", "a", "manager", false, " 0 ... 1 managers", "not node rm"},
		"no Swarm":                {"inactive", "false", "", "a", "manager", true, "", "not node rm"},
		"daemon down":             {"", "", three, "a", "manager", false, ":  what is wrong", "not node rm"},
		"daemon starts":           {"pending", "false", three, "a", "manager", false, ": pending what is wrong", "not node rm"},
		"keeper is not a manager": {"active", "false", three, "a", "manager", false, ": active what is wrong", "not node rm"},
		"no leader":               {"active", "true", "", "a", "manager", false, "docker node ls", "not node rm"},
	} {
		t.Run(name, func(t *testing.T) {
			member(t, test.state, test.manager, test.nodes).want(test.ok, test.said, test.called, "member", "", "remove", test.id, test.role)
		})
	}
}

// A node leaves when the services that ran before run elsewhere. It does not wait for
// services that did not run before, nor for jobs that are done.
func TestANodeLeavesWhenItsTasksRunElsewhere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before, moving string
		missing        string // the service that still lacks tasks when the wait ends
		asked          int    // how often the services are looked at, at least
	}{
		"moved":             {"replicated|api|2/2\nreplicated|log|1/1 (max 1 per node)\n", "replicated|api|2/2\nreplicated|log|1/1 (max 1 per node)\n", "", 2},
		"not moved":         {"replicated|api|2/2\nglobal|log|1/1\n", "replicated|api|1/2\nglobal|log|1/1\n", "api ... 1 of 2", 2},
		"ten are not two":   {"replicated|api|10/10\n", "replicated|api|2/10\n", "api ... 2 of 10", 2},
		"was broken before": {"replicated|api|0/1\n", "replicated|api|0/1\n", "", 1},
		"a job is done":     {"replicated job|init|0/1 (1/1 completed)\n", "replicated job|init|0/1 (1/1 completed)\n", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			m := member(t, "active", "true", "d node-1 ready -\n")
			m.write("services", test.before)
			m.write("moving", test.moving)
			out, err := m.run("member", "", "remove", "d", "worker")
			calls := m.read("calls")
			asked := strings.Count(calls, "service ls")
			if err != nil || !strings.Contains(calls, "node rm --force d") || asked < test.asked || test.missing == "" && asked > test.asked {
				t.Errorf("%v; it looks at the services %d times, want %d:\n%s", err, asked, test.asked, calls)
			}
			for _, service := range []string{"api", "log", "init"} {
				if !says(out, test.missing) || strings.Contains(out, service) != strings.HasPrefix(test.missing, service) {
					t.Errorf("it says %q, want %q missed", out, test.missing)
				}
			}
		})
	}
}

// Tasks that are bound to the node, or find no room elsewhere, are not waited for. Tasks
// that are starting are.
func TestANodeLeavesWithoutTasksThatCannotMove(t *testing.T) {
	t.Parallel()
	for placed, waits := range map[string]bool{
		"Running 5 minutes ago\nPending 3 seconds ago\n":                  false,
		"Running 5 minutes ago\nPending less than a second ago\n":         true,
		"Pending 3 seconds ago\nPreparing 2 seconds ago\n":                true,
		"Pending about a minute ago\nStarting less than a second ago\n\n": true,
	} {
		m := member(t, "active", "true", "d node-1 ready -\n")
		m.write("services", "replicated|aver_db|1/1\n")
		m.write("moving", "replicated|aver_db|0/1\n")
		m.write("placed", placed)
		out, err := m.run("member", "", "drain", "d", "worker")
		if err != nil || says(out, "aver_db ... 0 of 1") != waits || strings.Contains(out, "aver_db") != waits {
			t.Errorf("with %q: %v, it says %q", placed, err, out)
		}
	}
}

// A node that only restarts is drained like a node that leaves, but stays in the Swarm.
func TestLeavingBeforeARestart(t *testing.T) {
	t.Parallel()
	const three = "a node-1 ready Reachable\nb node-2 ready Leader\nc node-3 ready Reachable\nd node-4 ready -\n"
	m := member(t, "active", "true", three)
	m.want(true, "", "node update --availability pause --label-add averazure.hold=leaving a ... stackctl vacate a ... node update --availability drain a", "member", "", "drain", "a", "manager")
	m.want(true, "", "not node rm", "member", "", "drain", "d", "worker")
	m = member(t, "active", "true", "a node-1 ready Leader\n")
	m.want(true, "node-1: ", "not --availability", "member", "", "drain", "a", "manager")
	m = member(t, "active", "true", "a node-1 ready Leader\nb node-2 down Unreachable\n")
	m.want(false, " 0 ... 1 managers", "not --availability", "member", "", "drain", "a", "manager")
}

// What runs on a node alone starts elsewhere before its drain. If that fails, the node is
// drained all the same; on a node that is down nothing runs.
func TestANodeIsVacatedBeforeItsDrain(t *testing.T) {
	t.Parallel()
	m := member(t, "active", "true", "d node-1 ready -\n")
	m.program("stackctl", "exit 1")
	m.want(true, "all the same", "stackctl vacate d ... node update --availability drain d", "member", "", "drain", "d", "worker")
	m = member(t, "active", "true", "d node-1 down -\n")
	m.want(true, "", "not stackctl", "member", "", "drain", "d", "worker")
	m.want(true, "", "node update --availability drain d", "member", "", "drain", "d", "worker")
}
