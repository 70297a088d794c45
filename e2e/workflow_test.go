package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// workflow is the part of a workflow file that the two pipelines use.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
type workflow struct {
	Jobs map[string]struct {
		Environment string
		Env         map[string]string
		Steps       []step
	}
}

type step struct {
	ID, If, Uses, Run string
	With, Env         map[string]string
}

// runner runs one job as GitHub does: an empty workspace, the steps of the workflow file in
// their order, and the values that they may know, by their names in expressions
// (secrets.GHCR_TOKEN, github.sha).
type runner struct {
	dir    string            // belongs to this run: workspace, Docker login, summary
	bare   map[string]string // repositories by name, without the owner
	values map[string]string
	env    []string // of this machine; GitHub uses its own
	log    *transcript
}

func (r *runner) workspace() string { return filepath.Join(r.dir, "workspace") }

// summary is what the run shows on its page.
func (r *runner) summary() string {
	text, _ := os.ReadFile(filepath.Join(r.dir, "summary.md")) // a run that fails early writes none
	return string(text)
}

func (r *runner) outputs() string { return filepath.Join(r.dir, "outputs") }

// codeIn is the code that deploy.sh leaves to later steps of a job (docs/delivery.md).
func codeIn(outputs string) string {
	text, _ := os.ReadFile(outputs) // a killed run writes none
	_, code, _ := strings.Cut(string(text), "code=")
	code, _, _ = strings.Cut(code, "\n")
	return code
}

// run runs the job of the file as it is in the repository at github.sha, and fails with the
// first step that fails.
func (r *runner) run(ctx context.Context, repository, file, job string) error {
	content, err := exec.CommandContext(ctx, "git", "-C", r.bare[repository], "show", r.values["github.sha"]+":.github/workflows/"+file).Output()
	if err != nil {
		return fmt.Errorf("%s: read %s: %w", repository, file, err)
	}
	var w workflow
	if err := yaml.Unmarshal(content, &w); err != nil {
		return fmt.Errorf("%s: %s: %w", repository, file, err)
	}
	steps := w.Jobs[job].Steps
	if len(steps) == 0 {
		return fmt.Errorf("%s: %s: unknown job %s", repository, file, job)
	}
	r.values["github.workspace"], r.values["github.repository"] = r.workspace(), owner+"/"+repository
	r.values["github.repository_owner"], r.values["github.actor"] = owner, "somebody"
	r.values["github.token"] = runToken
	if r.values["github.ref"] == "" {
		r.values["github.ref"] = "refs/heads/main"
	}
	if err := r.enter(w.Jobs[job].Environment); err != nil {
		return fmt.Errorf("%s: %s: %w", repository, file, err)
	}
	for _, s := range steps {
		if err := r.step(ctx, w.Jobs[job].Env, s); err != nil {
			return fmt.Errorf("%s%s: %w", s.Uses, s.Run, err)
		}
	}
	return nil
}

// runToken is the token that every run gets: it gives access to the run's own repository.
const runToken = "token-of-the-run"

// enter gives the job the secrets of the environment that it names, if its branch may have
// them. An empty name means no environment.
func (r *runner) enter(named string) error {
	expanded, err := r.expandAll(map[string]string{"": named})
	if err != nil || expanded[""] == "" {
		return err
	}
	environment := "environments." + expanded[""]
	branch := strings.TrimPrefix(r.values["github.ref"], "refs/heads/")
	if !slices.Contains(strings.Fields(r.values[environment+".branches"]), branch) {
		return fmt.Errorf("branch %q is not allowed to deploy to %s due to environment protection rules", branch, expanded[""])
	}
	for name, value := range r.values {
		if secret, ok := strings.CutPrefix(name, environment+".secrets."); ok {
			r.values["secrets."+secret] = value
		}
	}
	return nil
}

func (r *runner) step(ctx context.Context, jobEnv map[string]string, s step) error {
	if wanted, err := r.holds(s.If); err != nil || !wanted {
		return err
	}
	with, err := r.expandAll(s.With)
	if err != nil {
		return err
	}
	action, _, _ := strings.Cut(s.Uses, "@")
	switch action {
	case "":
		return r.shell(ctx, jobEnv, s)
	case "actions/checkout":
		return r.checkout(ctx, with)
	case "actions/create-github-app-token":
		if with["client-id"] == "" || with["private-key"] == "" || with["permission-contents"] != "write" {
			return errors.New("the GitHub App's client id, its private key or its permission is missing")
		}
		r.values["steps."+s.ID+".outputs.token"] = "token of the App for " + with["owner"] + "/" + with["repositories"]
		return nil
	case "actions/setup-go":
		return nil // this machine has Go
	case "docker/login-action":
		return r.command(ctx, nil, with["password"], "docker", "login", "--username", with["username"], "--password-stdin", with["registry"])
	}
	return errors.New("the tests do not play this action")
}

func (r *runner) shell(ctx context.Context, jobEnv map[string]string, s step) error {
	var env []string
	for _, values := range []map[string]string{jobEnv, s.Env} {
		expanded, err := r.expandAll(values)
		if err != nil {
			return err
		}
		for name, value := range expanded {
			env = append(env, name+"="+value)
		}
	}
	return r.command(ctx, env, "", "bash", "-e", "-c", s.Run)
}

// checkout clones the repository with its whole history. On GitHub the history is there
// only if fetch-depth asks for it.
func (r *runner) checkout(ctx context.Context, with map[string]string) error {
	name, ref := r.values["github.repository"], r.values["github.sha"]
	if with["repository"] != "" {
		name, ref = with["repository"], "origin/HEAD"
		if with["ssh-key"] == "" && with["token"] == runToken {
			return fmt.Errorf("%s: Not Found: the token of the run opens its own repository only", name)
		}
		fmt.Fprintf(r.log, "checkout %s with %s\n", name, r.loginOf(with))
	}
	if branch, ok := strings.CutPrefix(with["ref"], "refs/heads/"); ok {
		ref = "origin/" + branch
	}
	bare, ok := r.bare[path.Base(name)]
	if !ok {
		return fmt.Errorf("unknown repository %q", name)
	}
	to := filepath.Join(r.workspace(), with["path"])
	if err := r.command(ctx, nil, "", "git", "clone", "-q", bare, to); err != nil {
		return err
	}
	return r.command(ctx, nil, "", "git", "-C", to, "checkout", "-q", "--detach", ref)
}

// loginOf names, by its secret or output, the credential with which a checkout logs in.
// With a key, the original action clones over SSH, whether or not there is a token.
func (r *runner) loginOf(with map[string]string) string {
	login := cmp.Or(with["ssh-key"], with["token"])
	for name, value := range r.values {
		if value == login {
			return name
		}
	}
	return "what nobody gave it"
}

func (r *runner) command(ctx context.Context, env []string, stdin, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin = r.workspace(), strings.NewReader(stdin)
	cmd.Env = append(append(os.Environ(), r.env...), "DOCKER_CONFIG="+filepath.Join(r.dir, "docker"),
		"GITHUB_STEP_SUMMARY="+filepath.Join(r.dir, "summary.md"), "GITHUB_OUTPUT="+r.outputs())
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = r.log, r.log, 10*time.Second
	return cmd.Run()
}

var (
	expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)
	reference  = regexp.MustCompile(`^((secrets|vars|github)\.[A-Za-z_]+|steps\.\w+\.outputs\.\w+)$`)
	comparison = regexp.MustCompile(`^(\S+) (==|!=) '([^']*)'$`)
)

// holds evaluates the conditions that the two workflows use.
func (r *runner) holds(condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	found := comparison.FindStringSubmatch(condition)
	if found == nil || !reference.MatchString(found[1]) {
		return false, fmt.Errorf("if: %s: the tests do not understand this", condition)
	}
	return (r.values[found[1]] == found[3]) == (found[2] == "=="), nil
}

// expandAll replaces the expressions. Each is one name or several; of several, the first
// that is set counts. A name that is not set gives an empty text, as on GitHub.
func (r *runner) expandAll(values map[string]string) (map[string]string, error) {
	expanded := map[string]string{}
	var unknown error
	for name, value := range values {
		expanded[name] = expression.ReplaceAllStringFunc(value, func(text string) string {
			value := ""
			for name := range strings.SplitSeq(expression.FindStringSubmatch(text)[1], " || ") {
				if !reference.MatchString(name) {
					unknown = fmt.Errorf("%s: the tests do not understand this", text)
				}
				value = cmp.Or(value, r.values[name])
			}
			return value
		})
	}
	return expanded, unknown
}
