package repos

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// object is a mapping of a YAML file.
type object = map[string]any

func parse(t *testing.T, file string) (object, string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var parsed object
	if err := yaml.Unmarshal(content, &parsed); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return parsed, string(content)
}

// workflows are the files of this repository's workflows and of the two others'.
func workflows(t *testing.T) []string {
	t.Helper()
	files, _ := filepath.Glob("*/.github/workflows/*.yml")
	own, _ := filepath.Glob("../.github/workflows/*.yml")
	if len(files) == 0 || len(own) == 0 {
		t.Fatalf("workflows %v and %v", files, own)
	}
	return append(files, own...)
}

func jobs(workflow object) object { return workflow["jobs"].(object) }

func steps(job any) []any { return job.(object)["steps"].([]any) }

func pick(from object, keys ...string) object {
	picked := object{}
	for _, key := range keys {
		if value, ok := from[key]; ok {
			picked[key] = value
		}
	}
	return picked
}

// logsIn are the actions that log in somewhere. What they do at ghcr.io, at Azure
// and for a GitHub App no end-to-end test can see.
var logsIn = regexp.MustCompile(`^(docker/login-action|azure/login|actions/create-github-app-token)@`)

var secrets = regexp.MustCompile(`secrets\.(\w+)`)

// promises is the part of a workflow that testdata/workflows.yml states.
func promises(workflow object, text string) object {
	made := pick(workflow, "on", "permissions", "concurrency")
	read := map[string]bool{}
	for _, match := range secrets.FindAllStringSubmatch(text, -1) {
		read[match[1]] = true
	}
	for _, name := range slices.Sorted(maps.Keys(read)) {
		list, _ := made["secrets"].([]any)
		made["secrets"] = append(list, name)
	}
	each := object{}
	for name, job := range jobs(workflow) {
		its := pick(job.(object), "if", "needs", "environment", "permissions", "concurrency")
		for _, step := range steps(job) {
			if action, _ := step.(object)["uses"].(string); strings.HasPrefix(action, "pulumi/actions@") {
				its["pulumi"] = step.(object)["with"]
			}
			if action, _ := step.(object)["uses"].(string); logsIn.MatchString(action) {
				list, _ := its["logins"].([]any)
				its["logins"] = append(list, pick(step.(object), "if", "with"))
			}
			if command, ok := step.(object)["run"]; ok {
				list, _ := its["run"].([]any)
				its["run"] = append(list, command)
			}
		}
		each[name] = its
	}
	made["jobs"] = each
	return made
}

func TestWorkflowsKeepTheirPromises(t *testing.T) {
	want, _ := parse(t, "testdata/workflows.yml")
	files := workflows(t)
	for _, file := range files {
		if got := promises(parse(t, file)); !reflect.DeepEqual(got, want[file]) {
			is, _ := yaml.Marshal(got)
			ought, _ := yaml.Marshal(want[file])
			t.Errorf("%s is\n%s\ntestdata/workflows.yml says\n%s", file, is, ought)
		}
	}
	if len(want) != len(files) {
		t.Errorf("testdata/workflows.yml has %d workflows, there are %d", len(want), len(files))
	}
}

var (
	uses   = regexp.MustCompile(`uses:\s*\S+@(.*)`)
	pinned = regexp.MustCompile(`^[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+(,|$)`)
)

// Every action is pinned to a commit, with the release that it is beside it: a
// tag can be moved, and most of them see secrets. No expression is written into
// a command, where it would be run as part of it.
func TestWorkflowsRunWhatTheyNameAndEndInTime(t *testing.T) {
	for _, file := range workflows(t) {
		workflow, text := parse(t, file)
		for _, match := range uses.FindAllStringSubmatch(text, -1) {
			if !pinned.MatchString(match[1]) {
				t.Errorf("%s: %s is not pinned to the commit of a release", file, match[0])
			}
		}
		for name, job := range jobs(workflow) {
			if _, ok := job.(object)["timeout-minutes"].(int); !ok {
				t.Errorf("%s: job %s has no timeout-minutes", file, name)
			}
			for _, step := range steps(job) {
				if command, _ := step.(object)["run"].(string); strings.Contains(command, "${{") {
					t.Errorf("%s: an expression in a command: %s", file, command)
				}
			}
		}
	}
}
