package stack

import (
	"strings"
	"testing"

	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// Leaving the deployment to stack-repo changes the same command in place: a
// service that runs goes on running.
func TestNewLeavesTheDeploymentToStackRepo(t *testing.T) {
	config := project(t)
	config.StackDeploy = false
	args := arguments(t, config)
	args.Login = nil // nobody logs in
	r := &recorder.Recorder{}
	if err := run(t, r, args); err != nil {
		t.Fatal(err)
	}
	command := r.Get(drift.CommandType, "aver-deploy")
	if line, _ := recorder.At(command.Inputs, "update").(string); !strings.HasSuffix(line, " stackctl trust --json aver # machine vm-1") {
		t.Errorf("commands %v", command.Inputs)
	}
	if len(r.OfType(imageType)) != 2 || recorder.At(command.Inputs, "delete") != nil {
		t.Errorf("registered:\n%s", r.Inventory())
	}
}

func TestNewOnlyDeploys(t *testing.T) {
	config := project(t)
	config.AppContext = ""
	r := &recorder.Recorder{}
	if err := run(t, r, arguments(t, config)); err != nil {
		t.Fatal(err)
	}
	stdin := recorder.At(r.Get(drift.CommandType, "aver-deploy").Inputs, "stdin").(string)
	if len(r.OfType(imageType)) != 0 || !strings.Contains(stdin, "image: ghcr.io/your-org/aver-api:latest") {
		t.Errorf("registered:\n%s\n%s", r.Inventory(), stdin)
	}
}

// Announcing the file repairs no drift, and must not be an update in every run.
func TestDriftDeploysAgainOnlyWhereThisProgramDeploys(t *testing.T) {
	for _, deploys := range []bool{true, false} {
		r := &recorder.Recorder{}
		args := arguments(t, project(t))
		args.StackDeploy, args.Drift = deploys, drift.Fixed(map[string]string{"aver-deploy": "0123456789ab"})
		if err := run(t, r, args); err != nil {
			t.Fatal(err)
		}
		line := r.OfType(drift.CommandType)[0].Inputs["create"]
		for line.IsSecret() {
			line = line.SecretValue().Element
		}
		if marked := strings.HasSuffix(line.StringValue(), drift.Comment("0123456789ab")); marked != deploys {
			t.Errorf("stackDeploy %v: %s", deploys, line.StringValue())
		}
	}
}
