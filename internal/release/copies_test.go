package release

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// removeByHand removes a service and then its config, as a person would by hand.
func (s *site) removeByHand(service, config string) {
	s.t.Helper()
	for _, one := range slices.Clone(s.m.services) {
		if one.Spec.Name == service {
			if err := s.m.ServiceRemove(s.t.Context(), one.ID); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for _, one := range slices.Clone(s.m.configs) {
		if one.Spec.Labels[stackfile.LabelFile] == config {
			if err := s.m.ConfigRemove(s.t.Context(), one.ID); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// Whatever brings a release up makes a removed config again as it was.
func TestConfigThatIsGoneIsMadeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		bring   func(*site) Result
		outcome Outcome
		release int
		codes   []string
		runs    string
	}{
		"healing":  {func(s *site) Result { return s.d.Reconcile(s.t.Context(), stack) }, Runs, 2, nil, "two"},
		"rollback": {func(s *site) Result { return s.d.Rollback(s.t.Context(), stack, 0) }, Runs, 3, nil, "one"},
		"put back": {func(s *site) Result {
			return deploys(s.d, specsOf(service("edge", "crash:1")))
		}, PutBack, 2, []string{"task-failed"}, "two"},
		"deployment": {func(s *site) Result { return s.deploy("two", "db1", "p1") }, Runs, 2, nil, "two"},
	} {
		virtual(t, name, func(t *testing.T) {
			s := newSite(t)
			expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
			expect(t, s.deploy("two", "db1", "p1"), Runs, 2)
			made := map[string]swarm.ConfigSpec{}
			for _, config := range s.m.configs {
				made[config.Spec.Name] = config.Spec
			}
			s.removeByHand("shop_edge", "shop_caddy")
			expect(t, c.bring(s), c.outcome, c.release, c.codes...)
			s.expect("services", s.runs(), []string{"config " + c.runs, "secret db1", "secret p1"})
			for _, config := range s.m.configs {
				if config.Spec.Labels[stackfile.LabelFile] != "" && !sameJSON(config.Spec, made[config.Spec.Name]) {
					t.Errorf("made again as %+v, was %+v", config.Spec, made[config.Spec.Name])
				}
			}
			if again := s.d.Reconcile(t.Context(), stack); again.Outcome != Runs || s.d.Remove(t.Context(), stack).Outcome != Runs {
				t.Errorf("%+v", again)
			}
			if len(s.m.configs) > 0 {
				t.Errorf("after the removal of the stack: %+v", s.m.configs)
			}
		})
	}
}

// A release from before copies existed, or from a backup, gets copies as soon as something
// brings it up. A copy does not outlive the releases that name its config.
func TestConfigsHaveACopyAsLongAsAReleaseNamesThem(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		s.d.Settings.Keep = 2
		copies := func() (values []string) {
			for _, config := range s.m.configs {
				if config.Spec.Labels[labelCopy] != "" {
					values = append(values, string(config.Spec.Data))
				}
			}
			slices.Sort(values)
			return values
		}
		for number, caddy := range []string{"one", "two", "three"} {
			expect(t, s.deploy(caddy, "db1", "p1"), Runs, number+1)
		}
		s.expect("copies", copies(), []string{"three", "two"})
		s.m.configs = slices.DeleteFunc(s.m.configs, func(c swarm.Config) bool { return c.Spec.Labels[labelCopy] != "" })
		byHand(s.m, "shop_edge", scaled(5))
		expect(t, s.d.Reconcile(t.Context(), stack), Runs, 3)
		s.expect("copies", copies(), []string{"three"})
	})
}

// A config of the largest size that Docker accepts has a copy, too, with a name that Docker
// accepts.
func TestCopiesFitIntoDocker(t *testing.T) {
	spec := swarm.ConfigSpec{Annotations: swarm.Annotations{Name: strings.Repeat("n", 64), Labels: map[string]string{"a": "b"}},
		Data: bytes.Repeat([]byte{'x'}, configLimit-1), Templating: &swarm.Driver{Name: "golang"}}
	second, err := copyOf(stack, spec)
	if err != nil || len(second.Data) >= configLimit || len(second.Name) > 64 || second.Labels[labelNamespace] != "" {
		t.Errorf("%v: %s has %d bytes and %v", err, second.Name, len(second.Data), second.Labels)
	}
	if back, err := original(swarm.Config{Spec: second}); err != nil || !sameJSON(back, spec) {
		t.Errorf("%v: came back as %s", err, back.Name)
	}
}
