package release

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// TestVerdicts deploys a first release that runs, then another one. It checks what is
// reported and what runs afterwards.
func TestVerdicts(t *testing.T) {
	good := []swarm.ServiceSpec{service("api", "run:1"), service("db", "run:1")}
	for name, c := range map[string]struct {
		next    []swarm.ServiceSpec
		outcome Outcome
		release int
		codes   []string
		api     string // the image that runs afterwards
	}{
		"another image":                       {[]swarm.ServiceSpec{service("api", "run:2"), good[1]}, Runs, 2, nil, "run:2"},
		"an image that crashes":               {[]swarm.ServiceSpec{service("api", "crash:1", failure("continue")), good[1]}, PutBack, 1, []string{"task-failed"}, "run:1"},
		"Swarm pauses the update":             {[]swarm.ServiceSpec{service("api", "crash:1", failure("pause")), good[1]}, PutBack, 1, []string{"task-failed"}, "run:1"},
		"Swarm rolls the update back":         {[]swarm.ServiceSpec{service("api", "crash:1", failure("rollback")), good[1]}, PutBack, 1, []string{"task-failed"}, "run:1"},
		"a health check that fails":           {[]swarm.ServiceSpec{service("api", "sick:1", failure("continue")), good[1]}, PutBack, 1, []string{"unhealthy"}, "run:1"},
		"an image that no node can pull":      {[]swarm.ServiceSpec{service("api", "missing:1", failure("continue")), good[1]}, PutBack, 1, []string{"image-missing"}, "run:1"},
		"it ends with 0 again and again":      {[]swarm.ServiceSpec{service("api", "end:1", failure("continue")), good[1]}, PutBack, 1, []string{"task-ended"}, "run:1"},
		"it ends and Swarm pauses the update": {[]swarm.ServiceSpec{service("api", "end:1", failure("pause")), good[1]}, PutBack, 1, []string{"task-ended"}, "run:1"},
		"it never starts":                     {[]swarm.ServiceSpec{service("api", "slow:1", failure("continue")), good[1]}, PutBack, 1, []string{"not-running"}, "run:1"},
		"no node fits":                        {[]swarm.ServiceSpec{service("api", "run:2", on("node.labels.gpu == yes")), good[1]}, PutBack, 1, []string{"no-node"}, "run:1"},
		"a one-shot beside it":                {append(good, service("migrate", "end:1", restart(swarm.RestartPolicyConditionOnFailure))), Runs, 2, nil, "run:1"},
		"a one-shot that fails forever":       {append(good, service("migrate", "crash:1", restart(swarm.RestartPolicyConditionNone))), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a global service that runs":          {append(good, service("agent", "run:1", global)), Runs, 2, nil, "run:1"},
		"a global service that crashes":       {append(good, service("agent", "crash:1", global)), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a global one that may not restart":   {append(good, service("agent", "crash:1", global, restart(swarm.RestartPolicyConditionNone))), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a job":                               {append(good, service("migrate", "end:1", job(2))), Runs, 2, nil, "run:1"},
		"a job that fails":                    {append(good, service("migrate", "crash:1", job(2))), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a job on every node":                 {append(good, service("migrate", "end:1", jobOnEveryNode)), Runs, 2, nil, "run:1"},
		"one that fails":                      {append(good, service("migrate", "crash:1", jobOnEveryNode)), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a service at 0":                      {append(good, service("later", "crash:1", func(s *swarm.ServiceSpec) { *s.Mode.Replicated.Replicas = 0 })), Runs, 2, nil, "run:1"},
		"a secret that nobody stored":         {[]swarm.ServiceSpec{service("api", "run:2", secret("nobody")), good[1]}, Refused, 0, []string{"secret-missing"}, "run:1"},
		"an external network that is absent":  {good, Refused, 0, []string{"network"}, "run:1"},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager", "worker")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(good...)), Runs, 1)
			next := specsOf(next(c.next)...)
			if slices.Contains(c.codes, "network") {
				next.External = []string{"edge"}
			}
			result := deploys(d, next)
			expect(t, result, c.outcome, c.release, c.codes...)
			if api := runningImages(m)["shop_api"]; api != c.api {
				t.Errorf("api runs %s, want %s", api, c.api)
			}
			if holders, err := d.Holders(context.Background()); err != nil || len(holders) > 0 {
				t.Errorf("the claim is still there: %v %v", holders, err)
			}
		})
	}
}

func next(services []swarm.ServiceSpec) []swarm.ServiceSpec { return services }

// A node may refuse a task for a reason that passes, such as a network that is being set
// up. Such a refusal gets as much patience as a crash. A reason that the file causes does
// not pass.
func TestRefusalThatPassesGetsPatience(t *testing.T) {
	for says, c := range map[string]struct {
		outcome Outcome
		release int
		codes   []string
	}{
		"invalid config for network shop_net: no configured subnet or ip-range contain the IP address": {Runs, 2, nil},
		"invalid mount config for type \"bind\": bind source path does not exist: /srv/data":           {PutBack, 1, []string{"task-rejected"}},
	} {
		virtual(t, says, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			m.refusals, m.refuse = 1, says
			expect(t, deploys(d, specsOf(service("api", "run:2", failure("continue")))), c.outcome, c.release, c.codes...)
		})
	}
}

// A service that runs only for a moment between two ends fails as soon as one that never
// runs, whether it is new or its rolling update has completed.
func TestServiceThatRunsForAMomentIsRed(t *testing.T) {
	for image, code := range map[string]string{"blink:1": "task-failed", "flash:1": "task-ended"} {
		virtual(t, image, func(t *testing.T) {
			d := newDeployer(t, newMemory("manager"))
			d.Settings.Converge = time.Minute
			began := time.Now()
			expect(t, deploys(d, specsOf(service("api", image))), Failed, 0, code)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			expect(t, deploys(d, specsOf(service("api", image, failure("continue")))), PutBack, 1, code)
			if took := time.Since(began); took > d.Settings.Converge/2 {
				t.Errorf("red after %s", took)
			}
		})
	}
}

func TestProblemCarriesNodeAndLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeployer(t, newMemory("manager"))
		result := deploys(d, specsOf(service("api", "crash:1")))
		expect(t, result, Failed, 0, "task-failed")
		p := result.Problems[0]
		if p.Service != "shop_api" || p.Node != "manager" || len(p.Log) != 1 || !strings.HasPrefix(p.Log[0], "the last words of task-") {
			t.Errorf("problem %+v", p)
		}
	})
}

func TestServiceOnANodeThatIsDownIsNamedAndNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		pinned := service("db", "run:1", on("node.hostname == worker"))
		expect(t, deploys(d, specsOf(service("api", "run:1"), pinned)), Runs, 1)
		m.node(t, "worker").Status.State = swarm.NodeStateDown
		expect(t, deploys(d, specsOf(service("api", "run:2"), pinned)), Runs, 2)
		if m.updates["shop_db"] != 0 {
			t.Error("the service that waits for its node got a new spec version")
		}
	})
}

// A global service has no task if its constraints fit no node. That is what was asked for,
// and it is reported.
func TestAGlobalServiceWithoutANodeIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, warnings := newDeployer(t, newMemory("manager", "worker")), 0
		d.Say = func(format string, args ...any) { warnings += strings.Count(format, "warning") }
		expect(t, deploys(d, specsOf(service("log", "run:1", global, on("node.labels.disk==fast")), service("api", "run:1"))), Runs, 1)
		status, err := d.Status(t.Context(), stack)
		if err != nil || warnings != 1 || status.Services[0].Reason != "" || status.Services[1].Reason == "" {
			t.Errorf("%d warnings; %+v, %v", warnings, status.Services, err)
		}
	})
}
