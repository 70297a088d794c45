package cluster

import "testing"

// The script ends as stackctl does, and tells a deployment under way from a service that
// did not come up.
func TestRebalanceEndsAsStackctlDoes(t *testing.T) {
	m := newMachine(t, "")
	for status, test := range map[string]struct {
		ok   bool
		says string
	}{"0": {true, ""}, "1": {false, "the lines above"}, "3": {false, "a deployment is running"}} {
		m.program("stackctl", "exit "+status)
		m.want(test.ok, test.says, "stackctl rebalance", "rebalance", "")
	}
}
