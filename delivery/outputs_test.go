package delivery

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/host"
	"averazure/internal/recorder"
)

func TestOutputs(t *testing.T) {
	r := &recorder.Recorder{}
	args := arguments(Config{})
	if err := run(t, r, args); err != nil {
		t.Fatal(err)
	}
	exports := r.Exports()
	for _, o := range outputs(args) {
		if recorder.At(exports, o.name) == nil {
			t.Errorf("%s is not exported", o.name)
		}
		if recorder.IsSecret(exports, o.name) != o.secret {
			t.Errorf("%s: secret is %v, documented as %v", o.name, !o.secret, o.secret)
		}
	}
	for path, want := range map[string]string{
		"managerIp": "203.0.113.10", "apiUrl": "https://aver.example", "entryAddress": "203.0.113.99", "entryName": "aver.example",
		"managers.0.name": "aver-manager", "managers.0.address": "203.0.113.10", "managers.0.hostKey": "ssh-ed25519 AAAAmanager", "sshUser": "aver", "stackName": "aver",
		"nodes.1.name": "aver-worker-1", "nodes.1.role": "worker", "nodes.1.privateAddress": "10.20.1.20",
		"nodes.1.publicAddress": "203.0.113.20", "nodes.0.hostKey": "ssh-ed25519 AAAAmanager", "nodes.1.hostKey": "ssh-ed25519 AAAAworker",
		"deployPrivateKey": "deploy-key-value", "ageRecipient": "ssh-ed25519 AAAAage",
	} {
		if got := recorder.At(exports, path); got != want {
			t.Errorf("%s is %v, want %s", path, got, want)
		}
	}
	if list := recorder.At(exports, "managers").([]any); len(list) != 1 {
		t.Errorf("managers: %v", list)
	}
	for _, name := range strings.Fields("managerIp sshUser adminPrivateKey deployPrivateKey managerHostKey apiUrl imageDigest stackName storageAccount keyVaultUri functionHost tenantId clientId nodes registryServer registryUsername registryToken appService") {
		if _, ok := exports[resource.PropertyKey(name)]; !ok {
			t.Errorf("%s is promised and missing", name)
		}
	}
}

// Without a configured owner, people set the same values by hand. So each value is an
// output, secret if it is a secret, as early as in a preview. The login that pushes is not
// an output: it is in the configuration, and no reader of outputs needs it. Without an
// owner there is also no stack-repo that could have a key or a name.
func TestEverySettingIsAnOutputToo(t *testing.T) {
	args := arguments(both)
	for _, preview := range []bool{false, true} {
		r := &recorder.Recorder{Preview: preview}
		if err := run(t, r, args); err != nil {
			t.Fatal(err)
		}
		var none []string
		for _, s := range actionSettings(args, plain("key")) {
			if s.output == "" {
				none = append(none, s.repository+"/"+s.name)
				continue
			}
			kind, value := variableType, "value"
			switch {
			case s.environment != "":
				kind, value = environmentSecretType, "plaintextValue"
			case s.secret:
				kind, value = secretType, "plaintextValue"
			}
			delivered := recorder.At(r.Get(kind, args.id("aver", s)).Inputs, value)
			got := recorder.At(r.Exports(), s.output)
			if s.name == "MANAGERS" { // the same values as lines
				got = lines(got)
			}
			if got == nil || got != delivered {
				t.Errorf("%s is %v, the output %q %v", s.name, delivered, s.output, got)
			}
		}
		want := []string{"code/GHCR_TOKEN", "code/STACK_REPO_KEY", "code/REGISTRY_USERNAME", "code/STACK_REPO", "stack/DEPLOY_ENVIRONMENT"}
		if !slices.Equal(none, want) {
			t.Errorf("no outputs for %q, want that for %q", none, want)
		}
		if !recorder.IsSecret(r.Exports(), "registryToken") {
			t.Error("registryToken is in plain text")
		}
	}
}

// lines is the output `managers` in the form in which deploy.sh reads it.
func lines(managers any) string {
	list, _ := managers.([]any)
	var texts []string
	for _, one := range list {
		m := one.(map[string]any)
		texts = append(texts, fmt.Sprintf("%s %s", m["address"], m["hostKey"]))
	}
	return strings.Join(texts, "\n")
}

// The door is listed first, whichever manager it is, because the first one is asked first.
func TestManagersStandInTheOrderInWhichTheyAreAsked(t *testing.T) {
	args := arguments(both)
	second := host.Host{Name: "aver-manager-2", Role: host.Manager, User: "aver", PublicAddress: plain("203.0.113.11"), HostKey: plain("ssh-ed25519 AAAAsecond")}
	args.Cluster.Managers = []host.Ready{{Host: second}, args.Cluster.Managers[0]}
	r := made(t, args)
	const want = "203.0.113.11 ssh-ed25519 AAAAsecond\n203.0.113.10 ssh-ed25519 AAAAmanager"
	if got := recorder.At(r.Get(environmentSecretType, "aver-acme-stack-deploy-managers").Inputs, "plaintextValue"); got != want {
		t.Errorf("MANAGERS is %q, want %q", got, want)
	}
}
