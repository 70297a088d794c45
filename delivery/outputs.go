package delivery

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/infra"
	"averazure/internal/host"
)

// output is one output of the Pulumi stack. Others rely on the names.
type output struct {
	name   string
	kind   string
	secret bool
	says   string // what it is
	reader string // who reads it
	value  pulumi.Input
}

// outputs lists every output of the Pulumi stack, in the order of the documentation.
func outputs(a Args) []output {
	manager := a.Cluster.Managers[0]
	return []output{
		{"managerIp", "string", false, "public address of the manager that deploys", "stack-repo, people with SSH", manager.PublicAddress},
		{"managerHostKey", "string", false, "its public host key, `ssh-ed25519 AAAA…`", "stack-repo, known_hosts", manager.HostKey},
		{"sshUser", "string", false, "admin account on every node", "people with SSH", pulumi.String(manager.User)},
		{"adminPrivateKey", "string", true, "that account's key, OpenSSH PEM", "people with SSH", pulumi.ToSecret(a.Infra.AdminKey.Private)},
		{"deployUser", "string", false, "account that can run stackctl and nothing else", "stack-repo", pulumi.String(a.Cluster.DeployUser)},
		{"deployPrivateKey", "string", true, "that account's key, OpenSSH PEM", "stack-repo", pulumi.ToSecret(a.Infra.DeployKey.Private)},
		{"ageRecipient", "string", false, "recipient for `age -r`, which encrypts a secret of the stack file; only the managers can open it", "whoever adds a secret to stack-repo", a.Infra.AgeKey.Public},
		{"managers", "list of {name, address, hostKey}", false, "every manager with its public address, the first manager first; each of them can take a deployment", "stack-repo, people with SSH", managers(a.Infra.Hosts)},
		{"entryAddress", "string", false, "address of the application: the load balancer's public address, or the first manager's", "people with a DNS zone elsewhere", a.Infra.Entry.Address},
		{"entryName", "string", false, "the name of that address: `averazure:domain`, or the one that Azure gives", "people, smoke tests", pulumi.String(a.Infra.Entry.Name())},
		{"nodes", "list of {name, role, privateAddress, publicAddress, hostKey}", false, "every node, with its public host key; a worker behind a load balancer has no public address", "monitoring, people with SSH", nodes(a.Infra.Hosts)},
		{"apiUrl", "string", false, "URL of the application: https and `entryName` if a service publishes 443; empty if no service publishes a port", "people, smoke tests", a.Stack.URL},
		{"stackName", "string", false, "name of the Docker stack", "stack-repo", pulumi.String(a.Stack.Name)},
		{"image", "string", false, "the application's image, without a tag", "code-repo, stack-repo", pulumi.String(a.Stack.Image)},
		{"imageDigest", "string", false, "the image built here as repository@digest; empty if none was built", "audits", a.Stack.ImageDigest},
		{"appService", "string", false, "the service of the stack file that runs it", "code-repo", pulumi.String(a.Stack.Service)},
		{"registryServer", "string", false, "the registry of the image", "code-repo, stack-repo", pulumi.String(a.Pull.Server)},
		{"registryUsername", "string", false, "user that pulls the image; empty for a registry without a login", "stack-repo", pulumi.String(a.Pull.Username)},
		{"registryToken", "string", true, "that user's token; it can push only without averazure:registryPullToken", "stack-repo, other programs", pulumi.ToSecret(a.Pull.Token)},
		{"storageAccount", "string", false, "storage account of the application", "the application, backups", a.Infra.StorageAccount},
		{"backupContainer", "string", false, "container of the managers' backups; empty without averazure:backupTime", "people who restore", backup(a.Infra.Backup).Container},
		{"backupPrivateKey", "string", true, "key that opens the backups, OpenSSH PEM; `stackctl restore` reads it; empty without averazure:backupTime. Keep a copy elsewhere", "people who restore", pulumi.ToSecret(backup(a.Infra.Backup).Key.Private)},
		{"keyVaultUri", "string", false, "address of the Key Vault", "the application, people", a.Infra.KeyVaultURI},
		{"functionHost", "string", false, "host name of the Function App", "the application", a.Infra.FunctionHost},
		{"tenantId", "string", false, "Entra tenant", "the application, workflows with OIDC", a.Infra.Identity.TenantID},
		{"clientId", "string", false, "the application's client id", "the application", a.Infra.Identity.ClientID},
		{"deployerClientId", "string", false, "client id for this repository's workflows; empty without averazure:oidcSubjects", "workflows with OIDC", a.Infra.DeployerClientID},
		{"subscriptionId", "string", false, "subscription that everything is in", "workflows with OIDC", a.Infra.SubscriptionID},
	}
}

// backup is where backups are stored. All its fields are empty where no backups are made.
func backup(b *infra.Backup) infra.Backup {
	if b != nil {
		return *b
	}
	none := pulumi.String("").ToStringOutput()
	return infra.Backup{Container: none, Key: infra.KeyPair{Private: none, Public: none}}
}

func managers(hosts []host.Host) pulumi.Array {
	list := pulumi.Array{}
	for _, h := range hosts {
		if h.Role == host.Manager {
			list = append(list, pulumi.StringMap{"name": pulumi.String(h.Name), "address": h.PublicAddress, "hostKey": h.HostKey})
		}
	}
	return list
}

func nodes(hosts []host.Host) pulumi.Array {
	list := pulumi.Array{}
	for _, h := range hosts {
		list = append(list, pulumi.StringMap{
			"name": pulumi.String(h.Name), "role": pulumi.String(h.Role), "privateAddress": pulumi.String(h.Address),
			"publicAddress": h.PublicAddress, "hostKey": h.HostKey,
		})
	}
	return list
}

// export makes the values outputs of the Pulumi stack. A missing value is exported as an
// empty text, so that every Pulumi stack has the same outputs.
func export(ctx *pulumi.Context, list []output) {
	for _, o := range list {
		ctx.Export(o.name, o.value)
	}
}
