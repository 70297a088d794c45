package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// world is the state of Azure, GitHub and Pulumi. It plays az, gh and pulumi.
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
	Environments                         map[string]string // name to the rules with which it was made
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

// plain is the world without the record of how it got there.
func (w world) plain() world {
	w.dir, w.Calls, w.Words, w.Changes, w.FailAt, w.Late = "", nil, nil, 0, 0, 0
	w.Repos = maps.Clone(w.Repos)
	for name := range w.Repos {
		w.Repos[name] = name
	}
	return w
}
