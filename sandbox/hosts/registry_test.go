package hosts

import (
	"context"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
)

func TestARegistryIsReplacedOnlyIfUnusable(t *testing.T) {
	oldTime := registryTime
	registryTime = 300 * time.Millisecond
	t.Cleanup(func() { registryTime = oldTime })
	ca := authorityIn(t, t.TempDir())
	own := map[string]string{labelCA: ca.fingerprint()}
	for name, test := range map[string]struct {
		found         container.Summary
		kept, started bool
	}{
		"runs":                    {container.Summary{State: "running", Labels: own}, true, false},
		"runs, made by an old up": {container.Summary{State: "running"}, true, false},
		"never started":           {container.Summary{State: "created", Labels: own}, false, false},
		"of another authority":    {container.Summary{State: "running", Labels: map[string]string{labelCA: "other"}}, false, false},
		"stopped, and dumb":       {container.Summary{State: "exited", Labels: own}, false, true},
	} {
		r := room(t)
		fake := withEngine(t, r)
		test.found.ID = "c1"
		kept, err := r.keepRegistry(context.Background(), &test.found, ca)
		if _, started := fake.Changed("POST /containers/c1/start"); kept != test.kept || started != test.started || err != nil {
			t.Errorf("%s: kept %v, started %v, %v", name, kept, started, err)
		}
	}
}

func TestAnInterruptedStartDoesNotCostTheRegistry(t *testing.T) {
	r := room(t)
	withEngine(t, r)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	kept, err := r.keepRegistry(ended, &container.Summary{ID: "c1", State: "exited"}, authorityIn(t, t.TempDir()))
	if kept || err == nil {
		t.Errorf("kept %v, %v", kept, err)
	}
}
