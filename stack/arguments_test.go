package stack

import (
	"os"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
	"averazure/internal/ports"
	"averazure/internal/recorder"
	"averazure/internal/registry"
	"averazure/internal/release"
)

const imageType = "docker:index/image:Image"

// home is the package's directory, where testdata is; the tests leave it for
// project directories of their own.
var home, _ = os.Getwd()

// project makes a project directory with both repositories in it, makes it the working
// directory, and returns the configuration that fits.
func project(t *testing.T) Config {
	t.Helper()
	dir, git := repository(t)
	put(t, dir, "stack.yml", `services:
  api:
    image: ghcr.io/your-org/aver-api:latest
    ports: ["8080:8080", "9000:9000", "15672:15672"]
    secrets: [azure_tenant_id]
    deploy:
      placement:
        constraints: [node.hostname == other-manager]
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

func arguments(t *testing.T, config Config) Args {
	t.Helper()
	file, problems := config.Read(site)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	manager := host.Host{
		Name: "aver-manager", Role: host.Manager, User: "aver", Address: "10.20.1.10",
		PublicAddress: pulumi.String("203.0.113.10").ToStringOutput(),
		HostKey:       pulumi.String("ssh-ed25519 AAAA").ToStringOutput(),
		PrivateKey:    secret("private-key-value"),
		VMID:          pulumi.String("vm-1").ToStringOutput(),
	}
	return Args{
		Config: config, File: file, Manager: host.Ready{Host: manager}, Nodes: []string{manager.Name},
		Secrets:   map[string]pulumi.StringOutput{"azure_tenant_id": text("azure_tenant_id-0123456789ab")},
		Registry:  registry.Registry{Server: "ghcr.io", Username: "robot", Token: secret("token-value")},
		Login:     text("registry-0123456789ab"),
		Bounds:    release.Defaults(),
		OpenPorts: ports.Open{Public: []int{8080}, Waiting: []int{15672}},
		Entry:     host.Entry{Address: text("203.0.113.99"), Names: []string{"aver-lb.example", "aver.example"}},
	}
}

func secret(s string) pulumi.StringOutput {
	return pulumi.ToSecret(pulumi.String(s)).(pulumi.StringOutput)
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
		ctx.Export("url", s.URL)
		ctx.Export("endpoints", pulumi.ToStringMapOutput(s.Endpoints))
		return nil
	})
}
