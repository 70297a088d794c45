package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"averazure/internal/settings"
)

// pulumiStack logs in to the state and makes the Pulumi stack there.
func (s *setup) pulumiStack() error {
	var who struct{ URL string }
	if err := s.askJSON(&who, "pulumi", "whoami", "--json"); err != nil || who.URL != s.backend() {
		if err := s.do("log in to the state", "pulumi", "login", s.backend()); err != nil {
			return err
		}
		if s.dry { // Pulumi still uses another backend, so it cannot be asked
			return s.newStack()
		}
	}
	var stacks []struct {
		Name    string
		Current bool
	}
	err := s.inTime("Azure lets you read the state", func() error { return s.askJSON(&stacks, "pulumi", "stack", "ls", "--json") })
	if err != nil {
		return err
	}
	for _, stack := range stacks {
		if stack.Name == s.stack {
			s.stackThere = true
			if stack.Current {
				return nil
			}
			return s.do("select the Pulumi stack "+s.stack, "pulumi", "stack", "select", s.stack)
		}
	}
	return s.newStack()
}

func (s *setup) newStack() error {
	return s.change("make the Pulumi stack "+s.stack, func() error {
		err := s.inTime("Azure lets you use the key", func() error {
			_, err := s.call(nil, "pulumi", "stack", "select", s.stack, "--create", "--secrets-provider", s.secretsProvider())
			return err
		})
		s.stackThere = err == nil
		return err
	})
}

// setting is one key of the settings file and what it has to be.
type setting struct{ path, value string }

// wanted are the settings for the delivery. code-repo builds the image from the first day,
// so this program builds none, and stack-repo makes the first release.
func (s *setup) wanted() ([]setting, error) {
	all := []setting{
		{"githubOwner", s.owner}, {"codeRepo", s.codeRepo}, {"stackRepo", s.stackRepo},
		{"appImage", s.image()}, {"appContext", ""},
		// On ghcr.io code-repo pushes with the token of its own runs, so the program needs
		// no login that pushes.
		{"registryUsername", ""}, {"registryPullUsername", s.login},
	}
	for i, address := range s.sshFrom {
		all = append(all, setting{element("sshCidrs", i), address})
	}
	prefix, err := s.subjectPrefix()
	if err != nil {
		return nil, err
	}
	for i, environment := range environments {
		all = append(all, setting{element("oidcSubjects", i), prefix + ":environment:" + environment})
	}
	free, err := s.withoutEnvironments(s.stackRepo)
	if free {
		all = append(all, setting{"stackRepoEnvironment", ""})
	}
	return all, err
}

func element(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

// image is the application's, as ghcr.io writes it.
func (s *setup) image() string { return strings.ToLower(s.owner) + "/aver-api" }

// configured is one key of the output of `pulumi config --json`.
type configured struct {
	Value       *string
	ObjectValue any
	Secret      bool
}

// at is the value at a path: a key, or an element of a key's list.
func at(config map[string]configured, path string) (string, bool) {
	key, element, isList := strings.Cut(path, "[")
	found, ok := config[settings.Name(key)]
	if !isList {
		if !ok || found.Value == nil {
			return "", false
		}
		return *found.Value, true
	}
	list, _ := found.ObjectValue.([]any)
	var i int
	if _, err := fmt.Sscanf(element, "%d]", &i); err != nil || i >= len(list) {
		return "", false
	}
	return fmt.Sprint(list[i]), true
}

func (s *setup) settings() error {
	config := map[string]configured{}
	if s.stackThere {
		if err := s.askJSON(&config, "pulumi", "config", "--stack", s.stack, "--json"); err != nil {
			return err
		}
	}
	if len(s.sshFrom) == 0 {
		if err := checkSSH(config); err != nil {
			return err
		}
	}
	wanted, err := s.wanted()
	if err != nil {
		return err
	}
	for _, one := range wanted {
		if value, ok := at(config, one.path); ok && value == one.value {
			continue
		}
		if err := s.do(fmt.Sprintf("set %s to %q", settings.Name(one.path), one.value), "pulumi", "config", "set", "--stack", s.stack,
			"--path", settings.Name(one.path), one.value); err != nil {
			return err
		}
	}
	if err := s.fewer(config); err != nil {
		return err
	}
	if err := s.pullToken(config); err != nil {
		return err
	}
	return s.whoDeploys(config)
}

// fewer takes out addresses that the command line does not name, the last one first.
func (s *setup) fewer(config map[string]configured) error {
	list, _ := config[settings.Name("sshCidrs")].ObjectValue.([]any)
	for i := len(list) - 1; len(s.sshFrom) > 0 && i >= len(s.sshFrom); i-- {
		if err := s.do(fmt.Sprintf("no longer let %v log in", list[i]), "pulumi", "config", "rm", "--stack", s.stack,
			"--path", settings.Name(element("sshCidrs", i))); err != nil {
			return err
		}
	}
	return nil
}

// checkSSH requires the addresses that may log in: the settings file that comes with the
// program has an example that nobody uses.
func checkSSH(config map[string]configured) error {
	if first, set := at(config, "sshCidrs[0]"); set && first != nobody {
		return nil
	}
	return errors.New("--ssh-from is missing: name the addresses that log in to the managers, yours and those of the pipelines' runners. " +
		"GitHub's own runners have no fixed ones and need 0.0.0.0/0: then the whole internet reaches sshd, which takes keys only")
}

// nobody is the example address in the settings files that come with the program.
const nobody = "192.0.2.1/32"

func (s *setup) pullToken(config map[string]configured) error {
	if config[settings.Name("registryPullToken")].Secret {
		return nil
	}
	const page = "https://github.com/settings/tokens/new?scopes=read:packages&description=averazure+pulls"
	return s.change("ask you for a classic token of "+s.login+" with the scope read:packages, from "+page, func() error {
		token, err := s.in.secret("token")
		if err != nil {
			return err
		}
		_, err = s.call(strings.NewReader(token), "pulumi", "config", "set", "--stack", s.stack, "--secret", settings.Name("registryPullToken"))
		return err
	})
}

// whoDeploys keeps the first `pulumi up` from deploying, since there is no image yet. Once
// stack-repo has deployed, `pulumi up` may: it leaves images alone, and brings new secrets.
func (s *setup) whoDeploys(config map[string]configured) error {
	value, _ := at(config, "stackDeploy")
	deployer, err := s.deployer()
	if err != nil {
		return err
	}
	if deployer == "" && value != "false" {
		return s.do("let stack-repo make the first release, not `pulumi up`", "pulumi", "config", "set", "--stack", s.stack, settings.Name("stackDeploy"), "false")
	}
	deployed, err := s.hasDeployed()
	if deployed && value == "false" {
		return s.do("let `pulumi up` bring new secrets, now that stack-repo has deployed", "pulumi", "config", "rm", "--stack", s.stack, settings.Name("stackDeploy"))
	}
	return err
}

// hasDeployed asks GitHub whether a run of stack-repo's pipeline has deployed. A run that
// was skipped because variables were missing does not count.
func (s *setup) hasDeployed() (bool, error) {
	if s.remotes[s.stackRepo] == "" {
		return false, nil
	}
	var runs []struct{ WorkflowName string }
	err := s.askJSON(&runs, "gh", "run", "list", "--repo", s.owner+"/"+s.stackRepo, "--status", "success", "--json", "workflowName")
	return slices.ContainsFunc(runs, func(run struct{ WorkflowName string }) bool { return run.WorkflowName == "deploy" }), err
}

// deployer is the client ID that `pulumi up` has made for this repository's workflows;
// empty before the first one.
func (s *setup) deployer() (string, error) {
	if !s.stackThere {
		return "", nil
	}
	outputs := map[string]any{}
	if err := s.askJSON(&outputs, "pulumi", "stack", "output", "--stack", s.stack, "--json"); err != nil {
		return "", err
	}
	id, _ := outputs["deployerClientId"].(string)
	return id, nil
}
