package delivery

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/cluster"
	"averazure/infra"
	"averazure/internal/golden"
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

// arguments are what the other layers hand over, with texts by which a leak would be found.
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

func TestSettingsReachTheirRepositories(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r := &recorder.Recorder{Preview: preview}
		if err := run(t, r, arguments(both)); err != nil {
			t.Fatal(err)
		}
		if !preview {
			golden.Compare(t, "inventory.txt", r.Inventory())
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
				t.Errorf("%s in plain text: %q", value, leaks)
			}
		}
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
