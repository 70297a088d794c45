package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// message waits until every one of a few answers in a row has the text.
func message(t *testing.T, want string) {
	t.Helper()
	url := box.outputs(t).APIURL
	eventually(t, time.Minute, fmt.Sprintf("the API saying %q", want), func() (bool, string) {
		last := ""
		for range 4 {
			_, body, err := tryGet(url)
			if last = fmt.Sprint(body, err); !strings.Contains(body, want) {
				return false, last
			}
		}
		return true, last
	})
}

func TestPushBecomesARunningServiceAndARevertTakesItBack(t *testing.T) {
	p := newPipeline(t, owner)
	watch := watchAnswers(box.outputs(t).APIURL)
	p.say(t, "Bonjour de aver")
	processes, pushed := watchProcesses(), time.Now()
	release := p.mustRelease(t)
	deploy := p.mustDeploy(t)
	message(t, "Bonjour de aver")
	running := time.Now()
	mustHide(t, "a command line or a log", append(processes.stop(), release.log.String(), deploy.log.String(), deploy.summary()))
	split := splitTime(t, pushed, running, release.log, deploy.log)
	t.Log(split)
	if limit := 5 * time.Second; split.ours > limit {
		t.Errorf("%s of it are ours, want under %s", split.ours, limit)
	}

	box.mustRun(t, "up") // up does not change what stack-repo deployed
	message(t, "Bonjour de aver")

	git(t, p.stack, "pull", "-q", "origin", "main")
	git(t, p.stack, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "revert", "--no-edit", "HEAD")
	git(t, p.stack, "push", "-q", "origin", "HEAD:main")
	p.mustDeploy(t)
	message(t, greeting)
	if s := watch.stop(); s.failed > 0 {
		t.Errorf("during the two deployments: %s", s)
	}
}

// TestTwoPushesAtTheSameTimeBothEndWell runs the pipelines of two commits at the same time,
// although GitHub would queue them: both images are built and pushed at once, both
// pipelines push to stack-repo, and the second deployment starts while the first one runs.
func TestTwoPushesAtTheSameTimeBothEndWell(t *testing.T) {
	p := newPipeline(t, owner)
	start := p.head(t, "stack-repo")
	p.say(t, "The first of two")
	first := p.newRun(t, "code-repo", p.head(t, "code-repo"))
	p.edit(t, filepath.Join(p.code, "api.go"), "The first of two", "The second of two")
	p.push(t, p.code, "Say the second of two")
	second := p.newRun(t, "code-repo", p.head(t, "code-repo"))

	both(t, p.release, first, second, func() bool { return first.log.String() != "" })
	commits := strings.Fields(git(t, p.bare["stack-repo"], "rev-list", "--reverse", start+"..main"))
	if len(commits) == 0 {
		t.Fatal("stack-repo was not pushed to")
	}
	// If the second pipeline was faster, the first one had nothing left to commit.
	watch := watchAnswers(box.outputs(t).APIURL)
	both(t, p.deploy, p.newRun(t, "stack-repo", commits[0]), p.newRun(t, "stack-repo", commits[len(commits)-1]), func() bool {
		return strings.Contains(box.exec(t, "aver-manager", "docker", "config", "ls", "--format", "{{.Name}}"), "aver-deploying")
	})
	message(t, "The second of two")
	if s := watch.stop(); s.failed > 0 {
		t.Errorf("meanwhile: %s", s)
	}
	t.Logf("stack-repo got %d commits", len(commits))
}

// both runs two jobs at the same time: the second begins once the first is under way.
func both(t *testing.T, job func(*runner) error, first, second *runner, underWay func() bool) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- job(first) }()
	eventually(t, time.Minute, "the first run's beginning", func() (bool, string) {
		return underWay() || len(done) > 0, first.log.String()
	})
	if err := errors.Join(job(second), <-done); err != nil {
		t.Fatalf("%v\nfirst:\n%s\nsecond:\n%s", err, first.log, second.log)
	}
}

// TestBrokenImageTurnsTheDeploymentRedAndTheOldOneAnswersOn tries both ways in which an
// image can be broken: it does not exist, or it does not start.
func TestBrokenImageTurnsTheDeploymentRedAndTheOldOneAnswersOn(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		p := newPipeline(t, owner)
		p.setImage(t, "0000000")
		p.push(t, p.stack, "Run an image that nobody pushed")
		mustFail(t, p, "image-missing", "0000000")
	})
	t.Run("missing on the manager", func(t *testing.T) {
		p := newPipeline(t, owner)
		p.setImage(t, "0000000")
		p.edit(t, filepath.Join(p.stack, ".github/workflows/deploy.yml"), "IMAGE: ${{ vars.IMAGE }}", `IMAGE: ""`)
		p.push(t, p.stack, "Run an image that nobody pushed, unasked")
		mustFail(t, p, "refused", "aver_api", "0000000")
	})
	t.Run("crashing", func(t *testing.T) {
		p := newPipeline(t, owner)
		p.edit(t, filepath.Join(p.code, "main.go"), "\tcfg := loadConfig(os.Getenv)\n",
			"\tcfg := loadConfig(os.Getenv)\n\tfmt.Fprintln(os.Stderr, \"no flux capacitor\")\n\tos.Exit(3)\n")
		p.push(t, p.code, "Need a part that is not there")
		p.mustRelease(t)
		mustFail(t, p, "put-back", "aver_api", "no flux capacitor")
	})
}

// mustFail runs stack-repo's pipeline. It has to fail with the code and name the reasons in
// its log and on its page, and the service has to answer all the while.
func mustFail(t *testing.T, p *pipeline, code string, reasons ...string) {
	t.Helper()
	began := time.Now()
	watch := watchAnswers(box.outputs(t).APIURL)
	r := p.newRun(t, "stack-repo", p.head(t, "stack-repo"))
	err := p.deploy(r)
	message(t, greeting)
	answers := watch.stop()
	if got := codeIn(r.outputs()); err == nil || got != code {
		t.Errorf("the deployment ends with the code %q (%v), want %q:\n%s", got, err, code, r.log)
	}
	mustSay(t, r.log.String(), reasons...)
	mustSay(t, r.summary(), reasons...)
	if answers.asked == 0 || answers.failed > 0 {
		t.Errorf("during the deployment: %s", answers)
	}
	t.Logf("red after %s; meanwhile %s", time.Since(began).Round(time.Second/10), answers)
}

// mustHide fails if one of the texts contains a secret.
func mustHide(t *testing.T, where string, texts []string) {
	t.Helper()
	secrets := secretValues(t)
	for _, text := range texts {
		if found := reveal(secrets, text); len(found) > 0 {
			t.Errorf("%v stands in %s: %.80s...", found, where, text)
		}
	}
}

func mustSay(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

func TestManagerWithAnotherHostKeyIsNotDeployedTo(t *testing.T) {
	p := newPipeline(t, owner)
	r := p.newRun(t, "stack-repo", p.head(t, "stack-repo"))
	r.values["vars.MANAGER_HOST_KEY"] = strings.TrimSpace(box.exec(t, "aver-worker-1", "cat", "/etc/ssh/ssh_host_ed25519_key.pub"))
	if err := p.deploy(r); err == nil {
		t.Errorf("the deployment is green:\n%s", r.log)
	}
	mustSay(t, r.summary(), "MANAGER_HOST_KEY", "Host key verification failed")
}

// TestSlowUpLeavesWhatStackRepoDeployed tries both settings of stackDeploy and the change
// between them. In that change the program hands its own stack file, with the old image, to
// the manager.
func TestSlowUpLeavesWhatStackRepoDeployed(t *testing.T) {
	isSlow(t)
	p := newPipeline(t, owner)
	t.Cleanup(func() { box.mustRun(t, "up", "--config", "averazure:stackDeploy=true") })
	p.say(t, "Deployed by stack-repo")
	p.mustRelease(t)
	p.mustDeploy(t)
	for _, setting := range []string{"true", "false", "true"} {
		box.mustRun(t, "up", "--config", "averazure:stackDeploy="+setting)
		message(t, "Deployed by stack-repo")
	}
	// The same when the pipeline starts under the other setting.
	box.mustRun(t, "up", "--config", "averazure:stackDeploy=false")
	git(t, p.stack, "pull", "-q", "origin", "main")
	p.edit(t, filepath.Join(p.stack, "stack.yml"), "parallelism: 1", "parallelism: 2")
	p.push(t, p.stack, "Update both at a time")
	p.mustDeploy(t)
	box.mustRun(t, "up", "--config", "averazure:stackDeploy=false")
	box.mustRun(t, "preview", "--expect-no-changes", "--config", "averazure:stackDeploy=false")
	parallelism := box.exec(t, "aver-manager", "docker", "service", "inspect", "aver_api", "--format", "{{.Spec.UpdateConfig.Parallelism}}")
	if strings.TrimSpace(parallelism) != "2" {
		t.Errorf("%s tasks are updated at a time, stack-repo deployed 2", parallelism)
	}
	message(t, "Deployed by stack-repo")
}

// TestRotatedDeployKeyReachesStackRepo: the new key arrives where the pipeline reads it and
// can deploy, and the old key no longer logs in.
func TestRotatedDeployKeyReachesStackRepo(t *testing.T) {
	before := delivered(t, "stack-repo")
	box.mustRun(t, "pulumi", "--", "up", "--yes", "--replace", "**PrivateKey::aver-deploy-key")
	box.forget()
	after := delivered(t, "stack-repo")
	if key := after[deployKey]; key == before[deployKey] || key != box.outputs(t).DeployPrivateKey {
		t.Fatal("stack-repo has not got the new key")
	}
	if client, err := managerSSH(t, before["vars.SSH_USER"], before[deployKey]); err == nil {
		client.Close()
		t.Error("the old key still logs in")
	}
	newPipeline(t, owner).mustDeploy(t)
}

// TestWorkflowsSignInAsAnApplicationOfTheirOwn checks the application and the credential
// that were registered with Entra.
func TestWorkflowsSignInAsAnApplicationOfTheirOwn(t *testing.T) {
	deployer := box.outputs(t).all["deployerClientId"]
	if deployer == "" || deployer == box.outputs(t).all["clientId"] {
		t.Errorf("the deployer's client id is %q", deployer)
	}
	for _, r := range stateResources(t) {
		if strings.HasSuffix(r.Type, "ApplicationFederatedIdentityCredential") {
			if r.Outputs["subject"] != "repo:your-org@1234/averazure@5678:environment:production" || r.Outputs["issuer"] != "https://token.actions.githubusercontent.com" {
				t.Errorf("the credential is for %v of %v", r.Outputs["subject"], r.Outputs["issuer"])
			}
			return
		}
	}
	t.Error("no workflow can sign in")
}
