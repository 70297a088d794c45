package recorder_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"averazure/internal/recorder"
)

const keyType = "tls:index/privateKey:PrivateKey"

type group struct{ pulumi.ResourceState }

// program is a component with a key, an output of each sort and a warning.
func program(ctx *pulumi.Context) error {
	var parent group
	if err := ctx.RegisterComponentResource("averazure:test:Group", "group", &parent); err != nil {
		return err
	}
	key, err := tls.NewPrivateKey(ctx, "group-key", &tls.PrivateKeyArgs{Algorithm: pulumi.String("ED25519")}, pulumi.Parent(&parent))
	if err != nil {
		return err
	}
	if err := ctx.Log.Warn("mind the gap", nil); err != nil {
		return err
	}
	ctx.Export("private", key.PrivateKeyOpenssh)
	ctx.Export("public", key.PublicKeyOpenssh)
	ctx.Export("leak", pulumi.Unsecret(key.PrivateKeyOpenssh))
	return ctx.RegisterResourceOutputs(&parent, pulumi.Map{"key": key.PublicKeyOpenssh})
}

func TestUpdateIsRecorded(t *testing.T) {
	r := &recorder.Recorder{}
	if err := r.Run(program); err != nil {
		t.Fatal(err)
	}
	want := "TYPE                             NAME       PARENT\n" +
		"averazure:test:Group             group      -\n" +
		"tls:index/privateKey:PrivateKey  group-key  averazure:test:Group group\n"
	if got := r.Inventory(); got != want {
		t.Errorf("inventory:\n%s\nwant:\n%s", got, want)
	}
	if got := recorder.At(r.Get(keyType, "group-key").Inputs, "algorithm"); got != "ED25519" {
		t.Errorf("algorithm %v", got)
	}
	if got := r.Logs(); len(got) != 1 || got[0] != "warning: mind the gap" {
		t.Errorf("logs %q", got)
	}
	if got := recorder.At(r.Exports(), "public").(string); !strings.HasPrefix(got, "ssh-ed25519 ") {
		t.Errorf("public key %q", got)
	}
	component := r.OfType("averazure:test:Group")[0]
	if recorder.At(r.ComponentOutputs(component.URN), "key") == nil {
		t.Error("the component's outputs are missing")
	}
}

func TestSecretsAreReported(t *testing.T) {
	r := &recorder.Recorder{}
	if err := r.Run(program); err != nil {
		t.Fatal(err)
	}
	if !recorder.IsSecret(r.Exports(), "private") || recorder.IsSecret(r.Exports(), "public") {
		t.Error("the private key must be secret and the public one must not")
	}
	private := recorder.At(r.Exports(), "private").(string)
	if leaks := r.Leaks(private); len(leaks) != 1 || !strings.HasPrefix(leaks[0], "registered outputs of") {
		t.Errorf("leaks %q: want the one export that lifts the secret", leaks)
	}
	if leaks := r.Leaks("no such text"); len(leaks) != 0 {
		t.Errorf("leaks %q of a text that is nowhere", leaks)
	}
}

func TestPreviewLeavesComputedValuesUnknown(t *testing.T) {
	r := &recorder.Recorder{Preview: true}
	if err := r.Run(program); err != nil {
		t.Fatal(err)
	}
	if _, unknown := recorder.At(r.Exports(), "public").(recorder.Unknown); !unknown {
		t.Errorf("public key %v: want unknown", r.Exports()["public"])
	}
}

func TestDuplicateURNIsRefused(t *testing.T) {
	r := &recorder.Recorder{}
	err := r.Run(func(ctx *pulumi.Context) error {
		for range 2 {
			if _, err := tls.NewPrivateKey(ctx, "key", &tls.PrivateKeyArgs{Algorithm: pulumi.String("RSA")}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "duplicate URN") {
		t.Errorf("error %v: want a duplicate URN", err)
	}
}

func TestOneTypeCanFail(t *testing.T) {
	r := &recorder.Recorder{Fail: keyType}
	if err := r.Run(program); err == nil || !strings.Contains(err.Error(), keyType) {
		t.Errorf("error %v: want the failure", err)
	}
}

func TestProgramErrorsAreReturned(t *testing.T) {
	r := &recorder.Recorder{}
	if err := r.Run(func(*pulumi.Context) error { return errors.New("no") }); err == nil {
		t.Error("want the program's error")
	}
}

func TestConfigurationIsHandedOver(t *testing.T) {
	r := &recorder.Recorder{Config: map[string]string{"averazure:workers": "3"}}
	err := r.Run(func(ctx *pulumi.Context) error {
		if got := config.New(ctx, "averazure").RequireInt("workers"); got != 3 {
			t.Errorf("workers %d", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunsDoNotMix(t *testing.T) {
	r := &recorder.Recorder{}
	for range 2 {
		if err := r.Run(program); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(r.Resources()); got != 2 {
		t.Errorf("%d resources after the second run, want 2", got)
	}
}

// packaged registers a resource of a package that consists of a provider and a parameter.
func packaged(token, version string, again ...string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		var ref string
		for _, v := range append([]string{version}, again...) {
			answer, err := ctx.RegisterPackage(&pulumirpc.RegisterPackageRequest{Name: "base", Version: v,
				Parameterization: &pulumirpc.Parameterization{Name: "base_part", Version: "1.0.0", Value: []byte("part")}})
			if err != nil {
				return err
			}
			ref = answer.GetRef()
		}
		var made struct{ pulumi.CustomResourceState }
		return ctx.RegisterPackageResource(token, "made", pulumi.Map{}, &made, ref)
	}
}

func TestPackageIsRecordedWithTheResource(t *testing.T) {
	r := &recorder.Recorder{}
	if err := r.Run(packaged("base_part:index:Thing", "1.2.3", "1.2.3")); err != nil {
		t.Fatal(err)
	}
	res := r.Get("base_part:index:Thing", "made")
	if res.Package.GetVersion() != "1.2.3" || string(res.Package.GetParameterization().GetValue()) != "part" {
		t.Errorf("package %v", res.Package)
	}
}

func TestWrongPackagesAreRefused(t *testing.T) {
	for name, program := range map[string]pulumi.RunFunc{
		"another package's type": packaged("base:index:Thing", "1.2.3"),
		"twice, differently":     packaged("base_part:index:Thing", "1.2.3", "1.2.4"),
		"unknown reference": func(ctx *pulumi.Context) error {
			var made struct{ pulumi.CustomResourceState }
			return ctx.RegisterPackageResource("base:index:Thing", "made", pulumi.Map{}, &made, "none")
		},
	} {
		if err := (&recorder.Recorder{}).Run(program); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
