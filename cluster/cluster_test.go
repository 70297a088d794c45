package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/cluster"
	"averazure/internal/build"
	"averazure/internal/drift"
	"averazure/internal/golden"
	"averazure/internal/host"
	"averazure/internal/recorder"
	"averazure/internal/registry"
)

// machine stands for a VM.
type machine struct{ pulumi.CustomResourceState }

// hosts are a test's nodes, managers first. In a preview the id of a rebuilt VM is unknown.
func hosts(ctx *pulumi.Context, managers, workers int) ([]host.Host, error) {
	var all []host.Host
	for i := range managers + workers {
		h := host.Host{
			Name: "aver-manager", Role: host.Manager, Address: fmt.Sprintf("10.20.1.%d", 10+i), User: "aver",
			PublicAddress: pulumi.Sprintf("203.0.113.%d", 10+i), HostKey: pulumi.String("ssh-ed25519 AAAA").ToStringOutput(),
			PrivateKey: pulumi.ToSecret(pulumi.String("the admin key")).(pulumi.StringOutput),
			VMID:       pulumi.Sprintf("vm-%d", i),
		}
		if i >= managers {
			h.Name, h.Role, h.Jump = fmt.Sprintf("aver-worker-%d", i-managers+1), host.Worker, &all[0]
		} else if i > 0 {
			h.Name = fmt.Sprintf("aver-manager-%d", i+1)
		}
		var vm machine
		if err := ctx.RegisterResource("test:index:Machine", h.Name, nil, &vm); err != nil {
			return nil, err
		}
		h.VM, h.Needs = &vm, []pulumi.Resource{&vm}
		all = append(all, h)
	}
	return all, nil
}

// program makes a Swarm and exports what the next layer gets.
func program(managers, workers int, spoil func(*cluster.Args)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		nodes, err := hosts(ctx, managers, workers)
		if err != nil {
			return err
		}
		args := cluster.Args{
			Config: cluster.Defaults(), Hosts: nodes,
			Secrets: map[string]pulumi.StringInput{
				"azure_client_secret": pulumi.ToSecret(pulumi.String("pa55word")).(pulumi.StringOutput),
				"azure_tenant_id":     pulumi.String("tenant"),
			},
			SecretKey:       pulumi.ToSecret(pulumi.String("the admin key")).(pulumi.StringOutput),
			Registry:        registry.Registry{Server: "ghcr.io", Username: "me", Token: pulumi.ToSecret(pulumi.String("ghp_token")).(pulumi.StringOutput)},
			Stackctl:        build.Binary{Path: "testdata/one-manager.txt", SHA256: "c0ffee"},
			DeployPublicKey: pulumi.String("ssh-ed25519 AAAAdeploy"),
			AgeKey:          pulumi.ToSecret(pulumi.String("the age key\n")).(pulumi.StringOutput),
		}
		if spoil != nil {
			spoil(&args)
		}
		c, err := cluster.New(ctx, "aver", args)
		if err != nil {
			return err
		}
		for name, version := range c.Secrets {
			ctx.Export(name, version)
		}
		ctx.Export("login", c.Login)
		ctx.Export("deploysOn", pulumi.String(c.Managers[0].Name))
		ctx.Export("needs", pulumi.Int(len(c.Managers[0].All())))
		return nil
	}
}

func answers() map[string]recorder.Answer {
	return map[string]recorder.Answer{drift.CommandType: func(r *recorder.Resource) resource.PropertyMap {
		stdout := ""
		if strings.HasSuffix(r.Name, "-init") || strings.HasSuffix(r.Name, "join") {
			stdout = `{"node":"id-` + r.Name + `","swarm":"the-swarm","worker":"SWMTKN-worker","manager":"SWMTKN-manager"}`
		}
		// The real engine makes the outputs in additionalSecretOutputs secret.
		value := resource.NewProperty(stdout)
		if slices.Contains(r.Request.GetAdditionalSecretOutputs(), "stdout") {
			value = resource.MakeSecret(value)
		}
		return resource.PropertyMap{"stdout": value, "stderr": resource.NewProperty("")}
	}}
}

func record(t *testing.T, managers, workers int, preview bool) *recorder.Recorder {
	t.Helper()
	r := &recorder.Recorder{Preview: preview, Answers: answers()}
	if err := r.Run(program(managers, workers, nil)); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestInventory(t *testing.T) {
	golden.Compare(t, "one-manager.txt", record(t, 1, 2, false).Inventory())
	golden.Compare(t, "three-managers.txt", record(t, 3, 1, false).Inventory())
}

func TestPreviewRegistersTheSame(t *testing.T) {
	for _, managers := range []int{1, 3} {
		if update, preview := record(t, managers, 1, false), record(t, managers, 1, true); update.Inventory() != preview.Inventory() {
			t.Errorf("%d managers: a preview has\n%s", managers, preview.Inventory())
		}
	}
}

func TestNoSecretInClear(t *testing.T) {
	r := record(t, 3, 2, false)
	for _, secret := range []string{"pa55word", "cGE1NXdvcmQ", "ghp_token", "SWMTKN-", "the admin key", "the age key"} {
		if leaks := r.Leaks(secret); len(leaks) > 0 {
			t.Errorf("%s: %v", secret, leaks)
		}
	}
	version := recorder.At(r.Exports(), "azure_client_secret")
	if recorder.IsSecret(r.Exports(), "azure_client_secret") || len(version.(string)) != len("azure_client_secret-")+12 {
		t.Errorf("version %v must be a public name", version)
	}
}

// Every command is bound to a VM and bounded in time. It does not pass an earlier run's
// output on in the environment, which sshd would refuse.
func TestEveryCommandIsBound(t *testing.T) {
	for _, r := range record(t, 3, 2, false).OfType(drift.CommandType) {
		update := recorder.At(r.Inputs, "update").(string)
		create, creates := recorder.At(r.Inputs, "create").(string)
		if !creates && strings.HasSuffix(r.Name, "-resume") { // there is nothing to do the first time
			create = update
		}
		again := create
		if strings.HasSuffix(r.Name, "-member") {
			again = strings.Replace(create, "'add'", "'keep'", 1)
		}
		if again != update {
			t.Errorf("%s: update differs from create: %v", r.Name, recorder.At(r.Inputs, "update"))
		}
		if !strings.HasPrefix(create, "sudo -n timeout -k 10 ") || len(create) > 250 {
			t.Errorf("%s runs %s", r.Name, create)
		}
		if trigger, _ := recorder.At(r.Inputs, "triggers.0").(string); !strings.HasPrefix(trigger, "vm-") {
			t.Errorf("%s: triggers %v", r.Name, recorder.At(r.Inputs, "triggers"))
		}
		if recorder.At(r.Inputs, "addPreviousOutputInEnv") != false || recorder.At(r.Inputs, "logging") == nil {
			t.Errorf("%s: environment or logging is left to chance", r.Name)
		}
		if r.Request.GetDeletedWith() == "" || len(r.Request.GetDependencies()) == 0 {
			t.Errorf("%s: deleted with %q, depends on %v", r.Name, r.Request.GetDeletedWith(), r.Request.GetDependencies())
		}
	}
}

// A new token must reach the services, so the login's name changes with it. The name
// reveals nothing about the token.
func TestLoginIsNamedAndPublic(t *testing.T) {
	names := map[any]bool{}
	for _, token := range []string{"ghp_token", "ghp_other", ""} {
		r := &recorder.Recorder{Answers: answers()}
		if err := r.Run(program(1, 0, func(a *cluster.Args) { a.Registry.Token = pulumi.ToSecret(pulumi.String(token)).(pulumi.StringOutput) })); err != nil {
			t.Fatal(err)
		}
		name := recorder.At(r.Exports(), "login")
		if recorder.IsSecret(r.Exports(), "login") || names[name] || (name == "") != (token == "") {
			t.Errorf("with the token %q the login is %v", token, name)
		}
		names[name] = true
	}
}

func TestBadArgumentsAreAllNamed(t *testing.T) {
	err := (&recorder.Recorder{}).Run(program(1, 0, func(a *cluster.Args) {
		a.SwarmPool = "10.20.0.0/16"
		a.LogMaxFiles = 0
		a.Secrets["a b"] = pulumi.String("x")
	}))
	for _, key := range []string{"averazure:swarmPool", "averazure:logMaxFiles", "averazure:secrets"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named: %v", key, err)
		}
	}
}

func TestEmptySecretIsNamed(t *testing.T) {
	err := (&recorder.Recorder{Answers: answers()}).Run(program(1, 0, func(a *cluster.Args) { a.Secrets["nothing"] = pulumi.String("") }))
	if err == nil || !strings.Contains(err.Error(), "secret nothing ") {
		t.Errorf("error %v", err)
	}
}

// The key that opens secrets is on managers, and nowhere else.
func TestOnlyManagersGetTheAgeKey(t *testing.T) {
	var got []string
	for _, command := range record(t, 3, 2, false).OfType(drift.CommandType) {
		if strings.Contains(recorder.Text(command.Inputs), "the age key") {
			got = append(got, command.Name)
		}
	}
	if want := []string{"aver-manager-2-stackctl", "aver-manager-3-stackctl", "aver-manager-stackctl"}; !slices.Equal(got, want) {
		t.Errorf("commands with the key: %q, want %q", got, want)
	}
}
