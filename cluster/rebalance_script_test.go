package cluster

import (
	"strings"
	"testing"
)

// The script ends as stackctl does. It says that the next update goes on if a deployment
// was under way or an hour has passed, but not if a service did not come up.
func TestRebalanceEndsAsStackctlDoes(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "")
	for status, test := range map[string]struct {
		ok   bool
		says string
	}{"0": {true, ""}, "1": {false, "node-1: "}, "3": {false, "'pulumi up'"}, "124": {false, "3600 s ... 'pulumi up'"}} {
		m.program("stackctl", "exit "+status)
		m.want(test.ok, test.says, "stackctl rebalance", "rebalance", "")
		if out, _ := m.run("rebalance", ""); strings.Contains(out, "pulumi up") != strings.Contains(test.says, "pulumi up") {
			t.Errorf("with status %s it says %q", status, out)
		}
	}
}
