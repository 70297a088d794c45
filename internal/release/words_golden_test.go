package release

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"averazure/internal/golden"
)

// The output of a failed deployment as its caller sees it, for reading: UPDATE_GOLDEN=1 go
// test ./internal/release -run RedDeployment writes testdata/red.txt.
func TestRedDeploymentInWords(t *testing.T) {
	var said strings.Builder
	synctest.Test(t, func(t *testing.T) {
		d := newDeployer(t, newMemory("aver-manager", "aver-worker-1"))
		d.Say = func(format string, args ...any) { fmt.Fprintf(&said, "stackctl: "+format+"\n", args...) }
		web := service("web", "run:1")
		expect(t, deploys(d, specsOf(service("api", "run:1"), web)), Runs, 1)
		result := deploys(d, specsOf(service("api", "crash:2"), web))
		expect(t, result, PutBack, 1, "task-failed")
		fmt.Fprintf(&said, "stackctl: %s\n", result.Verdict)
	})
	golden.Compare(t, "red.txt", said.String())
}
