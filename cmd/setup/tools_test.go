package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// playedBy is the socket of a world, in the environment of the executables that stand for
// az, gh and pulumi: each is this test's own binary, which asks the world and says the same.
const playedBy = "SETUP_TEST_WORLD"

// played are the tools of which the world has answers.
var played = []string{"az", "gh", "pulumi"}

func TestMain(m *testing.M) {
	if socket := os.Getenv(playedBy); socket != "" && slices.Contains(played, filepath.Base(os.Args[0])) {
		os.Exit(play(socket, filepath.Base(os.Args[0]), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// said is a call and what came of it.
type said struct {
	Name   string
	Args   []string
	Input  string
	Answer string
	Error  string
}

// play is one call of an executable.
func play(socket, name string, args []string) int {
	given := ""
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			panic(err)
		}
		given = string(text)
	}
	connection, err := net.Dial("unix", socket)
	if err != nil {
		panic(err)
	}
	call := said{Name: name, Args: args, Input: given}
	if err := errors.Join(json.NewEncoder(connection).Encode(call), json.NewDecoder(connection).Decode(&call)); err != nil {
		panic(err)
	}
	if call.Error != "" {
		fmt.Fprintln(os.Stderr, "ERROR: "+call.Error)
		return 1
	}
	fmt.Println(call.Answer)
	return 0
}

// onPath puts executables in front of everything on PATH, which a world plays.
func (p *place) onPath() {
	p.t.Helper()
	own, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	bin := p.t.TempDir()
	for _, name := range played {
		if err := os.Symlink(own, filepath.Join(bin, name)); err != nil {
			p.t.Fatal(err)
		}
	}
	socket := filepath.Join(bin, "world")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // closed
			}
			var call said
			if err := json.NewDecoder(connection).Decode(&call); err == nil {
				var failed error
				call.Answer, failed = p.world.run(p.t.Context(), strings.NewReader(call.Input), call.Name, call.Args...)
				if failed != nil {
					call.Error = failed.Error()
				}
				err = json.NewEncoder(connection).Encode(call)
			}
			connection.Close()
		}
	}()
	p.t.Setenv(playedBy, socket)
	p.t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

// flags are those of the documentation that each command takes. Of gh api and of what
// this program does not call there are none.
// https://learn.microsoft.com/cli/azure/reference-index, https://cli.github.com/manual,
// https://www.pulumi.com/docs/iac/cli/commands
var flags = map[string]string{
	"az account show":                                   "",
	"az ad signed-in-user show":                         "",
	"az ad sp show":                                     "--id",
	"az provider list":                                  "",
	"az provider register":                              "--namespace --wait",
	"az group exists":                                   "--name",
	"az group create":                                   "--name --location",
	"az storage account list":                           "--resource-group",
	"az storage account create":                         "--name --resource-group --location --sku --kind --min-tls-version --allow-blob-public-access --allow-shared-key-access",
	"az storage account blob-service-properties show":   "--account-name --resource-group",
	"az storage account blob-service-properties update": "--account-name --resource-group --enable-versioning --enable-delete-retention --delete-retention-days",
	"az storage container-rm exists":                    "--name --storage-account --resource-group",
	"az storage container-rm create":                    "--name --storage-account --resource-group",
	"az keyvault list":                                  "--resource-group",
	"az keyvault create":                                "--name --resource-group --location --enable-rbac-authorization --enable-purge-protection",
	"az keyvault key list":                              "--vault-name",
	"az keyvault key create":                            "--vault-name --name --kty --size",
	"az role assignment list":                           "--assignee --role --scope",
	"az role assignment create":                         "--assignee-object-id --assignee-principal-type --role --scope",
	"gh api":                                            "--method --input --raw-field",
	"gh repo list":                                      "--limit --json",
	"gh repo create":                                    "--private",
	"gh run list":                                       "--repo --status --json",
	"gh secret list":                                    "--repo --env --json",
	"gh secret set":                                     "--repo --env",
	"gh variable list":                                  "--repo --json",
	"gh variable set":                                   "--repo --body",
	"pulumi whoami":                                     "--json --verbose",
	"pulumi login":                                      "",
	"pulumi stack ls":                                   "--json",
	"pulumi stack select":                               "--create --secrets-provider",
	"pulumi stack output":                               "--stack --json",
	"pulumi config":                                     "--stack --json",
	"pulumi config set":                                 "--stack --path --secret",
	"pulumi config rm":                                  "--stack --path",
}

// TestRealProcesses goes the whole way with executables that are called as az, gh and pulumi
// are: their arguments, standard input and errors arrive as they are, and every flag is one
// that the command has.
func TestRealProcesses(t *testing.T) {
	p := newPlace(t, false)
	p.onPath()
	run := func(typed string, args ...string) (string, error) {
		cmd := command(execute, time.Millisecond)
		var out strings.Builder
		cmd.SetOut(&out)
		cmd.SetIn(strings.NewReader(typed))
		cmd.SetArgs(append([]string{"--owner", "acme"}, args...))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	// What a command says of its failure is in the error, and the next run goes on.
	p.world.FailAt = 4
	if out, err := run("yes\nthe-token\n", fromAnywhere...); err == nil || !strings.Contains(err.Error(), "ERROR: call 4 fails") {
		t.Fatalf("a failure is lost: %v\n%s", err, out)
	}
	p.world.FailAt = 0
	if out, err := run("yes\nthe-token\n", fromAnywhere...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.world.Outputs, p.world.Deployed = map[string]any{"deployerClientId": "client-1"}, true
	if out, err := run("yes\nthe-writer\nthe-reader\n"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if secrets := p.world.Secrets; secrets["averazure:registryPullToken"] != "the-token" || secrets["production/DELIVERY_TOKEN"] != "the-writer" || secrets["drift/DELIVERY_TOKEN"] != "the-reader" {
		t.Errorf("the tokens that were typed arrived as %q", secrets)
	}
	changes := p.world.Changes
	if out, err := run(""); err != nil || p.world.Changes != changes {
		t.Errorf("another run changes %d things: %v\n%s", p.world.Changes-changes, err, out)
	}
	calls := map[string]bool{}
	for _, call := range p.world.Calls {
		if name := known(t, call); name != "" {
			calls[name] = true
		}
	}
	for name := range flags {
		if !calls[name] {
			t.Errorf("nothing calls %s", name)
		}
	}
}

// known finds the command in a call and fails for a flag that it does not have. Every
// command of az takes --query and --output.
func known(t *testing.T, call string) string {
	t.Helper()
	tool, _, _ := strings.Cut(call, " ")
	if !slices.Contains(played, tool) {
		return ""
	}
	name := ""
	for candidate := range flags {
		if (call == candidate || strings.HasPrefix(call, candidate+" ")) && len(candidate) > len(name) {
			name = candidate
		}
	}
	if name == "" {
		t.Errorf("no such command: %s", call)
		return ""
	}
	takes := strings.Fields(flags[name])
	if tool == "az" {
		takes = append(takes, "--query", "--output")
	}
	for _, word := range strings.Fields(call) {
		if strings.HasPrefix(word, "--") && !slices.Contains(takes, word) {
			t.Errorf("%s has no %s: %s", name, word, call)
		}
	}
	return name
}
