package stackctl

import (
	"maps"
	"strings"
	"testing"
)

func TestRollbackGoesFurtherBackEachTime(t *testing.T) {
	n := newNode(t)
	for _, image := range []string{"app:1", "app:2", "app:3"} {
		n.want(0, file(image), "deploy aver")
	}
	n.want(0, "", "rollback aver", "from release 3 to release 2")
	n.runs("app:2", 4, "pulumi")
	n.want(0, "", "rollback aver", "from release 4 to release 1")
	n.runs("app:1", 5, "pulumi")
	n.want(1, "", "rollback aver", "no release before")
}

// A rollback by the deploy key must not make stack-repo the owner of a file that
// it never deployed: the next `pulumi up` would silently leave its own undone.
func TestRollbackLeavesTheOwnerAsItIs(t *testing.T) {
	n := newNode(t)
	for _, image := range []string{"app:1", "app:2"} {
		n.want(0, file(image), "deploy aver")
	}
	n.door(0, "", "rollback aver", "release 3 runs")
	n.runs("app:1", 3, "pulumi")
	n.want(0, file("app:3"), "deploy aver")
	n.runs("app:3", 4, "pulumi")
}

// Killed before it could remove what it left, a rollback must not go forward
// the next time.
func TestRollbackThatWasKilledGoesFurtherBack(t *testing.T) {
	n := newNode(t)
	for _, image := range []string{"app:1", "app:2", "app:3"} {
		n.want(0, file(image), "deploy aver")
	}
	before := readWorld(n.dir).Configs
	n.want(0, "", "rollback aver", "from release 3 to release 2")
	n.change(func(w *world) {
		for _, c := range before {
			if strings.HasSuffix(c.Spec.Name, "-release-2") || strings.HasSuffix(c.Spec.Name, "-release-3") {
				w.Configs = append(w.Configs, c)
			}
		}
	})
	n.want(0, "", "rollback aver", "from release 4 to release 1")
	n.runs("app:1", 5, "pulumi")
}

func TestOldReleasesGo(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy aver")
	n.change(func(w *world) {
		for _, number := range []string{"2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
			for _, c := range w.Configs {
				if c.Spec.Name == "aver-release-1" {
					c.Spec.Name = "aver-release-" + number
					c.Spec.Labels = maps.Clone(c.Spec.Labels)
					c.Spec.Labels["averazure.release"] = number
					w.Configs = append(w.Configs, c)
				}
			}
		}
	})
	n.want(0, file("app:2"), "deploy aver")
	if r := n.status(); len(r.Releases) != 10 || r.Release.Number != 13 || r.Releases[0].Number != 4 {
		t.Errorf("releases %+v", r.Releases)
	}
}
