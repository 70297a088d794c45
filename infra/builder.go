package infra

import (
	"fmt"
	"time"

	dns "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20180501"
	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20190601"
	"github.com/pulumi/pulumi-azure-native-sdk/resources/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
	"averazure/internal/names"
)

// builder is what all parts of the layer share while it is made.
type builder struct {
	ctx     *pulumi.Context
	name    string
	args    Args
	infra   *Infra
	account account
	names   names.Names
	group   *resources.ResourceGroup
	// late is the option for resources that depend on Entra.
	late pulumi.ResourceOption
	// leaving is the option for VMs: their nodes are drained in order when they restart.
	leaving pulumi.ResourceOption
	// labelled is the option for addresses with a DNS label.
	labelled pulumi.ResourceOption
	// balancer and its address are nil where there is none.
	balancer *network.LoadBalancer
	entryIP  *network.PublicIPAddress
	nics     []pulumi.Resource
	// record is the DNS record of Domain; nil where its zone is not in Azure.
	record  *dns.RecordSet
	backers []backer
}

// account is who is signed in to Azure, and where.
type account struct {
	SubscriptionId string `pulumi:"subscriptionId"`
	TenantId       string `pulumi:"tenantId"`
}

// clientConfigFunction is called by its token: the SDK's package around it
// holds all of Azure's authorization API (docs/decisions/0001).
const clientConfigFunction = "azure-native:authorization:getClientConfig"

// newBuilder asks who is signed in and makes the resource group.
func newBuilder(ctx *pulumi.Context, name string, args Args, infra *Infra) (*builder, error) {
	b := &builder{ctx: ctx, name: name, args: args, infra: infra}
	if err := ctx.Invoke(clientConfigFunction, nil, &b.account, pulumi.Parent(infra), pulumi.Version(sdkVersion)); err != nil {
		return nil, fmt.Errorf("ask Azure who is signed in (`az login`, or the ARM_* variables): %w", err)
	}
	b.names = names.New(args.Prefix, ctx.Stack(), b.account.SubscriptionId, args.NameSalt)
	group, err := resources.NewResourceGroup(ctx, b.child("group"), &resources.ResourceGroupArgs{
		ResourceGroupName: pulumi.String(b.names.ResourceGroup()),
		Location:          b.location(),
		Tags:              b.tags(),
	}, b.parent())
	if err != nil {
		return nil, err
	}
	b.group = group
	if b.late, err = b.newLateness(); err != nil {
		return nil, err
	}
	if b.leaving, err = b.newLeaving(); err != nil {
		return nil, err
	}
	b.labelled, err = failure.Explain(ctx, b.child("label-refused"), b.labelRefused)
	return b, err
}

// child names a resource after the component.
func (b *builder) child(part string) string { return b.name + "-" + part }

func (b *builder) parent() pulumi.ResourceOption { return pulumi.Parent(b.infra) }

func (b *builder) location() pulumi.String { return pulumi.String(b.args.Location) }

// tags say what a resource belongs to, for people who see it outside Pulumi.
func (b *builder) tags() pulumi.StringMap {
	return pulumi.StringMap{
		"managed-by": pulumi.String("pulumi"),
		"project":    pulumi.String(b.ctx.Project()),
		"stack":      pulumi.String(b.ctx.Stack()),
	}
}

// vms makes the network and the nodes in it.
func (b *builder) vms(infra *Infra) error {
	filter, rules, err := b.newSecurity()
	if err != nil {
		return err
	}
	subnet, err := b.newNetwork(filter)
	if err != nil {
		return err
	}
	if infra.AdminKey, err = b.newKey("admin-key"); err != nil {
		return err
	}
	if infra.DeployKey, err = b.newKey("deploy-key"); err != nil {
		return err
	}
	if infra.AgeKey, err = b.newKey("age-key", b.kept()); err != nil {
		return err
	}
	if infra.NamesKey, err = b.newNamesKey(infra.AdminKey); err != nil {
		return err
	}
	infra.Door = b.args.DoorName()
	if err = b.args.Drift.Tell(b.ctx, b.infra, b.renewals()); err != nil {
		return err
	}
	if err = b.newBalancer(); err != nil {
		return err
	}
	if infra.Hosts, err = b.newHosts(subnet, rules, infra.AdminKey); err != nil {
		return err
	}
	infra.Entry, err = b.newEntry(infra.Hosts[0])
	return err
}

// services makes the application's identity and what it may reach: its blobs
// and its secret; and the function app.
func (b *builder) services(infra *Infra) error {
	app, err := b.newPrincipal("application", b.names.Application(), "the service on the Swarm")
	if err != nil {
		return err
	}
	secret, current, err := b.newClientSecrets(app)
	if err != nil {
		return err
	}
	account, container, err := b.newStorage("storage", b.names.StorageAccount(), appContainer)
	if err != nil {
		return err
	}
	vault, err := b.newVault()
	if err != nil {
		return err
	}
	stored, err := b.newVaultSecret(vault, clientSecretName, "client secret of "+b.names.Application(), secret, current.end())
	if err != nil {
		return err
	}
	if _, err := b.newVaultSecret(vault, deployKeyName, "OpenSSH private key", infra.DeployKey.Private, time.Time{}); err != nil {
		return err
	}
	infra.Identity = Identity{TenantID: pulumi.String(b.account.TenantId).ToStringOutput(), ClientID: app.application.ClientId, ClientSecret: secret}
	infra.StorageAccount, infra.KeyVaultURI = account.Name, vault.uri()
	if err := b.applicationRoles(app, container, stored); err != nil {
		return err
	}
	if err := b.backups(infra); err != nil {
		return err
	}
	return b.function(infra)
}

// function makes the function app with storage of its own.
func (b *builder) function(infra *Infra) error {
	account, code, err := b.newStorage("function-storage", b.names.FunctionStorage(), codeContainer)
	if err != nil {
		return err
	}
	app, err := b.newFunction(account, code)
	if err != nil {
		return err
	}
	infra.FunctionHost = app.DefaultHostName
	return b.functionRoles(app, account)
}

// deployer makes the identity of GitHub's workflows, where one is wanted.
func (b *builder) deployer(infra *Infra) (err error) {
	infra.SubscriptionID = pulumi.String(b.account.SubscriptionId).ToStringOutput()
	infra.DeployerClientID, err = b.newDeployer()
	return err
}

// textOf is a text in an output of a resource that has no Go types; empty where there
// is none.
func textOf(output pulumi.MapOutput, key string) pulumi.StringOutput {
	return output.ApplyT(func(values map[string]any) string {
		text, _ := values[key].(string)
		return text
	}).(pulumi.StringOutput)
}
