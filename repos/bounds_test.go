package repos

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"averazure/internal/release"
)

// number returns the only number in a file that a pattern matches.
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

// The pipeline waits as long as stackctl may take, or a deployment would be cut off
// while it puts the last good release back.
func TestPipelineWaitsAsLongAsADeploymentMayTake(t *testing.T) {
	const overhead = 60 // seconds: the connection, reading the file
	longest := int(release.Defaults().Longest().Seconds())
	pipeline := number(t, "stack-repo/scripts/deploy.sh", `DEPLOY_SECONDS:-([0-9]+)`)
	job := 60 * number(t, "stack-repo/.github/workflows/deploy.yml", `timeout-minutes: ([0-9]+)`)
	if pipeline < longest+overhead || job <= pipeline+overhead {
		t.Errorf("waiting and deploying may take %d s; the pipeline allows %d, its job %d", longest, pipeline, job)
	}
}

// Runs that wait for one another may start in another order. So each of them takes the
// branch as it is when the run starts.
func TestDeployTakesTheBranchAsItIs(t *testing.T) {
	text, err := os.ReadFile("stack-repo/.github/workflows/deploy.yml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "          ref: ${{ github.ref }}\n") || strings.Contains(string(text), "github.sha") {
		t.Error("the workflow checks out the commit that started it")
	}
}
