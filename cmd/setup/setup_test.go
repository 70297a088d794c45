package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// root is this repository; the tests leave their directory.
var root, _ = filepath.Abs("../..")

// place is a checkout of this program with nothing set up, and a world without anything.
type place struct {
	t     *testing.T
	world *world
	repo  string
}

// newPlace makes one; set-image.sh is replaced by a quick one unless the real one is asked
// for.
func newPlace(t *testing.T, real bool) *place {
	t.Helper()
	p := &place{t: t, world: newWorld(t), repo: t.TempDir()}
	bin := t.TempDir()
	for _, tool := range tools { // the world plays them; they only have to be there
		if _, err := exec.LookPath(tool.name); err != nil {
			write(t, filepath.Join(bin, tool.name), "#!/bin/sh\nexit 1\n")
		}
	}
	t.Setenv("PATH", os.Getenv("PATH")+":"+bin)
	for _, env := range []string{"GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"} {
		t.Setenv(env, "a@example.org")
	}
	copied := []string{"Pulumi.yaml", "Pulumi.dev.yaml", stackFile}
	if real {
		if err := os.CopyFS(filepath.Join(p.repo, "repos"), os.DirFS(filepath.Join(root, "repos"))); err != nil {
			t.Fatal(err)
		}
	} else {
		write(t, filepath.Join(p.repo, "repos/code-repo/scripts/set-image.sh"),
			"#!/bin/sh\n[ -z \"$3\" ] && exec sed -n 's/^    image: \\(ghcr.*\\)/\\1/p' \"$1\"\nsed -i \"s#^    image: ghcr.*#    image: $3#\" \"$1\"\n")
	}
	for _, name := range copied {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(p.repo, name), string(text))
	}
	p.git("init", "--quiet", "--initial-branch", "main")
	p.git("add", ".")
	p.git("commit", "--quiet", "--message", "Begin")
	t.Chdir(p.repo)
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (p *place) git(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("git", append([]string{"-C", p.repo}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// run is one call of the program, with lines that a person types.
func (p *place) run(typed string, args ...string) (string, error) {
	cmd := command(p.world.run, time.Millisecond)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetIn(strings.NewReader(typed))
	cmd.SetArgs(append([]string{"--owner", "acme"}, args...))
	err := cmd.ExecuteContext(p.t.Context())
	return out.String(), err
}

func (p *place) mustRun(typed string, args ...string) string {
	p.t.Helper()
	out, err := p.run(typed, args...)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func (p *place) now() world { return *p.world }

var fromAnywhere = []string{"--ssh-from", "0.0.0.0/0"}

func TestFromNothingToWhatUpNeeds(t *testing.T) {
	p := newPlace(t, true)
	p.world.Late = 2
	p.mustRun("", append(fromAnywhere, "--dry-run")...)
	if w := p.now(); w.Changes > 0 || p.git("status", "--porcelain") != "" {
		t.Fatalf("a dry run made %d changes", w.Changes)
	}
	if _, err := p.run("no\n", fromAnywhere...); err == nil || p.now().Changes > 0 {
		t.Fatalf("without a yes: %v, %d changes", err, p.now().Changes)
	}
	p.mustRun("yes\nthe-token\n", fromAnywhere...)
	w := p.now()
	if !reflect.DeepEqual(slices.Sorted(slices.Values(w.Providers)), namespaces) || w.Group == "" || !w.Versioning || w.Container != "state" || !w.Key {
		t.Errorf("Azure has %+v", w)
	}
	want := []string{"person-1, Storage Blob Data Contributor, " + w.Account, "person-1, Key Vault Crypto Officer, " + w.Vault}
	if !reflect.DeepEqual(w.Roles, want) || w.Backend != "azblob://state?storage_account="+w.Account || w.Provider != "azurekeyvault://"+w.Vault+".vault.azure.net/keys/pulumi" {
		t.Errorf("roles %q, backend %s, %s", w.Roles, w.Backend, w.Provider)
	}
	if len(w.Account) > 24 || len(w.Vault) > 24 {
		t.Errorf("Azure takes names of 24 characters: %s, %s", w.Account, w.Vault)
	}
	settings := map[string]any{
		"averazure:githubOwner": "acme", "averazure:codeRepo": "code-repo", "averazure:stackRepo": "stack-repo",
		"averazure:appImage": "acme/aver-api", "averazure:appContext": "", "averazure:stackDeploy": "false",
		"averazure:registryUsername": "", "averazure:registryPullUsername": "alice", "averazure:sshCidrs": []any{"0.0.0.0/0"},
		"averazure:oidcSubjects": []any{"repo:acme@1/averazure@2:environment:production", "repo:acme@1/averazure@2:environment:drift"},
	}
	if !reflect.DeepEqual(w.Config, settings) || w.Secrets["averazure:registryPullToken"] != "the-token" {
		t.Errorf("settings %v, %v", w.Config, w.Secrets)
	}
	p.pushed()
	if calls := strings.Join(w.Calls, "\n"); strings.Contains(calls, "the-token") {
		t.Error("a command line has the token")
	}
	p.nothingIsLeftToDo()
}

// pushed wants each repository to begin with its folder, and the stack file to name the
// image.
func (p *place) pushed() {
	p.t.Helper()
	w := p.now()
	for name, tree := range map[string]string{"averazure": "HEAD:", "code-repo": "HEAD:repos/code-repo", "stack-repo": "HEAD:repos/stack-repo"} {
		if got, want := p.git("--git-dir", w.Repos[name], "rev-parse", "main:"), p.git("rev-parse", tree); got != want {
			p.t.Errorf("main of %s has %s, want %s", name, got, want)
		}
	}
	file := p.git("--git-dir", w.Repos["stack-repo"], "show", "main:stack.yml")
	if !regexp.MustCompile(`(?m)^    image: ghcr\.io/acme/aver-api:latest$`).MatchString(file) || p.git("status", "--porcelain") != "" {
		p.t.Errorf("the stack file of stack-repo:\n%s", file)
	}
}

func (p *place) nothingIsLeftToDo() {
	p.t.Helper()
	before := p.now()
	p.mustRun("")
	if after := p.now(); after.Changes != before.Changes {
		p.t.Errorf("a second run changed: %q", after.Calls[len(before.Calls):])
	}
}

// up is what `pulumi up` and the first release leave behind.
func (p *place) up() {
	p.world.Outputs["deployerClientId"], p.world.Deployed = "client-1", true
}

func TestWorkflowsAreLetInAfterUp(t *testing.T) {
	p := newPlace(t, false)
	p.mustRun("yes\nthe-token\n", fromAnywhere...)
	p.up()
	p.mustRun("yes\nwrites\nreads\n")
	w := p.now()
	for _, role := range []string{"deployer-1, Storage Blob Data Contributor, " + w.Account, "deployer-1, Key Vault Crypto User, " + w.Vault} {
		if !slices.Contains(w.Roles, role) {
			t.Errorf("%s is not among %q", role, w.Roles)
		}
	}
	const onlyMain = `"deployment_branch_policy":{"custom_branch_policies":true,"protected_branches":false}`
	if want := map[string]string{"production": `{` + onlyMain + `,"reviewers":[{"type":"User","id":7}]}`, "drift": `{` + onlyMain + `}`}; !reflect.DeepEqual(w.Environments, want) {
		t.Errorf("environments %v", w.Environments)
	}
	if want := map[string]string{"production": "name=main", "drift": "name=main"}; !reflect.DeepEqual(w.Policies, want) {
		t.Errorf("branches %v", w.Policies)
	}
	if w.Secrets["production/DELIVERY_TOKEN"] != "writes" || w.Secrets["drift/DELIVERY_TOKEN"] != "reads" {
		t.Errorf("secrets %v", w.Secrets)
	}
	want := []string{"AZURE_TENANT_ID=tenant-1", "AZURE_SUBSCRIPTION_ID=sub-1", "PULUMI_STACK=dev", "PULUMI_BACKEND_URL=" + w.Backend, "AZURE_CLIENT_ID=client-1"}
	if !reflect.DeepEqual(w.Variables, want) {
		t.Errorf("variables %q", w.Variables)
	}
	if value, set := w.Config["averazure:stackDeploy"]; set {
		t.Errorf("stackDeploy is %v although stack-repo has deployed", value)
	}
	p.nothingIsLeftToDo()
}

// TestItGoesOnWhereItEnded lets every change fail once.
func TestItGoesOnWhereItEnded(t *testing.T) {
	whole := func(failAt int) (world, int) {
		p := newPlace(t, false)
		p.world.FailAt = failAt
		for _, part := range []struct {
			typed string
			args  []string
			after func()
		}{{"yes\nthe-token\n", fromAnywhere, p.up}, {"yes\nwrites\nreads\n", nil, func() {}}} {
			if out, err := p.run(part.typed, part.args...); err != nil {
				// What was asked for before the fault is not asked for again.
				typed := strings.Split(part.typed, "\n")
				for range len(typed) {
					if out, err = p.run(strings.Join(typed, "\n"), part.args...); err == nil {
						break
					}
				}
				if err != nil {
					t.Fatalf("change %d fails: %v\n%s", failAt, err, out)
				}
			}
			part.after()
		}
		w := p.now()
		p.nothingIsLeftToDo()
		return w.plain(), w.Changes
	}
	want, changes := whole(0)
	for i := 1; i <= changes; i++ {
		got, _ := whole(i)
		want.Secrets["drift/DELIVERY_TOKEN"] = got.Secrets["drift/DELIVERY_TOKEN"] // a second run was asked for this one alone
		if !reflect.DeepEqual(got, want) {
			t.Errorf("after change %d failed:\n%+v, want\n%+v", i, got, want)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		args  []string
		place func(*place)
	}{
		"nobody said who may log in":       {},
		"another branch would become main": {args: fromAnywhere, place: func(p *place) { p.git("checkout", "--quiet", "-b", "try") }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, false)
			if test.place != nil {
				test.place(p)
			}
			if _, err := p.run("yes\nthe-token\n", test.args...); err == nil || p.now().Changes > 0 {
				t.Errorf("%v, after %d changes", err, p.now().Changes)
			}
		})
	}
}

// GitHub has no environments for private repositories of an organisation on its plan Free.
func TestAPrivateRepositoryOnFreeHasNoEnvironment(t *testing.T) {
	for _, free := range []bool{true, false} {
		p := newPlace(t, false)
		p.world.Organization, p.world.Free = true, free
		p.mustRun("yes\nthe-token\n", fromAnywhere...)
		value, set := p.now().Config["averazure:stackRepoEnvironment"]
		if set != free || free && value != "" {
			t.Errorf("free: %t, stackRepoEnvironment: %v, %t", free, value, set)
		}
	}
}

func TestFewerAddressesMayLogIn(t *testing.T) {
	p := newPlace(t, false)
	p.mustRun("yes\nthe-token\n", "--ssh-from", "198.51.100.1/32,198.51.100.2/32,198.51.100.3/32")
	p.mustRun("yes\n", "--ssh-from", "198.51.100.2/32")
	if got := p.now().Config["averazure:sshCidrs"]; !reflect.DeepEqual(got, []any{"198.51.100.2/32"}) {
		t.Errorf("sshCidrs: %v", got)
	}
}

// What the program registers is in parts of Azure that an empty subscription has to
// switch on.
func TestEveryPartOfAzureIsSwitchedOn(t *testing.T) {
	used := map[string]bool{}
	form := regexp.MustCompile(`(?m)^azure-native(?:_|:)([a-z]+)`)
	files, err := filepath.Glob("../../testdata/*.inventory")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, "../../infra/testdata/inventory.txt") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range form.FindAllStringSubmatch(string(text), -1) {
			used["microsoft."+found[1]] = true
		}
	}
	delete(used, "microsoft.resources") // always there, as these are
	delete(used, "microsoft.authorization")
	for _, name := range namespaces {
		delete(used, strings.ToLower(name))
	}
	if len(used) > 0 {
		t.Errorf("not among the namespaces: %v", fmt.Sprint(used))
	}
}
