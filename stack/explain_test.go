package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/recorder"
	"averazure/internal/release"
)

// A problem with an image is reported only once.
func TestAReasonIsReportedOnce(t *testing.T) {
	const reason = "service aver_site: image site:nope: manifest unknown"
	result, err := json.Marshal(release.Result{Outcome: release.PutBack, Verdict: "aver: the deployment failed (" + reason + "); release 3 runs again",
		Problems: []release.Problem{{Code: "image-missing", Service: "aver_site", Reason: reason}}})
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("Process exited with status 1: running %q:\n%s\n", "sudo stackctl", result)
	if got, want := explainDeploy(&pulumi.ErrorHookArgs{Errors: []string{said}}), reason+"\naver: the deployment failed; release 3 runs again"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The message about a failed deployment begins with the service, the node and the reason,
// and ends with what runs now.
func TestAFailedDeploymentSaysWhatMattersFirst(t *testing.T) {
	result, err := json.Marshal(release.Result{
		Stack: "aver", Outcome: release.PutBack, Release: 3, Verdict: "aver: the deployment failed; release 3 runs again",
		Problems: []release.Problem{
			{Code: "task-failed", Service: "aver_api", Node: "aver-worker-1", Reason: "exit 3", Log: []string{"no flux capacitor"}},
			{Code: "docker", Reason: "no answer"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	config := project(t)
	args := arguments(t, config)
	for said, want := range map[string]string{
		fmt.Sprintf("Process exited with status 1: running %q:\nstackctl: waiting\n%s\nstackctl: aver: it failed\n", "sudo stackctl # x", result): "error: service aver_api on aver-worker-1: exit 3\n  | no flux capacitor\nno answer\naver: the deployment failed; release 3 runs again",
		"Process exited with status 137: running \"x\":\nKilled\n":                                                                                "",
		"ssh: no": "",
	} {
		r := &recorder.Recorder{Fail: drift.CommandType, FailWith: said}
		if err := r.Run(func(ctx *pulumi.Context) error {
			_, err := New(ctx, "aver", args)
			return err
		}); err == nil {
			t.Fatal("the program went on as if nothing had happened")
		}
		logs := slices.DeleteFunc(r.Logs(), func(log string) bool { return len(log) < 6 || log[:6] != "error:" })
		if want == "" && len(logs) > 0 || want != "" && !slices.Equal(logs, []string{want}) {
			t.Errorf("%s: messages\n%q, want\n%q", said, logs, want)
		}
	}
}
