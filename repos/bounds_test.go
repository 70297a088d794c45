package repos

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// number finds the one number in a file that a pattern names.
func number(t *testing.T, file, pattern string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindAllSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("%s has %d places with %s", file, len(found), pattern)
	}
	value, err := strconv.Atoi(string(found[0][1]))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Every bound leaves the inner ones the time they may take, or a deployment would
// be cut off while it puts the last good release back.
func TestBoundsOfADeploymentFitIntoEachOther(t *testing.T) {
	const base = "../cluster/scripts/stackctl/00-base.sh"
	lock := number(t, base, `STACKCTL_LOCK:-([0-9]+)`)
	converge := number(t, base, `STACKCTL_CONVERGE:-([0-9]+)`)
	lease := 2*converge + number(t, base, `2 \* converge_seconds \+ ([0-9]+)`)
	pipeline := number(t, "stack-repo/scripts/deploy.sh", `DEPLOY_SECONDS:-([0-9]+)`)
	job := 60 * number(t, "stack-repo/.github/workflows/deploy.yml", `timeout-minutes: ([0-9]+)`)
	program := number(t, "../stack/stack.go", `deployTime += ([0-9]+)`)
	const overhead = 100 // loading the file, recording the release
	// One deployment, and the way back.
	whole := 2*converge + overhead
	if lease <= whole {
		t.Errorf("the lease of %d s ends before a deployment of %d s", lease, whole)
	}
	if pipeline < lock+whole || program < lock+whole || job <= pipeline+overhead {
		t.Errorf("waiting and deploying may take %d s; the pipeline allows %d, its job %d, the program %d", lock+whole, pipeline, job, program)
	}
}

// Runs that wait for one another may begin in another order: each takes the
// branch as it is by then.
func TestDeployTakesTheBranchAsItIs(t *testing.T) {
	text, err := os.ReadFile("stack-repo/.github/workflows/deploy.yml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "          ref: ${{ github.ref }}\n") || strings.Contains(string(text), "github.sha") {
		t.Error("the workflow checks out the commit that started it")
	}
}
