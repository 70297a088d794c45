package cluster

import "testing"

// A turn ends when the node takes tasks and every service runs all its tasks. Jobs are not
// waited for, since they end anyway.
func TestBackEndsATurn(t *testing.T) {
	t.Parallel()
	m := member(t, "active", "true", "a node-1 ready Reachable\n")
	m.write("hold", "leaving\n")
	m.write("services", "replicated|aver_api|2/2 (max 1 per node)\nglobal|aver_log|3/3\nreplicated job|aver_init|0/1 (1/1 completed)\nreplicated|averazure-reboot|0/1\n")
	m.want(true, "", "node update --availability active --label-rm averazure.hold", "member", "", "back", "a", "manager", "Standard_B2als_v2")
	m.write("services", "replicated|aver_api|1/2\nglobal|aver_log|2/3\n")
	m.want(false, "180 s ... aver_api ... 1 of 2, aver_log ... 2 of 3", "node update", "member", "", "back", "a", "manager", "")
	// Tasks that have done their work, and tasks that wait for another node, do not keep
	// this node from being back.
	m.write("services", "replicated|aver_api|2/2\nreplicated|aver_seed|0/1\nreplicated|aver_db|0/1\n")
	for placed, ok := range map[string]bool{
		"aver_seed.1 Complete 2 hours ago\naver_db.1 Pending 2 minutes ago\naver_db.1 Running 2 hours ago\n": true,
		"aver_seed.1 Ready 2 seconds ago\naver_seed.1 Complete 7 seconds ago\n":                              false,
		"aver_db.1 Pending less than a second ago\n":                                                         false,
		"aver_db.1 Failed 2 hours ago\n":                                                                     false,
		"":                                                                                                   false,
	} {
		m.write("placed", placed)
		m.want(ok, "aver_seed ... 0 of 1, aver_db ... 0 of 1", "service ps", "member", "", "back", "a", "manager", "")
	}
	m.write("services", "")
	m.write("nodes", "a node-1 down Unreachable\n")
	m.want(false, "180 s ... 'down'", "not node update", "member", "", "back", "a", "manager", "")
	m.write("nodes", "a node-1 ready Unreachable\n")
	m.want(false, "ready ... 60 s", "not node update", "member", "", "back", "a", "manager", "")
	m.write("nodes", "d node-1 ready -\n")
	m.program("docker", `case "$*" in "service ls"*) exit 1 ;; *) `+"\n"+membersDocker+"\n;; esac")
	m.want(false, "docker service ls", "", "member", "", "back", "d", "worker", "")
}

// A service that did not run before the node was drained does not keep the node from being
// back, and so does not hold up the deployment that would repair it. A service that ran
// before does.
func TestEarlierTroublesAreNotTheNodesFault(t *testing.T) {
	t.Parallel()
	for name, nodes := range map[string]string{"one of two": "a node-1 ready Reachable\nb node-2 ready Leader\nc node-3 ready Reachable\n", "the only one": "a node-1 ready Leader\n"} {
		m := member(t, "active", "true", nodes)
		m.write("services", "replicated|aver_api|0/1\nreplicated|aver_old|1/3\nreplicated|aver_web|2/2\n")
		m.write("placed", "aver_api.1 Starting 2 seconds ago\naver_web.1 Failed 2 seconds ago\n")
		m.want(true, "", "averazure.ailing=aver_api=0 aver_old=1 a", "member", "", "drain", "a", "manager")
		// An interrupted turn begins again: a service that the turn itself broke is not
		// excused.
		m.write("services", "replicated|aver_api|0/1\nreplicated|aver_old|1/3\nreplicated|aver_web|1/2\n")
		m.want(true, "", "not averazure.ailing=", "member", "", "drain", "a", "manager")
		m.want(false, "aver_api ... 0 of 1, aver_old ... 1 of 3, aver_web ... 1 of 2", "service ps --format {{.Name}} {{.CurrentState}} aver_web\n", "member", "", "back", "a", "manager", "")
		m.write("services", "replicated|aver_api|0/1\nreplicated|aver_old|0/3\nreplicated|aver_web|2/2\n")
		m.want(false, "aver_api ... 0 of 1, aver_old ... 0 of 3", "service ps --format {{.Name}} {{.CurrentState}} aver_old\n", "member", "", "back", "a", "manager", "")
		m.write("services", "replicated|aver_api|0/1\nreplicated|aver_old|2/3\n")
		m.want(true, "aver_api ... 0 of 1, aver_old ... 2 of 3", "--label-rm averazure.ailing", "member", "", "back", "a", "manager", "")
		// The turn is over: no service is excused any more.
		if m.want(false, "aver_api ... 0 of 1", "", "member", "", "back", "a", "manager", ""); t.Failed() {
			t.Fatal(name)
		}
	}
}
