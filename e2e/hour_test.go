package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// whatRuns are the specs of all services and the tasks that should run. Services that no
// deployment has touched keep both.
func whatRuns(t *testing.T) string {
	t.Helper()
	return box.exec(t, first, "sh", "-ec", `for service in $(docker service ls --quiet | sort); do
		docker service inspect --format '{{.Spec.Name}} {{json .Spec}}' "$service"
		docker service ps --no-trunc --quiet --filter desired-state=running "$service" | sort
	done`)
}

// TestLongFirstReleaseIsAPush follows steps 4 and 5 of docs/delivery.md in a fresh sandbox:
// an up that makes the VMs and deploys nothing, the first release by a push, and then an up
// that may deploy and finds nothing to change.
func TestLongFirstReleaseIsAPush(t *testing.T) {
	isLong(t)
	fresh := func(settings ...string) {
		t.Helper()
		if err := box.down(context.Background()); err != nil {
			t.Fatal(err)
		}
		box.forget()
		if _, err := box.run(context.Background(), 25*time.Minute, append([]string{"up"}, settings...)...); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		fresh("--config", "averazure:managers=3", "--config", "averazure:workers=0")
		box.forget()
	})
	fresh("--config", "averazure:stackDeploy=false", "--config", "averazure:appContext=", "--config", "averazure:workers=1")
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if services := box.exec(t, first, "docker", "service", "ls", "--quiet"); services != "" || f.outputs.APIURL == "" || f.outputs.ImageDigest != "" {
		t.Errorf("up made the services %q and the image %q, and says that the API is at %q", services, f.outputs.ImageDigest, f.outputs.APIURL)
	}
	box.mustRun(t, "preview", "--expect-no-changes")

	p := &pipeline{bare: map[string]string{}, delivered: map[string]map[string]string{}, env: dockerEnv()}
	p.code, p.stack = p.repository(t, owner, "code-repo"), p.repository(t, owner, "stack-repo")
	p.image = p.delivered["code-repo"]["vars.IMAGE"]
	p.mustRelease(t)
	p.mustDeploy(t)
	message(t, greeting)
	from := func(when string) {
		t.Helper()
		status, err := f.status(t.Context(), first)
		if err != nil || status.Release == nil || status.Release.From != release.FromStackRepo || !status.InSync || !status.Healthy {
			t.Fatalf("%s: %+v, %v", when, status, err)
		}
		if image := status.Release.Images["aver_api"]; !strings.HasPrefix(image, p.image+":"+p.head(t, "code-repo")[:7]) {
			t.Errorf("%s the API runs %s, want %s of the commit that was pushed", when, image, p.image)
		}
	}
	from("after the push")
	before := whatRuns(t)
	box.mustRun(t, "preview", "--expect-no-changes")

	// As `make setup` does after stack-repo has deployed.
	watch := watchAnswers(f.outputs.APIURL)
	box.mustRun(t, "up", "--config", "averazure:stackDeploy=true")
	mustAnswer(t, "the up that may deploy", watch.stop())
	from("after the up that may deploy")
	if after := whatRuns(t); after != before {
		t.Errorf("the up has changed what runs, from\n%s\nto\n%s", before, after)
	}
	box.mustRun(t, "preview", "--expect-no-changes")

	// Later pushes still deploy as before.
	p.say(t, "Pushed in the second hour")
	p.mustRelease(t)
	p.mustDeploy(t)
	message(t, "Pushed in the second hour")
}
