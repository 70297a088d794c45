package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

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

// TestTheNextRunContinuesWhereTheLastEnded lets each change fail once. The next run
// continues there, and the result is the same.
func TestTheNextRunContinuesWhereTheLastEnded(t *testing.T) {
	whole := func(failAt int) (world, int) {
		p := newPlace(t, false)
		p.world.FailAt = failAt
		for _, part := range []struct {
			typed string
			args  []string
			after func()
		}{{"yes\nthe-token\n", fromAnywhere, p.up}, {"yes\nwrites\nreads\n", nil, func() {}}} {
			if out, err := p.run(part.typed, part.args...); err != nil {
				// A value that was asked for before the failure is not asked for again.
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
		want.Secrets["drift/DELIVERY_TOKEN"] = got.Secrets["drift/DELIVERY_TOKEN"] // the second run asks for this token only
		if !reflect.DeepEqual(got, want) {
			t.Errorf("after change %d failed:\n%+v, want\n%+v", i, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		args  []string
		place func(*place)
	}{
		"nobody said who may log in":       {},
		"an address that is none":          {args: []string{"--ssh-from", "1.2.3.4.5"}},
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
	p.mustRun("yes\n", "--ssh-from", "198.51.100.2") // curl prints addresses so
	if got := p.now().Config["averazure:sshCidrs"]; !reflect.DeepEqual(got, []any{"198.51.100.2/32"}) {
		t.Errorf("sshCidrs: %v", got)
	}
}

// The program registers resources in parts of Azure that an empty subscription has to
// switch on. Setup switches on all of them.
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
	delete(used, "microsoft.resources") // this one and the next are always switched on
	delete(used, "microsoft.authorization")
	for _, name := range namespaces {
		delete(used, strings.ToLower(name))
	}
	if len(used) > 0 {
		t.Errorf("not among the namespaces: %v", fmt.Sprint(used))
	}
}
