package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"

	"averazure/internal/release"
)

// A service that does its work once and ends counts as done, in the first deployment and in
// the next.
func TestServiceThatEndsItsWorkIsDone(t *testing.T) {
	t.Parallel()
	s := newStack(t, "once")
	once := []small{
		{name: "migrate", script: "echo migrated", deploy: "restart_policy: {condition: on-failure}"},
		{name: "index", script: "sleep 1", deploy: "restart_policy: {condition: none}"},
		{name: "web"},
	}
	s.deploy(t, fileOf(once...), release.Runs, 1)
	done := s.service(t, "migrate").Version
	once[2].more = []string{"environment: {LEVEL: debug}"}
	if result := s.deploy(t, fileOf(once...), release.Runs, 2); result.Seconds > 60 { // with patience: it was ten minutes
		t.Errorf("took %.0f s", result.Seconds)
	}
	if s.service(t, "migrate").Version != done {
		t.Error("what is done was begun again")
	}
	s.mustBeWhole(t, 2)
}

func TestEveryKindOfServiceRuns(t *testing.T) {
	t.Parallel()
	s := newStack(t, "kinds")
	file := fileOf(
		small{name: "none", deploy: "replicas: 0"},
		small{name: "global", deploy: "mode: global"},
		small{name: "job", script: "sleep 1", deploy: "mode: replicated-job, replicas: 2"},
		small{name: "limited", more: []string{"ulimits: {core: 0, nofile: {soft: 100, hard: 200}}"}},
	)
	s.deploy(t, file, release.Runs, 1)
	want := map[string]release.ServiceStatus{
		"kinds_none": {}, "kinds_global": {Desired: 1, Running: 1}, "kinds_job": {Desired: 2, Done: 2}, "kinds_limited": {Desired: 1, Running: 1},
	}
	for _, service := range s.status(t).Services {
		if w := want[service.Name]; service.Desired != w.Desired || service.Running != w.Running || service.Done != w.Done || service.State != "up" {
			t.Errorf("want %+v: %+v", w, service)
		}
	}
	limits := map[string][2]int64{}
	for _, limit := range s.service(t, "limited").Spec.TaskTemplate.ContainerSpec.Ulimits {
		limits[limit.Name] = [2]int64{limit.Soft, limit.Hard}
	}
	if core, known := limits["core"]; !known || core != [2]int64{0, 0} || limits["nofile"] != [2]int64{100, 200} {
		t.Errorf("limits %v", limits)
	}
	s.mustBeWhole(t, 1)
}

// A file with an old version line at the top means what Docker takes it to mean.
func TestOldVersionLineIsAccepted(t *testing.T) {
	t.Parallel()
	s := newStack(t, "oldfile")
	s.deploy(t, "version: '3.4'\n"+fileOf(small{name: "web", more: []string{"networks: [aver_net]"}})+"networks: {aver_net: {external: true}}\n", release.Runs, 1)
	s.mustBeWhole(t, 1)
}

// A removed stack can be deployed again at once, with its network.
func TestDeploymentRightAfterRemoval(t *testing.T) {
	t.Parallel()
	s := newStack(t, "again")
	file := fileOf(small{name: "web", more: []string{"networks: [back]"}}) + "networks: {back: {}}\n"
	for range 2 {
		s.deploy(t, file, release.Runs, 1)
		if result := s.ask(t, "", "remove", s.name); result.Outcome != release.Runs {
			t.Fatalf("remove: %+v", result)
		}
	}
	s.deploy(t, file, release.Runs, 1)
	s.mustBeWhole(t, 1)
}

// Docker silently ignores changes to an existing network, so stackctl refuses them.
func TestChangedNetworkIsRefused(t *testing.T) {
	t.Parallel()
	s := newStack(t, "walls")
	file := fileOf(small{name: "web", more: []string{"networks: [back]"}})
	s.deploy(t, file+"networks: {back: {driver: overlay}}\n", release.Runs, 1)
	for _, options := range []string{"driver: overlay, internal: true", "ipam: {config: [{subnet: 10.77.0.0/24}]}", "labels: {tier: back}",
		"driver_opts: {com.docker.network.driver.mtu: '1400'}"} {
		s.deploy(t, file+"networks: {back: {"+options+"}}\n", release.Refused, 0, "network")
	}
	s.mustBeWhole(t, 1)
}

// TestTwoStacksDoNotWaitForEachOther also checks what is reported about a stack while it is
// deployed.
func TestTwoStacksDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	slow, quick := newStack(t, "slow"), newStack(t, "quick")
	file := fileOf(small{name: "web", more: []string{"healthcheck: {test: ['CMD', 'test', '-e', '/tmp/go'], interval: 1s, retries: 300}"}})
	done := make(chan release.Result, 1)
	go func() { done <- slow.ask(t, file, "deploy", slow.name) }()
	eventually(t, 20*time.Second, "the slow deployment's beginning", func() (bool, string) {
		holder := slow.status(t).Deploying
		return holder != nil && holder.Stack == "slow" && holder.Host == "aver-manager", ""
	})
	quick.deploy(t, fileOf(small{name: "web"}), release.Runs, 1)
	slow.expect(t, slow.ask(t, "", "idle"), release.Busy, 0, "busy")
	if len(done) > 0 {
		t.Fatal("the slow one was over before the quick one")
	}
	id := slow.container(t, "web")
	box.exec(t, "aver-manager", "docker", "exec", id, "touch", "/tmp/go")
	slow.expect(t, <-done, release.Runs, 1)
}

// container is the id of the container of a service's only task.
func (s *smallStack) container(t *testing.T, name string) (id string) {
	t.Helper()
	eventually(t, 20*time.Second, "a container of "+name, func() (bool, string) {
		id = strings.TrimSpace(box.exec(t, "aver-manager", "docker", "ps", "-q", "--filter", "label=com.docker.swarm.service.name="+s.name+"_"+name))
		return id != "" && !strings.Contains(id, "\n"), id
	})
	return id
}

// A rolling update that is slow by its own settings may take longer than the limit of an
// ordinary deployment, and reports its progress meanwhile.
func TestSlowUpdateTakesItsTime(t *testing.T) {
	t.Parallel()
	s := newStack(t, "rolling")
	file := func(level string) string {
		return fileOf(small{name: "web", deploy: "replicas: 3, update_config: {parallelism: 1, delay: 8s, monitor: 5s}", more: []string{"environment: {LEVEL: " + level + "}"}})
	}
	s.deploy(t, file("info"), release.Runs, 1)
	s.bounds.converge = "20s"
	done := make(chan release.Result, 1)
	go func() { done <- s.ask(t, file("debug"), "deploy", s.name) }()
	eventually(t, 20*time.Second, "the update under way", func() (bool, string) {
		services := s.status(t).Services
		text, _ := json.Marshal(services)
		return len(services) == 1 && services[0].Update == "updating" && services[0].State == "starting", string(text)
	})
	for far := 1; far < 3; far++ { // one after another
		eventually(t, 30*time.Second, fmt.Sprintf("%d of 3 tasks are new", far), func() (bool, string) {
			service := s.status(t).Services[0]
			return service.Updated == far && service.Desired == 3, fmt.Sprintf("%+v", service)
		})
	}
	result := <-done
	s.expect(t, result, release.Runs, 2)
	if result.Seconds < 22 {
		t.Errorf("took %.0f s, which proves nothing", result.Seconds)
	}
}

// TestReleases checks what is kept, what is removed with a release, and the ways back to
// one.
func TestReleases(t *testing.T) {
	t.Parallel()
	s := newStack(t, "history")
	web := func(level string) small {
		return small{name: "web", more: []string{"environment: {LEVEL: " + level + "}", "networks: [front]"}}
	}
	both := "networks: {front: {}, back: {}}\n"
	s.deploy(t, fileOf(web("one"), small{name: "old", more: []string{"networks: [back]", "volumes: ['data:/data']"}})+both+"volumes: {data: {}}\n", release.Runs, 1)
	s.expect(t, s.ask(t, fileOf(web("two"))+"networks: {front: {}}\n", "deploy", s.name, "--revision", "0123abc", "--actor", "ada"), release.Runs, 2)
	// The node keeps a removed network and the volume until the last task has stopped.
	eventually(t, time.Minute, "the network history_back is gone", func() (bool, string) {
		left := box.exec(t, "aver-manager", "docker", "network", "ls", "--quiet", "--filter", "name=history_back")
		return left == "", left
	})
	s.mustHave(t, []string{"history_web"}, []string{"history_front"})
	if volumes := box.exec(t, "aver-manager", "docker", "volume", "ls", "-q"); !strings.Contains(volumes, "history_data") {
		t.Error("the volume is gone")
	}
	eventually(t, time.Minute, "the stopped container lets go of the volume", func() (bool, string) {
		out, err := box.tryExec(t.Context(), "aver-manager", "docker", "volume", "rm", "-f", "history_data")
		return err == nil, out
	})
	list := s.releases(t)
	if len(list) != 2 || list[1].By != release.ByPerson || list[1].From != release.FromPulumi || list[1].Revision != "0123abc" || list[1].Actor != "ada" ||
		time.Since(list[1].Time) > 5*time.Minute || !strings.HasPrefix(list[1].Images["history_web"], image+"@sha256:") {
		t.Errorf("releases %+v", list)
	}
	s.deploy(t, fileOf(web("three"))+"networks: {front: {}}\n", release.Runs, 3)
	s.expect(t, s.ask(t, "", "rollback", s.name), release.Runs, 4)
	s.mustSay(t, "LEVEL=two")
	if list = s.releases(t); len(list) != 2 || list[1].Number != 4 || list[1].By != release.ByRollback || list[1].Revision != "0123abc" {
		t.Errorf("releases after a rollback %+v", list)
	}
	s.expect(t, s.ask(t, "", "rollback", s.name, "3"), release.Refused, 0, "no-release")
	s.expect(t, s.ask(t, "", "rollback", s.name, "1"), release.Runs, 5)
	s.mustSay(t, "LEVEL=one")
	s.mustHave(t, []string{"history_old", "history_web"}, []string{"history_back", "history_front"})
	s.expect(t, s.ask(t, "", "rollback", s.name), release.Refused, 0, "no-release")
	s.mustBeWhole(t, 5)
}

func (s *smallStack) releases(t *testing.T) []release.ReleaseStatus {
	t.Helper()
	var answer release.ReleaseList
	stackctl(t, s.bounds, &answer, "", "releases", s.name)
	return answer.Releases
}

func (s *smallStack) mustSay(t *testing.T, variable string) {
	t.Helper()
	if have := s.service(t, "web").Spec.TaskTemplate.ContainerSpec.Env; !slices.Contains(have, variable) {
		t.Errorf("web has %v, want %s", have, variable)
	}
}

// mustHave expects the stack to have exactly these services and networks.
func (s *smallStack) mustHave(t *testing.T, services, networks []string) {
	t.Helper()
	var have []string
	for _, service := range s.status(t).Services {
		have = append(have, service.Name)
	}
	if slices.Sort(have); !slices.Equal(have, services) {
		t.Errorf("services %v, want %v", have, services)
	}
	list, err := s.docker.NetworkList(context.Background(), network.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	have = nil
	for _, n := range list {
		if strings.HasPrefix(n.Name, s.name+"_") {
			have = append(have, n.Name)
		}
	}
	if slices.Sort(have); !slices.Equal(have, networks) {
		t.Errorf("networks %v, want %v", have, networks)
	}
}
