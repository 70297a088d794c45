package infra

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// A manager that does not answer is left as it is only where somebody named another one as
// the door. The run reports it.
func TestASilentManagerIsLeftWhereSomebodyNamedTheDoor(t *testing.T) {
	for door, want := range map[string]bool{"": false, "aver-manager": false, "aver-manager-2": true} {
		c := full()
		c.Door = door
		r := &recorder.Recorder{}
		if err := r.Run(func(ctx *pulumi.Context) error {
			made, err := New(ctx, c.Prefix, Args{Config: c, Now: moment, Drift: drift.Fixed(nil, "aver-manager")})
			if err != nil {
				return err
			}
			for i, h := range made.Hosts {
				if h.Silent != (want && i == 0) {
					t.Errorf("door %q: %s is left: %v", door, h.Name, h.Silent)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if said := len(r.Logs()) > 0; said != want {
			t.Errorf("door %q: %q", door, r.Logs())
		}
	}
}
