package release

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// Configs and secrets, too, are named before they are removed.
func TestFormerContentsAreNamedBeforeTheyGo(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		s.d.Settings.Keep = 1
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		there := func() (names []string) {
			s.m.mutex.Lock()
			defer s.m.mutex.Unlock()
			for _, config := range s.m.configs {
				if config.Spec.Labels[stackfile.LabelFile] != "" {
					names = append(names, config.Spec.Name)
				}
			}
			for _, secret := range s.m.secrets {
				names = append(names, secret.Spec.Name)
			}
			return names
		}
		former := there()
		var named []string
		s.d.Say = func(format string, args ...any) {
			for _, name := range former {
				if slices.Contains(strings.Fields(fmt.Sprintf(format, args...)), name) && slices.Contains(there(), name) {
					named = append(named, name)
				}
			}
		}
		expect(t, s.deploy("two", "db2", "p2"), Runs, 2)
		s.expect("left", s.has(), []string{"config two", "secret db2", "secret p2"})
		slices.Sort(former)
		slices.Sort(named)
		if len(former) != 3 || !slices.Equal(named, former) {
			t.Errorf("named while it was there: %q, of %q", named, former)
		}
	})
}

// Another stack's contents are not touched, nor are configs and secrets that somebody made
// by hand.
func TestContentsOfOthersStay(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		other := stackfile.LabelFile
		s.m.configs = append(s.m.configs, swarm.Config{ID: "x", Spec: swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "web_c-1", Labels: map[string]string{other: "web_c", labelNamespace: "web"}}, Data: []byte("web")}},
			swarm.Config{ID: "y", Spec: swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "shop_c", Labels: map[string]string{labelNamespace: stack}}}})
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		expect(t, s.d.Remove(context.Background(), stack), Runs, 0)
		s.expect("others", s.has(), []string{"config web"})
		if !slices.ContainsFunc(s.m.configs, func(c swarm.Config) bool { return c.ID == "y" }) {
			t.Error("a config of somebody's own was removed")
		}
	})
}
