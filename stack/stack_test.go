package stack

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
	"averazure/internal/recorder"
	"averazure/internal/registry"
)

const (
	imageType   = "docker:index/image:Image"
	commandType = "command:remote:Command"
)

// home is the package's directory, where testdata is; the tests leave it for
// project directories of their own.
var home, _ = os.Getwd()

// project makes a project directory with both repositories in it, goes there,
// and returns the configuration that fits.
func project(t *testing.T) Config {
	t.Helper()
	dir, git := repository(t)
	put(t, dir, "stack.yml", `services:
  api:
    image: ghcr.io/your-org/aver-api:latest
    ports: ["8080:8080", "9000:9000"]
    secrets: [azure_tenant_id]
secrets:
  azure_tenant_id: {external: true}
`)
	git("add", ".")
	git("commit", "-qm", "one")
	t.Chdir(dir)
	config := Defaults()
	config.StackFiles, config.AppContext, config.AppImage = []string{"stack.yml"}, "app", "your-org/aver-api"
	return config
}

func arguments(config Config) Args {
	secret := func(s string) pulumi.StringOutput { return pulumi.ToSecret(pulumi.String(s)).(pulumi.StringOutput) }
	return Args{
		Config: config,
		Manager: host.Host{
			Name: "aver-manager", Role: host.Manager, User: "aver", Address: "10.20.1.10",
			PublicAddress: pulumi.String("203.0.113.10").ToStringOutput(),
			HostKey:       pulumi.String("ssh-ed25519 AAAA").ToStringOutput(),
			PrivateKey:    secret("private-key-value"),
			VMID:          pulumi.String("vm-1").ToStringOutput(),
		},
		Secrets:   map[string]pulumi.StringOutput{"azure_tenant_id": text("azure_tenant_id-0123456789ab")},
		Registry:  registry.Registry{Server: "ghcr.io", Username: "robot", Token: secret("token-value")},
		Login:     text("registry-0123456789ab"),
		OpenPorts: []int{8080},
	}
}

func run(t *testing.T, r *recorder.Recorder, args Args) error {
	t.Helper()
	return r.Run(func(ctx *pulumi.Context) error {
		s, err := New(ctx, "aver", args)
		if err != nil {
			return err
		}
		ctx.Export("release", s.Release)
		ctx.Export("digest", s.ImageDigest)
		ctx.Export("url", s.Endpoints["api"])
		return nil
	})
}

func TestNewBuildsBothTags(t *testing.T) {
	r := &recorder.Recorder{}
	if err := run(t, r, arguments(project(t))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(home)
	recorder.Golden(t, "inventory.txt", r.Inventory())
	first, latest := r.Get(imageType, "aver-image"), r.Get(imageType, "aver-image-latest")
	tag := strings.TrimPrefix(recorder.At(first.Inputs, "imageName").(string), "ghcr.io/your-org/aver-api:")
	if len(tag) != shortSHA || recorder.At(latest.Inputs, "imageName") != "ghcr.io/your-org/aver-api:latest" {
		t.Errorf("tags %q and %v", tag, recorder.At(latest.Inputs, "imageName"))
	}
	for path, want := range map[string]string{"build.context": "app", "build.dockerfile": "app/Dockerfile", "build.platform": "linux/amd64", "registry.username": "robot"} {
		if got := recorder.At(first.Inputs, path); got != want {
			t.Errorf("%s is %v, want %s", path, got, want)
		}
	}
	if !recorder.IsSecret(first.Inputs, "registry.password") {
		t.Error("the registry's password is not secret")
	}
	if !slices.Contains(latest.Request.Dependencies, first.URN) {
		t.Error("the second image does not wait for the first one's cache")
	}
}

func TestNewDeploysByDigest(t *testing.T) {
	r := &recorder.Recorder{Answers: map[string]recorder.Answer{commandType: func(*recorder.Resource) resource.PropertyMap {
		return resource.PropertyMap{"stderr": resource.NewProperty("stackctl: aver: release 7 runs\n")}
	}}}
	if err := run(t, r, arguments(project(t))); err != nil {
		t.Fatal(err)
	}
	command := r.Get(commandType, "aver-deploy")
	stdin := recorder.At(command.Inputs, "stdin").(string)
	digest := recorder.At(r.Exports(), "digest").(string)
	for _, want := range []string{"image: " + digest, "name: azure_tenant_id-0123456789ab"} {
		if !strings.Contains(stdin, want) {
			t.Errorf("the stack file lacks %q:\n%s", want, stdin)
		}
	}
	line := "sudo -n timeout -k 60 1800 stackctl deploy --from pulumi aver # machine vm-1, login registry-0123456789ab"
	if recorder.At(command.Inputs, "create") != line || recorder.At(command.Inputs, "update") != line {
		t.Errorf("commands %v", command.Inputs)
	}
	for _, absent := range []string{"delete", "triggers", "environment"} {
		if recorder.At(command.Inputs, absent) != nil {
			t.Errorf("the command has %s", absent)
		}
	}
	for name, want := range map[string]string{"url": "http://203.0.113.10:8080", "release": "7"} {
		if got := recorder.At(r.Exports(), name); got != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
}

func TestNewWarnsWhenStackRepoOwnsTheFile(t *testing.T) {
	for report, want := range map[string]bool{
		"stackctl: aver: release 7 runs\n": false,
		"stackctl: aver: release 7 came from stack-repo, which owns the stack file; keeping it, with the current secrets\nstackctl: aver: release 8 runs\n": true,
	} {
		r := &recorder.Recorder{Answers: map[string]recorder.Answer{commandType: func(*recorder.Resource) resource.PropertyMap {
			return resource.PropertyMap{"stderr": resource.NewProperty(report)}
		}}}
		if err := run(t, r, arguments(project(t))); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(strings.Join(r.Logs(), "\n"), "averazure:stackDeploy: stack-repo owns"); warned != want {
			t.Errorf("%q: warned %v, want %v", report, warned, want)
		}
	}
}

func TestNewLeaksNothingAndWarns(t *testing.T) {
	r := &recorder.Recorder{}
	if err := run(t, r, arguments(project(t))); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"token-value", "private-key-value"} {
		if leaks := r.Leaks(secret); len(leaks) > 0 {
			t.Errorf("%s in clear: %q", secret, leaks)
		}
	}
	if logs := strings.Join(r.Logs(), "\n"); !strings.Contains(logs, "publishes 9000/tcp") || strings.Contains(logs, "8080/tcp") {
		t.Errorf("warnings: %s", logs)
	}
}

func TestNewPreviewsWithoutWaiting(t *testing.T) {
	r := &recorder.Recorder{Preview: true}
	if err := run(t, r, arguments(project(t))); err != nil {
		t.Fatal(err)
	}
	stdin := recorder.At(r.Get(commandType, "aver-deploy").Inputs, "stdin")
	if _, unknown := stdin.(recorder.Unknown); !unknown {
		t.Errorf("stdin is %v in a first preview, before there is a digest", stdin)
	}
}

// Leaving the deployment to stack-repo changes the same command in place: a
// service that runs goes on running.
func TestNewLeavesTheDeploymentToStackRepo(t *testing.T) {
	config := project(t)
	config.StackDeploy = false
	args := arguments(config)
	args.Login = nil // nobody logs in
	r := &recorder.Recorder{}
	if err := run(t, r, args); err != nil {
		t.Fatal(err)
	}
	command := r.Get(commandType, "aver-deploy")
	if line := "sudo -n timeout -k 60 1800 stackctl trust aver # machine vm-1"; recorder.At(command.Inputs, "update") != line {
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
	if err := run(t, r, arguments(config)); err != nil {
		t.Fatal(err)
	}
	stdin := recorder.At(r.Get(commandType, "aver-deploy").Inputs, "stdin").(string)
	if len(r.OfType(imageType)) != 0 || !strings.Contains(stdin, "image: ghcr.io/your-org/aver-api:latest") {
		t.Errorf("registered:\n%s\n%s", r.Inventory(), stdin)
	}
}

func TestNewPassesFailuresOn(t *testing.T) {
	config := project(t)
	for _, token := range []string{imageType, commandType, "averazure:stack:Stack"} {
		if err := run(t, &recorder.Recorder{Fail: token}, arguments(config)); err == nil {
			t.Errorf("%s failed and nobody noticed", token)
		}
	}
	unpushed := &recorder.Recorder{Answers: map[string]recorder.Answer{imageType: func(*recorder.Resource) resource.PropertyMap {
		return resource.PropertyMap{"repoDigest": resource.NewProperty("<none>@<none>")}
	}}}
	if err := run(t, unpushed, arguments(config)); err == nil || !strings.Contains(err.Error(), "no digest") {
		t.Errorf("an image that was not pushed: %v", err)
	}
}

func TestPushedDigest(t *testing.T) {
	good := "203.0.113.2:5000/aver-api" + digest
	if got, err := pushedDigest(good); err != nil || got != good {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "<none>@<none>", "sha256:" + strings.Repeat("ab", 32), "aver-api:latest", "a@sha256:12"} {
		if _, err := pushedDigest(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestRegistryWithoutAUser(t *testing.T) {
	if login := registryLogin(registry.Registry{Server: "localhost:5000", Token: pulumi.String("")}); login != nil {
		t.Errorf("got %v", login)
	}
}
