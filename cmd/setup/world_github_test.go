package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

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
