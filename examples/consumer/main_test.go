package main

import (
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// engine plays the Pulumi stack that is referred to.
type engine struct{}

func (engine) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	outputs := args.Inputs.Copy()
	outputs["outputs"] = resource.NewProperty(resource.PropertyMap{
		"apiUrl":           resource.NewProperty("http://203.0.113.10:8080"),
		"deployPrivateKey": resource.MakeSecret(resource.NewProperty("key")),
	})
	outputs["secretOutputNames"] = resource.NewProperty([]resource.PropertyValue{resource.NewProperty("deployPrivateKey")})
	return args.Name, outputs, nil
}

func (engine) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

func TestConsumerReadsTheOutputs(t *testing.T) {
	var done sync.WaitGroup
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		aver, err := pulumi.NewStackReference(ctx, "acme/averazure/dev", nil)
		if err != nil {
			return err
		}
		done.Add(1)
		aver.GetStringOutput(pulumi.String("apiUrl")).ApplyT(func(url string) string {
			defer done.Done()
			if url != "http://203.0.113.10:8080" {
				t.Errorf("apiUrl is %q", url)
			}
			return url
		})
		return run(ctx)
	}, pulumi.WithMocks("aver-consumer", "test", engine{}), func(info *pulumi.RunInfo) {
		info.Config = map[string]string{"aver-consumer:stack": "acme/averazure/dev2"}
	})
	if err != nil {
		t.Fatal(err)
	}
	done.Wait()
}

func TestConsumerNeedsAStack(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("ran without a stack to read")
		}
	}()
	_ = pulumi.RunErr(run, pulumi.WithMocks("aver-consumer", "test", engine{}))
}
