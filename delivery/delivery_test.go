package delivery

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/cluster"
	"averazure/infra"
	"averazure/internal/host"
	"averazure/internal/recorder"
	"averazure/internal/registry"
	"averazure/stack"
)

const (
	secretType    = "github:index/actionsSecret:ActionsSecret"
	variableType  = "github:index/actionsVariable:ActionsVariable"
	providerType  = "pulumi:providers:github"
	deployKeyType = "github:index/repositoryDeployKey:RepositoryDeployKey"

	environmentType       = "github:index/repositoryEnvironment:RepositoryEnvironment"
	branchRuleType        = "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy"
	environmentSecretType = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"
)

func plain(s string) pulumi.StringOutput { return pulumi.String(s).ToStringOutput() }

func secret(s string) pulumi.StringOutput {
	return pulumi.ToSecret(pulumi.String(s)).(pulumi.StringOutput)
}

// arguments are what the other layers hand over, with texts that a leak of
// would be found by.
func arguments(config Config) Args {
	manager := host.Host{
		Name: "aver-manager", Role: host.Manager, User: "aver", Address: "10.20.1.10",
		PublicAddress: plain("203.0.113.10"), HostKey: plain("ssh-ed25519 AAAAmanager"),
	}
	worker := host.Host{Name: "aver-worker-1", Role: host.Worker, User: "aver", Address: "10.20.1.20", PublicAddress: plain("203.0.113.20"), HostKey: plain("ssh-ed25519 AAAAworker"), Jump: &manager}
	return Args{
		Config: config,
		Infra: &infra.Infra{
			Hosts:          []host.Host{manager, worker},
			Entry:          host.Entry{Address: plain("203.0.113.99"), Names: []string{"aver.example", "aver.westeurope.cloudapp.azure.com"}},
			AdminKey:       infra.KeyPair{Private: secret("admin-key-value")},
			DeployKey:      infra.KeyPair{Private: secret("deploy-key-value")},
			AgeKey:         infra.KeyPair{Private: secret("age-key-value"), Public: plain("ssh-ed25519 AAAAage")},
			Identity:       infra.Identity{TenantID: plain("tenant"), ClientID: plain("client"), ClientSecret: secret("client-secret-value")},
			StorageAccount: plain("averstorage"), KeyVaultURI: plain("https://aver.vault.azure.net/"), FunctionHost: plain("aver.azurewebsites.net"),
			DeployerClientID: plain(""), SubscriptionID: plain("subscription"),
		},
		Cluster: &cluster.Cluster{Managers: []host.Ready{{Host: manager}}, DeployUser: "deploy"},
		Stack: &stack.Stack{
			Name: "aver", Service: "api", Image: "ghcr.io/acme/aver-api", ImageDigest: plain("ghcr.io/acme/aver-api@sha256:ab"),
			URL: plain("https://aver.example"),
		},
		Push: registry.Registry{Server: "registry.example", Username: "robot", Token: secret("push-token-value")},
		Pull: registry.Registry{Server: "registry.example", Username: "reader", Token: secret("pull-token-value")},
	}
}

var both = Config{GithubOwner: "acme", CodeRepo: "code", StackRepo: "stack", StackRepoEnvironment: "deploy"}

func run(t *testing.T, r *recorder.Recorder, args Args) error {
	t.Helper()
	return r.Run(func(ctx *pulumi.Context) error { return New(ctx, "aver", args) })
}

func TestWithoutAnOwnerNothingOfGitHubIsTouched(t *testing.T) {
	r := &recorder.Recorder{}
	if err := run(t, r, arguments(Config{})); err != nil {
		t.Fatal(err)
	}
	for _, token := range r.Types() {
		if strings.Contains(token, "github") {
			t.Errorf("%s was registered", token)
		}
	}
}

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

func TestSettingsReachTheirRepositories(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r := &recorder.Recorder{Preview: preview}
		if err := run(t, r, arguments(both)); err != nil {
			t.Fatal(err)
		}
		if !preview {
			recorder.Golden(t, "inventory.txt", r.Inventory())
		}
		provider := r.OfType(providerType)
		if len(provider) != 1 || recorder.At(provider[0].Inputs, "owner") != "acme" || recorder.At(provider[0].Inputs, "token") != nil {
			t.Errorf("provider: %+v", provider)
		}
		for _, s := range append(r.OfType(secretType), r.OfType(environmentSecretType)...) {
			if !recorder.IsSecret(s.Inputs, "plaintextValue") {
				t.Errorf("%s is in plain text", s.Name)
			}
		}
		for _, res := range slices.Concat(r.OfType(secretType), r.OfType(variableType), r.OfType(environmentSecretType), r.OfType(environmentType)) {
			if !res.Request.DeleteBeforeReplace {
				t.Errorf("%s is made before the old one is deleted", res.Name)
			}
			if !strings.HasPrefix(res.Request.Provider, provider[0].URN) {
				t.Errorf("%s has the provider %s", res.Name, res.Request.Provider)
			}
		}
		for _, value := range []string{"admin-key-value", "deploy-key-value", "client-secret-value", "push-token-value", "pull-token-value"} {
			if leaks := r.Leaks(value); len(leaks) > 0 {
				t.Errorf("%s in clear: %q", value, leaks)
			}
		}
	}
}

// Without an owner configured people set the same values by hand: each is an
// output, secret if it is a secret, as early as in a preview. Not so the login
// that pushes, which is in the configuration and which no reader of outputs needs;
// and without an owner there is no stack-repo to have a key for, or a name.
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
			if s.name == "MANAGERS" { // the same in lines
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

// lines is the output managers as deploy.sh reads it.
func lines(managers any) string {
	list, _ := managers.([]any)
	var texts []string
	for _, one := range list {
		m := one.(map[string]any)
		texts = append(texts, fmt.Sprintf("%s %s", m["address"], m["hostKey"]))
	}
	return strings.Join(texts, "\n")
}

// The door is asked first, whichever manager it is.
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

func TestSettingsFollowTheConfiguration(t *testing.T) {
	names := func(args Args) string {
		var list []string
		for _, s := range actionSettings(args, plain("key")) {
			list = append(list, s.repository+"/"+s.name)
		}
		return strings.Join(list, " ")
	}
	if got := names(arguments(Config{GithubOwner: "acme", StackRepo: "stack"})); strings.Contains(got, "code/") || !strings.Contains(got, "stack/SSH_PRIVATE_KEY") {
		t.Errorf("stack-repo alone: %s", got)
	}
	if got := names(arguments(Config{GithubOwner: "acme", CodeRepo: "code"})); strings.Contains(got, "STACK_REPO") {
		t.Errorf("code-repo alone: %s", got)
	}
	anonymous := arguments(both)
	anonymous.Push = registry.Registry{Server: "localhost:5000"}
	anonymous.Pull = anonymous.Push
	if got := names(anonymous); strings.Contains(got, "GHCR_TOKEN") || strings.Contains(got, "USERNAME") {
		t.Errorf("a registry without a login: %s", got)
	}
}

func TestFailuresArePassedOn(t *testing.T) {
	for _, token := range []string{
		"averazure:delivery:Delivery", secretType, variableType, providerType, environmentType, branchRuleType, environmentSecretType,
		"tls:index/privateKey:PrivateKey", deployKeyType,
	} {
		if err := run(t, &recorder.Recorder{Fail: token}, arguments(both)); err == nil || !strings.Contains(err.Error(), token) {
			t.Errorf("%s failed: %v", token, err)
		}
	}
}

// The documentation is generated, so that it cannot lie.
func TestDocumentation(t *testing.T) {
	const path = "../docs/outputs.md"
	got := document(arguments(both))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || string(want) != got {
		t.Errorf("%s is not what the program exports (%v); UPDATE_GOLDEN=1 go test ./delivery writes it", path, err)
	}
}
