package e2e

import (
	"slices"
	"strings"
	"testing"

	"averazure/internal/release"
)

// TestDeploymentThatFailsIsPutBack tries each way in which a deployment over a good release
// can fail. Each ends with its code, the release before it runs again, and the service
// beside it is never touched.
func TestDeploymentThatFailsIsPutBack(t *testing.T) {
	registry := configValue(t, "averazure:registryServer") // before t.Parallel, because only one command at a time works on a sandbox
	t.Parallel()
	for name, try := range map[string]struct {
		web     small
		outcome release.Outcome
		code    string
		log     string
		top     string // additional top-level lines of the file
	}{
		"missing":   {small{more: []string{"image: " + registry + "/aver-api:0000000"}}, release.Refused, "image-missing", "", ""},
		"crash":     {small{script: "echo no flux capacitor; exit 3"}, release.PutBack, "task-failed", "no flux capacitor", ""},
		"sick":      {small{more: []string{"healthcheck: {test: ['CMD', 'false'], interval: 1s, retries: 1}"}}, release.PutBack, "unhealthy", "", ""},
		"homeless":  {small{deploy: "placement: {constraints: [node.labels.nowhere == yes]}"}, release.PutBack, "no-node", "", ""},
		"port":      {small{more: []string{"ports: ['443:80']"}}, release.PutBack, "service-refused", "", ""},
		"secret":    {small{more: []string{"secrets: [nobody]"}}, release.Refused, "secret-missing", "", "secrets: {nobody: {external: true}}"},
		"file":      {small{more: []string{"volumes: ['.:/here:ro']"}}, release.Refused, "file", "", ""},
		"continue":  {small{script: "echo goes on; exit 1", deploy: "update_config: {failure_action: continue, monitor: 2s}"}, release.PutBack, "task-failed", "goes on", ""},
		"ends":      {small{script: "echo no config, leaving; sleep 1", deploy: "restart_policy: {delay: 1s}"}, release.PutBack, "task-ended", "no config, leaving", ""},
		"forbidden": {small{more: []string{"env_file: /etc/shadow"}}, release.Refused, "file", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, "fail"+name)
			try.web.name = "web"
			s.deploy(t, fileOf(small{name: "web"}, small{name: "beside"}), release.Runs, 1)
			beside, version := s.running(t, "beside"), s.service(t, "beside").Version
			wanted := 1
			if try.outcome == release.Refused {
				wanted = 0
			}
			result := s.deploy(t, fileOf(small{name: "beside"}, try.web)+try.top, try.outcome, wanted, try.code)
			if try.log != "" && !strings.Contains(strings.Join(result.Problems[0].Log, "\n"), try.log) {
				t.Errorf("the log of the task is not shown: %+v", result.Problems)
			}
			s.mustBeWhole(t, 1)
			if last := s.status(t).LastAttempt; (last != nil) != (try.outcome == release.PutBack) || last != nil && !slices.Contains(last.Codes, try.code) {
				t.Errorf("status tells of the last attempt %+v", last)
			}
			if now := s.running(t, "beside"); !slices.Equal(now, beside) || len(now) != 1 || s.service(t, "beside").Version != version {
				t.Errorf("the service beside it was touched: tasks %v, then %v", beside, now)
			}
		})
	}
}

// TestWholeStackGoesBack lets one of four services fail: the others are put back with it,
// including one that came up well, one that was removed and one that is new.
func TestWholeStackGoesBack(t *testing.T) {
	t.Parallel()
	s := newStack(t, "failwhole")
	well := func(level string) small {
		return small{name: "well", more: []string{"environment: {LEVEL: " + level + "}", "networks: [back]"}}
	}
	const networks = "networks: {back: {}}\n"
	s.deploy(t, fileOf(small{name: "web"}, well("info"), small{name: "old", more: []string{"networks: [back]"}})+networks, release.Runs, 1)
	before := s.service(t, "well").Version.Index
	s.deploy(t, fileOf(small{name: "web", script: "sleep 3; exit 3", deploy: "update_config: {failure_action: continue, monitor: 1s}"}, well("debug"), small{name: "new"})+networks,
		release.PutBack, 1, "task-failed")
	back := s.service(t, "well")
	if !slices.Contains(back.Spec.TaskTemplate.ContainerSpec.Env, "LEVEL=info") {
		t.Errorf("what came up well was left as it is: %v", back.Spec.TaskTemplate.ContainerSpec.Env)
	}
	if back.Version.Index < before+2 {
		t.Error("it was never changed, which proves nothing")
	}
	s.mustHave(t, []string{"failwhole_old", "failwhole_web", "failwhole_well"}, []string{"failwhole_back", "failwhole_default"})
	s.mustBeWhole(t, 1)
}

// TestFirstDeploymentThatFails: there is no earlier release to put back.
func TestFirstDeploymentThatFails(t *testing.T) {
	registry := configValue(t, "averazure:registryServer")
	t.Parallel()
	for name, try := range map[string]struct {
		web  small
		code string
	}{
		"missing": {small{more: []string{"image: " + registry + "/aver-api:0000000"}}, "image-missing"},
		// A task that waits for its restart counts as failed, even if there is only one
		// node and the wait is long.
		"global": {small{script: "echo cannot start; exit 1", deploy: "mode: global, restart_policy: {delay: 10s}"}, "task-failed"},
		"ends":   {small{script: "echo no config, leaving; sleep 1", deploy: "restart_policy: {delay: 1s}"}, "task-ended"},
		// A failure after which no restart follows is reported at once, whatever the
		// patience is.
		"once": {small{script: "exit 4", deploy: "restart_policy: {condition: none}"}, "task-failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, "first"+name)
			if try.web.name = "web"; name == "once" {
				s.bounds = bounds{converge: "5m", patience: "4m"}
			}
			result := s.deploy(t, fileOf(try.web), release.Failed, 0, try.code)
			if result.Seconds > 30 {
				t.Errorf("red after %.0f s", result.Seconds)
			}
			if status := s.status(t); status.InSync || status.Release != nil {
				t.Errorf("status %+v", status)
			}
		})
	}
}

// A global service whose update makes every task crash fails the deployment.
func TestUpdateOfAGlobalServiceThatCrashesIsPutBack(t *testing.T) {
	t.Parallel()
	s := newStack(t, "failglobal")
	const deploy = "mode: global, restart_policy: {delay: 10s}, update_config: {failure_action: continue, monitor: 1s}"
	s.deploy(t, fileOf(small{name: "agent", deploy: deploy}), release.Runs, 1)
	s.deploy(t, fileOf(small{name: "agent", deploy: deploy, script: "exit 1"}), release.PutBack, 1, "task-failed")
	s.mustBeWhole(t, 1)
}
