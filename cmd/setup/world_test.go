package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// world is what Azure, GitHub and Pulumi have. It plays az, gh and pulumi.
type world struct {
	dir                                  string // where its bare repositories are
	Providers                            []string
	Group, Account, Container, Vault     string
	Versioning, Key                      bool
	Roles                                []string // who, role, scope
	Backend, Provider, Current           string
	Stacks                               []string
	Config                               map[string]any
	Secrets                              map[string]string // of Pulumi's settings, and of GitHub by environment/name
	Outputs                              map[string]any
	Repos                                map[string]string // name to the path of a bare one
	Public, Organization, Free, NoDeploy bool
	Deployed                             bool
	Environments                         map[string]string // name to the rules that it was made with
	Policies                             map[string]string
	Variables                            []string // in the order in which they were set
	Calls                                []string
	Words                                [][]string // of the calls, one by one
	Changes, FailAt                      int
	Late                                 int // how many times Azure still refuses a new role
}

func newWorld(t *testing.T) *world {
	return &world{dir: t.TempDir(), Config: map[string]any{}, Secrets: map[string]string{}, Outputs: map[string]any{}, Repos: map[string]string{},
		Environments: map[string]string{}, Policies: map[string]string{}}
}

// run is the runner: az, gh and pulumi are played, git and the rest are real.
func (w *world) run(ctx context.Context, input io.Reader, name string, args ...string) (string, error) {
	play := map[string]func(string, []string, string) (any, error){"az": w.az, "gh": w.gh, "pulumi": w.pulumi}[name]
	line, given := strings.Join(args, " "), ""
	w.Calls, w.Words = append(w.Calls, name+" "+line), append(w.Words, append([]string{name}, args...))
	if play == nil {
		return execute(ctx, input, name, args...)
	}
	if input != nil {
		text, err := io.ReadAll(input)
		if err != nil {
			return "", err
		}
		given = string(text)
	}
	answer, err := play(line, args, given)
	if text, is := answer.(string); is || answer == nil || err != nil {
		return text, err
	}
	text, err := json.Marshal(answer)
	return string(text), err
}

// changed counts what changes something, and lets one such call fail.
func (w *world) changed(do func()) (any, error) {
	w.Changes++
	if w.Changes == w.FailAt {
		return nil, fmt.Errorf("call %d fails", w.Changes)
	}
	do()
	return nil, nil
}

// option is the value behind a flag.
func option(args []string, name string) string {
	if i := slices.Index(args, name); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

func count(there bool) string {
	if there {
		return "1"
	}
	return "0"
}

func (w *world) az(line string, args []string, _ string) (any, error) {
	has := func(words string) bool { return strings.HasPrefix(line, words) }
	name := option(args, "--name")
	needsGroup := func(do func()) (any, error) {
		if w.Group == "" {
			return nil, fmt.Errorf("ResourceGroupNotFound")
		}
		return w.changed(do)
	}
	switch {
	case has("account show"):
		return map[string]any{"id": "sub-1", "name": "Ours", "tenantId": "tenant-1", "user": map[string]string{"name": "me@example.org", "type": "user"}}, nil
	case has("ad signed-in-user show"):
		return "person-1", nil
	case has("ad sp show --id client-1"):
		return "deployer-1", nil
	case has("provider list"):
		return strings.Join(w.Providers, "\n"), nil
	case has("provider register"):
		return w.changed(func() { w.Providers = append(w.Providers, option(args, "--namespace")) })
	case has("group exists"):
		return strconv.FormatBool(w.Group == name), nil
	case has("group create"):
		return w.changed(func() { w.Group = name })
	case w.Group == "":
		return nil, fmt.Errorf("ResourceGroupNotFound")
	case has("storage account list"):
		return count(w.Account != "" && strings.Contains(line, "'"+w.Account+"'")), nil
	case has("storage account create"):
		return needsGroup(func() { w.Account = name })
	case has("storage account blob-service-properties show"):
		return strconv.FormatBool(w.Versioning), nil
	case has("storage account blob-service-properties update"):
		return w.changed(func() { w.Versioning = true })
	case has("storage container-rm exists"):
		return strconv.FormatBool(w.Container == name), nil
	case has("storage container-rm create"):
		return w.changed(func() { w.Container = name })
	case has("keyvault list"):
		return count(w.Vault != "" && strings.Contains(line, "'"+w.Vault+"'")), nil
	case has("keyvault create"):
		return needsGroup(func() { w.Vault = name })
	case has("keyvault key list"):
		if w.Late > 0 {
			w.Late--
			return nil, fmt.Errorf("Forbidden")
		}
		return count(w.Key), nil
	case has("keyvault key create"):
		return w.changed(func() { w.Key = true })
	case has("role assignment list"):
		return count(slices.Contains(w.Roles, grant(args, "--assignee"))), nil
	case has("role assignment create"):
		return w.changed(func() { w.Roles = append(w.Roles, grant(args, "--assignee-object-id")) })
	}
	return nil, fmt.Errorf("az does not know %q", line)
}

func grant(args []string, who string) string {
	return option(args, who) + ", " + option(args, "--role") + ", " + filepath.Base(option(args, "--scope"))
}

func (w *world) pulumi(line string, args []string, given string) (any, error) {
	has := func(words string) bool { return strings.HasPrefix(line, words) }
	key := func(after string) string {
		rest := args[slices.Index(args, after)+1:]
		i := slices.IndexFunc(rest, func(arg string) bool { return strings.HasPrefix(arg, "averazure:") })
		return rest[i]
	}
	switch {
	case has("whoami"):
		if w.Backend == "" {
			return nil, fmt.Errorf("not logged in")
		}
		return map[string]string{"user": "me", "url": w.Backend}, nil
	case has("login"):
		return w.changed(func() { w.Backend = args[1] })
	case has("stack ls"):
		stacks := []map[string]any{}
		for _, name := range w.Stacks {
			stacks = append(stacks, map[string]any{"name": name, "current": name == w.Current})
		}
		return stacks, nil
	case has("stack select"):
		return w.changed(func() {
			w.Current = args[2]
			if slices.Contains(args, "--create") {
				w.Stacks, w.Provider = append(w.Stacks, args[2]), option(args, "--secrets-provider")
			}
		})
	case has("stack output"):
		return w.Outputs, nil
	case has("config set") && slices.Contains(args, "--secret"):
		return w.changed(func() { w.Secrets[key("set")] = given })
	case has("config set"):
		return w.changed(func() { w.set(key("set"), args[len(args)-1]) })
	case has("config rm"):
		return w.changed(func() { w.remove(key("rm")) })
	case has("config"):
		return w.settings(), nil
	}
	return nil, fmt.Errorf("pulumi does not know %q", line)
}

// settings are those of the file and, as Pulumi does it, the defaults of Pulumi.yaml.
func (w *world) settings() map[string]any {
	all := map[string]any{"averazure:stackDeploy": map[string]any{"value": "true"}, "averazure:registryPullToken": map[string]any{"value": ""}, "averazure:sshCidrs": list("192.0.2.1/32")}
	for key, value := range w.Config {
		all[key] = map[string]any{"value": value}
		if values, is := value.([]any); is {
			all[key] = list(values...)
		}
	}
	for key := range w.Secrets {
		all[key] = map[string]any{"secret": true}
	}
	return all
}

func list(values ...any) map[string]any {
	return map[string]any{"value": "[...]", "objectValue": values}
}

func (w *world) set(path, value string) {
	key, index, is := strings.Cut(path, "[")
	if !is {
		w.Config[key] = value
		return
	}
	i, _ := strconv.Atoi(strings.TrimSuffix(index, "]"))
	values, _ := w.Config[key].([]any)
	if i == len(values) {
		values = append(values, value)
	} else {
		values[i] = value
	}
	w.Config[key] = values
}

func (w *world) remove(path string) {
	key, index, is := strings.Cut(path, "[")
	if !is {
		delete(w.Config, key)
		return
	}
	i, _ := strconv.Atoi(strings.TrimSuffix(index, "]"))
	values := w.Config[key].([]any)
	w.Config[key] = slices.Delete(values, i, i+1)
}

func (w *world) gh(line string, args []string, given string) (any, error) {
	has := func(words string) bool { return strings.HasPrefix(line, words) }
	const environments = "repos/acme/averazure/environments"
	type named struct {
		Name string `json:"name"`
	}
	switch {
	case line == "api user":
		return map[string]any{"login": "alice", "id": 7, "plan": map[string]string{"name": "free"}}, nil
	case line == "api users/acme":
		return map[string]string{"type": map[bool]string{true: "Organization", false: "User"}[w.Organization]}, nil
	case line == "api orgs/acme":
		plan := "team"
		if w.Free {
			plan = "free"
		}
		return map[string]any{"plan": map[string]string{"name": plan}, "deploy_keys_enabled_for_repositories": !w.NoDeploy}, nil
	case has("repo list"):
		repos := []named{}
		for name := range w.Repos {
			repos = append(repos, named{name})
		}
		return repos, nil
	case has("repo create"):
		return w.changed(func() {
			name := filepath.Base(args[2])
			w.Repos[name] = filepath.Join(w.dir, name+".git")
			if out, err := exec.Command("git", "init", "--quiet", "--bare", w.Repos[name]).CombinedOutput(); err != nil {
				panic(string(out))
			}
		})
	case strings.HasSuffix(line, "/actions/oidc/customization/sub"):
		return map[string]any{"use_default": true, "sub_claim_prefix": "repo:acme@1/averazure@2"}, nil
	case line == "api "+environments:
		found := []named{}
		for name := range w.Environments {
			found = append(found, named{name})
		}
		return map[string]any{"environments": found}, nil
	case has("api --method PUT " + environments):
		return w.changed(func() { w.Environments[filepath.Base(args[3])] = given })
	case has("api --method POST " + environments):
		return w.changed(func() { w.Policies[filepath.Base(filepath.Dir(args[3]))] = args[5] })
	case strings.HasSuffix(line, "/deployment-branch-policies"):
		found := []named{}
		if name, ok := w.Policies[filepath.Base(filepath.Dir(args[1]))]; ok {
			found = append(found, named{name})
		}
		return map[string]any{"branch_policies": found}, nil
	case has("api repos/acme/"):
		return map[string]any{"clone_url": w.Repos[filepath.Base(args[1])], "private": !w.Public}, nil
	case has("run list"):
		runs := []map[string]string{}
		if w.Deployed {
			runs = append(runs, map[string]string{"workflowName": "deploy"})
		}
		return runs, nil
	case has("secret list"):
		found := []named{}
		for name := range w.Secrets {
			if environment, secret, is := strings.Cut(name, "/"); is && environment == option(args, "--env") {
				found = append(found, named{secret})
			}
		}
		return found, nil
	case has("secret set"):
		return w.changed(func() { w.Secrets[option(args, "--env")+"/"+args[2]] = given })
	case has("variable list"):
		found := []map[string]string{}
		for _, one := range w.Variables {
			name, value, _ := strings.Cut(one, "=")
			found = append(found, map[string]string{"name": name, "value": value})
		}
		return found, nil
	case has("variable set"):
		return w.changed(func() { w.Variables = append(w.Variables, args[2]+"="+option(args, "--body")) })
	}
	return nil, fmt.Errorf("gh does not know %q", line)
}

// plain is the world without how it came to be.
func (w world) plain() world {
	w.dir, w.Calls, w.Words, w.Changes, w.FailAt, w.Late = "", nil, nil, 0, 0, 0
	w.Repos = maps.Clone(w.Repos)
	for name := range w.Repos {
		w.Repos[name] = name
	}
	return w
}
