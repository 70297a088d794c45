// Command consumer is another Pulumi program that builds on this Pulumi stack: it reads the
// outputs through a StackReference. `pulumi config set stack ORG/averazure/dev` names the
// Pulumi stack.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() { pulumi.Run(run) }

func run(ctx *pulumi.Context) error {
	aver, err := pulumi.NewStackReference(ctx, config.Require(ctx, "stack"), nil)
	if err != nil {
		return err
	}
	ctx.Export("health", pulumi.Sprintf("%s/healthz", aver.GetStringOutput(pulumi.String("apiUrl"))))
	ctx.Export("deployKey", aver.GetOutput(pulumi.String("deployPrivateKey"))) // secret there, secret here
	return nil
}
