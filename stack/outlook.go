package stack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/release"
	"averazure/internal/stackfile"
	"averazure/internal/survey"
)

// deployment is a command that deploys. A preview uses it to say what the command would
// change.
type deployment struct {
	args   Args
	parent pulumi.Resource
	name   string // of the command
	built
	line    pulumi.StringOutput
	request pulumi.StringOutput
}

// tell says in a preview what the deployment would change.
func (d deployment) tell(ctx *pulumi.Context) error {
	if ctx.DryRun() && !d.args.Drift.Tells(ctx) { // no manager can be asked what runs
		return d.replaces(ctx)
	}
	d.args.Drift.Beside(ctx, func() error { return d.told(ctx) })
	return nil
}

// replaces says which images the deployment puts in place of the file's.
func (d deployment) replaces(ctx *pulumi.Context) error {
	if !d.args.StackDeploy {
		return nil
	}
	for _, note := range d.args.File.Replaced(d.built.inPlace()) {
		if err := ctx.Log.Info(note, &pulumi.LogArgs{Resource: d.parent}); err != nil {
			return err
		}
	}
	return nil
}

func (d deployment) told(ctx *pulumi.Context) error {
	var last *release.ReleaseStatus
	if status := d.args.Drift.Status(d.args.StackName); status != nil {
		last = status.Release
	}
	runs := d.runs(ctx.Context())
	if text := last.InForce(); text != "" {
		if err := warnAll(ctx, d.parent, fmt.Sprintf("stack %s: %s", d.args.StackName, text)); err != nil {
			return err
		}
	}
	if !d.args.StackDeploy {
		return nil
	}
	if last != nil && last.From == release.FromStackRepo {
		if !runs {
			return nil
		}
		return warnAll(ctx, d.parent, notDeployed(release.Result{Kept: true}))
	}
	if err := d.replaces(ctx); err != nil {
		return err
	}
	switch {
	case runs:
		return d.changes(ctx)
	case last != nil && cmp.Or(last.Origin, last.By) == release.ByPerson:
		return d.differs(ctx, *last)
	}
	return nil
}

// runs tells whether the update will run the command: as far as is known, it differs from
// what the last `up` ran.
func (d deployment) runs(ctx context.Context) bool {
	for key, output := range map[string]pulumi.StringOutput{"stdin": d.request, "update": d.line} {
		if value, known := drift.Await(ctx, output); !known || value != d.left()[key] {
			return true
		}
	}
	return false
}

// left are the outputs of the command that the last `up` ran.
func (d deployment) left() map[string]any { return d.args.Drift.Left(drift.CommandType, d.name) }

// changes reports what an update would change compared with what runs or, where no manager
// can be asked, with what the last `up` deployed.
func (d deployment) changes(ctx *pulumi.Context) error {
	before := d.before()
	asked, built := d.expected(ctx.Context(), before)
	diff, err := d.ask(ctx.Context(), asked)
	var lines []string
	if err != nil {
		if err := d.notAsked(ctx, err); err != nil {
			return err
		}
		if len(before.Files) == 0 && d.left() != nil {
			return nil // another version of the program sent the last request
		}
		if diff, err = d.sinceLast(before, asked); err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("stack %s, compared with what the last `pulumi up` deployed, because no manager answers:", d.args.StackName))
	}
	for _, service := range built {
		lines = append(lines, fmt.Sprintf("service %s: image %s, built again", service, d.tagged))
	}
	for _, change := range diff.Changes {
		lines = append(lines, change.Text)
	}
	for _, problem := range diff.Images {
		about := d.args.File.About(strings.TrimPrefix(problem.Service, d.args.StackName+"_"), "image", problem.Reason)
		if err := warnAll(ctx, d.parent, about); err != nil {
			return err
		}
	}
	lines = append(lines, secretsOf(d.args.StackName, before, asked)...)
	if len(lines) == 0 && rewritten(before, asked) {
		lines = []string{fmt.Sprintf("stack %s: the stack file changed since the last `pulumi up`, and all of it runs already; the update sends the file and changes no service", d.args.StackName)}
	}
	return d.args.Drift.Tell(ctx, d.parent, lines)
}

// notAsked warns that no manager could say what would change. If none answers, there is a
// warning already.
func (d deployment) notAsked(ctx *pulumi.Context, why error) error {
	if errors.Is(why, survey.ErrNobody) {
		return nil
	}
	return warnAll(ctx, d.parent, fmt.Sprintf("stack %s: no manager could say what would change: %v", d.args.StackName, why))
}

// before is the request that the last `up` sent; an empty one where there was none.
func (d deployment) before() stackfile.Request {
	text, _ := d.left()["stdin"].(string)
	request, err := stackfile.ReadRequest("stdin", []byte(text))
	if err != nil || !request.Complete {
		return stackfile.Request{}
	}
	return request
}

// expected is the request as far as it is known; the rest is as it was. built are the
// services whose image is built again and has no digest yet.
func (d deployment) expected(ctx context.Context, before stackfile.Request) (request stackfile.Request, built []string) {
	image, known := drift.Await(ctx, d.image)
	if !known {
		image, built = cmp.Or(before.Variables[appImage], d.tagged), d.services
	}
	images, versions := map[string]string{}, map[string]string{}
	for _, service := range d.services {
		if images[service] = image; !known {
			images[service] = cmp.Or(before.Images[service], image)
		}
	}
	for name, output := range d.args.Secrets {
		if version, known := drift.Await(ctx, output); known {
			versions[name] = version
		} else if former := before.Secrets[name]; former != "" {
			versions[name] = former
		}
	}
	address, known := drift.Await(ctx, d.args.Entry.Address)
	if !known {
		address = before.Variables[entryAddress]
	}
	request = d.args.File.Request(images, versions)
	request.Variables = d.args.variablesWith(image, address)
	return request, built
}

func (d deployment) ask(ctx context.Context, request stackfile.Request) (release.Diff, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return release.Diff{}, err
	}
	return d.args.Drift.Diff(ctx, d.args.StackName, text)
}

// sinceLast is what changes compared with the request that the last `up` sent.
func (d deployment) sinceLast(before, asked stackfile.Request) (release.Diff, error) {
	was := stackfile.Specs{}
	if len(before.Files) > 0 {
		var err error
		if was, err = specsOf(before, d.args.StackName); err != nil {
			return release.Diff{}, err
		}
	}
	is, err := specsOf(asked, d.args.StackName)
	return release.Diff{Changes: release.Changes(&release.Release{Specs: was}, is)}, err
}

func specsOf(request stackfile.Request, stack string) (stackfile.Specs, error) {
	file, err := request.File()
	if err != nil {
		return stackfile.Specs{}, err
	}
	return file.Specs(stack, request.Images, nil)
}

// differs warns that a person deployed something other than the file, and that it stays.
func (d deployment) differs(ctx *pulumi.Context, last release.ReleaseStatus) error {
	asked, _ := d.expected(ctx.Context(), d.before())
	diff, err := d.ask(ctx.Context(), asked)
	if err != nil {
		return d.notAsked(ctx, err)
	}
	var texts []string
	for _, change := range diff.Changes {
		texts = append(texts, change.Text)
	}
	if len(texts) == 0 {
		return nil
	}
	return warnAll(ctx, d.parent, fmt.Sprintf("stack %s: release %d was deployed by hand; the stack file differs: %s. `pulumi up` leaves it while nothing else changes; `pulumi up --replace '**Command::%s'` deploys the file",
		d.args.StackName, last.Number, strings.Join(texts, "; "), d.name))
}
