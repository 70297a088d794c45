package handbook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// tools are the commands of other programs that the documents, the messages and cmd/setup
// name, as their manuals have them: the arguments in capitals (three dots: as many as you
// like, a question mark: or none), and the flags in use, where = means that a value follows.
// https://learn.microsoft.com/cli/azure/reference-index, https://cli.github.com/manual,
// https://www.pulumi.com/docs/iac/cli/commands, https://docs.docker.com/reference/cli/docker,
// https://curl.se/docs/manpage.html, systemctl(1), journalctl(1)
var tools = map[string]string{
	"az account list-locations":                         "",
	"az account set":                                    "--subscription=",
	"az account show":                                   "",
	"az ad app credential delete":                       "--id= --key-id=",
	"az ad app credential list":                         "--id=",
	"az ad app delete":                                  "--id=",
	"az ad app federated-credential delete":             "--id= --federated-credential-id=",
	"az ad app list":                                    "--display-name=",
	"az ad app permission add":                          "--id= --api= --api-permissions=",
	"az ad app permission admin-consent":                "--id=",
	"az ad app permission list":                         "--id=",
	"az ad app permission list-grants":                  "--id=",
	"az ad signed-in-user show":                         "",
	"az ad sp delete":                                   "--id=",
	"az ad sp show":                                     "--id=",
	"az disk update":                                    "--resource-group= --name= --sku= --size-gb=",
	"az functionapp config appsettings list":            "--resource-group= --name=",
	"az functionapp list-flexconsumption-runtimes":      "--location= --runtime=",
	"az functionapp show":                               "--resource-group= --name=",
	"az group create":                                   "--name= --location=",
	"az group exists":                                   "--name=",
	"az keyvault create":                                "--name= --resource-group= --location= --enable-rbac-authorization= --enable-purge-protection=",
	"az keyvault key create":                            "--vault-name= --name= --kty= --size=",
	"az keyvault key list":                              "--vault-name=",
	"az keyvault list":                                  "--resource-group=",
	"az keyvault secret delete":                         "--vault-name= --name=",
	"az login":                                          "",
	"az network dns record-set a delete":                "--resource-group= --zone-name= --name= --yes",
	"az network dns record-set list":                    "--resource-group= --zone-name=",
	"az network dns zone list":                          "",
	"az network list-usages":                            "--location=",
	"az network nsg list":                               "--resource-group=",
	"az network nsg rule create":                        "--resource-group= --nsg-name= --name= --priority= --access= --protocol= --destination-port-ranges= --source-address-prefixes=",
	"az network nsg rule delete":                        "--resource-group= --nsg-name= --name=",
	"az provider list":                                  "",
	"az provider register":                              "--namespace= --wait",
	"az resource delete":                                "--ids=",
	"az role assignment create":                         "--assignee-object-id= --assignee-principal-type= --role= --scope=",
	"az role assignment list":                           "--assignee= --role= --scope=",
	"az storage account blob-service-properties show":   "--account-name= --resource-group=",
	"az storage account blob-service-properties update": "--account-name= --resource-group= --enable-versioning= --enable-delete-retention= --delete-retention-days=",
	"az storage account create":                         "--name= --resource-group= --location= --sku= --kind= --min-tls-version= --allow-blob-public-access= --allow-shared-key-access=",
	"az storage account list":                           "--resource-group=",
	"az storage container-rm create":                    "--name= --storage-account= --resource-group=",
	"az storage container-rm exists":                    "--name= --storage-account= --resource-group=",
	"az vm deallocate":                                  "--resource-group= --name=",
	"az vm delete":                                      "--resource-group= --name= --yes",
	"az vm list":                                        "--resource-group= --show-details",
	"az vm list-skus":                                   "--location= --size= --all --zone",
	"az vm list-usage":                                  "--location=",
	"az vm restart":                                     "--resource-group= --name=",
	"az vm run-command invoke":                          "--resource-group= --name= --command-id= --scripts=",
	"az vm start":                                       "--resource-group= --name=",
	"gh api":                                            "PATH --method= --input= --raw-field= --jq=",
	"gh auth login":                                     "--scopes=",
	"gh auth status":                                    "",
	"gh repo create":                                    "NAME --private",
	"gh repo list":                                      "OWNER --limit= --json=",
	"gh run list":                                       "--repo= --status= --json=",
	"gh run watch":                                      "ID? --repo=",
	"gh secret list":                                    "--repo= --env= --json=",
	"gh secret set":                                     "NAME --repo= --env=",
	"gh variable get":                                   "NAME --repo=",
	"gh variable list":                                  "--repo= --json=",
	"gh variable set":                                   "NAME --repo= --body=",
	"gh workflow run":                                   "NAME --repo=",
	"pulumi cancel":                                     "STACK? --stack= --yes",
	"pulumi config":                                     "--stack= --json",
	"pulumi config get":                                 "KEY --stack= --path",
	"pulumi config rm":                                  "KEY --stack= --path",
	"pulumi config set":                                 "KEY VALUE? --stack= --path --secret",
	"pulumi destroy":                                    "--stack= --exclude-protected --yes",
	"pulumi login":                                      "URL?",
	"pulumi preview":                                    "--stack= --diff --refresh",
	"pulumi refresh":                                    "--stack= --clear-pending-creates --yes",
	"pulumi stack":                                      "--show-urns --stack=",
	"pulumi stack export":                               "--stack=",
	"pulumi stack ls":                                   "--json",
	"pulumi stack output":                               "NAME? --stack= --json --show-secrets",
	"pulumi stack select":                               "NAME --create --secrets-provider=",
	"pulumi state delete":                               "URN --stack= --yes",
	"pulumi up":                                         "--stack= --refresh --replace= --target= --yes",
	"pulumi whoami":                                     "--json --verbose",
	"docker build":                                      "CONTEXT --platform=",
	"docker config rm":                                  "NAME...",
	"docker exec":                                       "CONTAINER COMMAND...",
	"docker image prune":                                "--all --force",
	"docker login":                                      "SERVER?",
	"docker network inspect":                            "NETWORK... --verbose",
	"docker network rm":                                 "NETWORK...",
	"docker node ls":                                    "",
	"docker node rm":                                    "NODE... --force",
	"docker node update":                                "NODE --availability= --label-add= --label-rm=",
	"docker ps":                                         "-q -f=",
	"docker rmi":                                        "IMAGE...",
	"docker service logs":                               "SERVICE --tail=",
	"docker service ps":                                 "SERVICE... --no-trunc --filter=",
	"docker service rm":                                 "SERVICE...",
	"docker service scale":                              "SERVICE...",
	"docker service update":                             "SERVICE --force",
	"docker stack ls":                                   "",
	"docker swarm init":                                 "--force-new-cluster",
	"docker swarm leave":                                "--force",
	"docker swarm unlock":                               "",
	"docker system df":                                  "",
	"docker unpause":                                    "CONTAINER...",
	"docker volume ls":                                  "",
	"curl":                                              "URL -s -S -v -m= -o= -w=",
	"journalctl":                                        "-u= -g= --vacuum-size=",
	"systemctl list-timers":                             "PATTERN...",
	"systemctl restart":                                 "UNIT...",
	"systemctl start":                                   "UNIT...",
	"systemctl status":                                  "UNIT...",
	"systemctl stop":                                    "UNIT...",
}

// every are the flags that every command of a program accepts.
var every = map[string]string{"az": "--query= --output= -o="}

// Tools are the names of the commands in the table.
func Tools() (names []string) {
	for name := range tools {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// IsTool tells whether the table has commands of a program.
func IsTool(program string) bool {
	return slices.ContainsFunc(Tools(), func(name string) bool { return name == program || strings.HasPrefix(name, program+" ") })
}

// Tool finds a call in the table: the command's name and its arguments. It fails for a
// command that is not in the table, for a flag that the command does not take, and for
// missing or too many arguments. A command's name alone, as texts mention it, is accepted.
func Tool(words []string) (name string, args []string, err error) {
	for _, candidate := range Tools() {
		parts := strings.Fields(candidate)
		if len(candidate) > len(name) && len(words) >= len(parts) && slices.Equal(words[:len(parts)], parts) {
			name = candidate
		}
	}
	if name == "" {
		return "", nil, fmt.Errorf("no such command: %s", strings.Join(words, " "))
	}
	rest := words[len(strings.Fields(name)):]
	if len(rest) == 0 {
		return name, nil, nil
	}
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SetInterspersed(!strings.Contains(tools[name], "COMMAND..."))
	least, most := 0, 0
	for _, form := range strings.Fields(tools[name] + " " + every[words[0]]) {
		switch {
		case strings.HasPrefix(form, "-"):
			define(flags, form)
		case strings.HasSuffix(form, "..."):
			least, most = least+1, 1000
		case strings.HasSuffix(form, "?"):
			most++
		default:
			least, most = least+1, most+1
		}
	}
	if err := flags.Parse(rest); err != nil {
		return name, nil, fmt.Errorf("%s: %w", strings.Join(words, " "), err)
	}
	if flags.NArg() < least || flags.NArg() > most {
		return name, nil, fmt.Errorf("%s: %d arguments, where %s takes %s", strings.Join(words, " "), flags.NArg(), name, tools[name])
	}
	return name, flags.Args(), nil
}

// define adds a flag that is written as in the table.
func define(flags *pflag.FlagSet, form string) {
	name, takesValue := strings.CutSuffix(strings.TrimLeft(form, "-"), "=")
	short := ""
	if !strings.HasPrefix(form, "--") {
		short, name = name, "short-"+name
	}
	if takesValue {
		flags.StringArrayP(name, short, nil, "")
	} else {
		flags.BoolP(name, short, false, "")
	}
}
