package release

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// announced is what the deploy key is measured against: the specs of a file, and facts that
// the specs do not show.
type announced struct {
	stackfile.Specs
	// Contents maps each secret that the file makes to the digest of its source.
	Contents map[string]string `json:"contents,omitempty"`
	// Special are the volumes that reached out of a container in an earlier trusted file.
	// They stay on the nodes, with the options that they were made with.
	Special []string `json:"special,omitempty"`
}

func announce(specs stackfile.Specs, file *stackfile.File, stack string) announced {
	a := announced{Specs: specs, Contents: map[string]string{}}
	for _, one := range file.Contents(stack) {
		from := ""
		if one.Spec.Driver != nil {
			from = fromDriver
		}
		a.Contents[one.Spec.Name] = from + digest([]byte(canonical(one.Spec)))
	}
	return a
}

// fromDriver begins the digest of a secret that a plugin on the nodes makes.
const fromDriver = "driver "

// trusted reads what `pulumi up` announced last; nil if the stack was never announced.
func (d *Reader) trusted(ctx context.Context, stack string) (*announced, error) {
	data, err := d.noted(ctx, labelTrusted, stack)
	if err != nil || data == nil {
		return nil, err
	}
	a, err := unpack[announced](data)
	return &a, err
}

// guard refuses what the deploy key may not change. It records what `pulumi up` brings,
// against which the key is measured.
func (w *work) guard(ctx context.Context, order Order, specs stackfile.Specs) *Result {
	if order.Scope == "" {
		if order.From != FromPulumi {
			return nil
		}
		if err := w.note(ctx, w.stack, specs, order.File); err != nil {
			result := w.fail("trust", err)
			return &result
		}
		return nil
	}
	problems, err := w.beyondKey(ctx, w.stack, order, specs)
	if err != nil {
		result := w.fail("trust", err)
		return &result
	}
	if len(problems) > 0 {
		return &Result{Outcome: Refused, Problems: problems, Verdict: "refused, and nothing was touched: " + reasons(problems)}
	}
	return nil
}

// beyondKey is what a file of the deploy key would change although it may not. It is empty
// for a caller that may deploy anything.
func (d *Reader) beyondKey(ctx context.Context, stack string, order Order, specs stackfile.Specs) ([]Problem, error) {
	if order.Scope == "" {
		return nil, nil
	}
	trusted, err := d.trusted(ctx, stack)
	if err != nil {
		return nil, err
	}
	if trusted == nil {
		return []Problem{{Code: CodeUnknownStack,
			Reason: fmt.Sprintf("stack %s is unknown here: `pulumi up` must announce it before the deploy key can deploy it", stack)}}, nil
	}
	return append(Guard(order.Scope, *trusted, specs), guardContents(order.Scope, *trusted, announce(specs, order.File, stack))...), nil
}

// guardContents lists the secrets that are not as `pulumi up` announced them: secrets whose
// content is held, secrets that a plugin on the nodes makes, and secrets that a file asks
// for in a specific version.
func guardContents(scope string, trusted, asked announced) []Problem {
	var problems []Problem
	add := func(name, why string) {
		problems = append(problems, Problem{Code: CodeDeployKey, Field: "secret " + name,
			Reason: fmt.Sprintf("the deploy key may not change secret %s: %s", name, why)})
	}
	held := heldContents(scope, trusted, asked.Specs)
	for _, name := range slices.Sorted(maps.Keys(merged(asked.Contents, held))) {
		now := asked.Contents[name]
		switch {
		case trusted.Contents[name] == now:
		case strings.HasPrefix(now, fromDriver):
			add(name, "a plugin on the nodes makes it; deploy it once with `pulumi up`")
		case held[name] != "":
			add(name, held[name])
		}
	}
	known := secretNames(trusted.Specs)
	for _, name := range slices.Sorted(maps.Keys(secretNames(asked.Specs))) {
		if name != logical(name) && !known[name] {
			add(name, "it names one version; use the name without version")
		}
	}
	if more := len(problems) - problemLimit; more > 0 {
		problems = append(problems[:problemLimit], Problem{Code: CodeDeployKey, Reason: fmt.Sprintf("and %d more like this", more)})
	}
	return problems
}

// heldContents are the secrets whose content must stay as `pulumi up` deployed it, each
// with the reason. In the scope images this is all of them, since other content is another
// value for the same image. In every scope it is the secrets of services that reach out of
// their containers.
func heldContents(scope string, trusted announced, asked stackfile.Specs) map[string]string {
	g, held := newGuard(trusted, asked), map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(g.asked.Services)) {
		reach := g.reach(g.asked.Services[name])
		if g.reach(g.trusted.Services[name]) == "" {
			reach = "" // a service that reaches out only now is refused for that
		}
		for secret := range secretsOf(g.asked.Services[name]) {
			switch {
			case reach != "":
				held[secret] = fmt.Sprintf("service %s, which reaches out of its container (%s), reads it; deploy it once with `pulumi up`", name, reach)
			case scope == ScopeImages && held[secret] == "":
				held[secret] = "its file is not the one that `pulumi up` deployed; set averazure:deployScope to stack, or deploy it once with `pulumi up`"
			}
		}
	}
	return held
}

// secretNames are the names of all secrets in some specs, as in the file.
func secretNames(specs stackfile.Specs) map[string]bool {
	names := map[string]bool{}
	for _, spec := range specs.Services {
		maps.Copy(names, secretsOf(spec))
	}
	return names
}

func secretsOf(spec swarm.ServiceSpec) map[string]bool {
	names := map[string]bool{}
	if c := spec.TaskTemplate.ContainerSpec; c != nil {
		for _, ref := range c.Secrets {
			names[secretName(ref)] = true
		}
	}
	return names
}

// note records what `pulumi up` brings: what the deploy key is measured against (see
// announced), and the variables with which its files are read.
func (d *Deployer) note(ctx context.Context, stack string, specs stackfile.Specs, file *stackfile.File) error {
	now := announce(specs, file, stack)
	former, err := d.trusted(ctx, stack)
	if err != nil {
		return err
	}
	if former != nil {
		now.Special = slices.Compact(slices.Sorted(slices.Values(append(former.Special, specialVolumes(former.Specs)...))))
	}
	data, err := pack(now)
	if err == nil {
		err = d.noteAs(ctx, labelTrusted, stack, "trusted", data)
	}
	if err != nil {
		return err
	}
	if data, err = json.Marshal(file.Variables()); err != nil {
		return err
	}
	return d.noteAs(ctx, labelVariables, stack, "trusted-variables", data)
}

// noteAs keeps data in a Docker config whose name depends on its content, and removes the
// former configs with that label.
func (d *Deployer) noteAs(ctx context.Context, label, stack, what string, data []byte) error {
	name := stack + "-" + what + "-" + digest(data)
	configs, err := d.labelled(ctx, label+"="+stack)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(configs, func(c swarm.Config) bool { return c.Spec.Name == name }) {
		if err := d.createConfig(ctx, configOf(name, map[string]string{label: stack}, data)); err != nil {
			return err
		}
	}
	for _, former := range configs {
		if former.Spec.Name != name {
			if err := d.removeConfig(ctx, former.Spec.Name, former.ID); err != nil {
				d.say("%v", err)
			}
		}
	}
	return nil
}

// Variables are the values of variables that `pulumi up` gave the stack; nil if it was
// never announced. Files from elsewhere are read with them.
func (d *Reader) Variables(ctx context.Context, stack string) (map[string]string, error) {
	data, err := d.noted(ctx, labelVariables, stack)
	if err != nil || data == nil {
		return nil, err
	}
	var variables map[string]string
	if err := json.Unmarshal(data, &variables); err != nil {
		return nil, fmt.Errorf("read the variables of %s: %w", stack, err)
	}
	return variables, nil
}

// noted is the newest record with a label; nil if there is none.
func (d *Reader) noted(ctx context.Context, label, stack string) ([]byte, error) {
	configs, err := d.labelled(ctx, label+"="+stack)
	if err != nil || len(configs) == 0 {
		return nil, err
	}
	return slices.MaxFunc(configs, func(a, b swarm.Config) int { return cmp.Compare(a.Version.Index, b.Version.Index) }).Spec.Data, nil
}
