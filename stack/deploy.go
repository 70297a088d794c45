package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/failure"
	"averazure/internal/host"
	"averazure/internal/release"
	"averazure/internal/settings"
)

// deploy hands the stack files to stackctl: to deploy them or, where stack-repo's pipeline
// deploys, to know what the pipeline's key may change. It returns the number of the release
// that runs.
//
// The command has no delete: the stack ends with the Swarm, and setting stackDeploy to
// false must not remove a running service. It has no triggers either, since a replacement
// would deploy a second time.
func deploy(ctx *pulumi.Context, name string, built built, args Args, parent pulumi.Resource) (pulumi.StringOutput, error) {
	line, err := args.line(args.mark(name))
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	options := append([]pulumi.ResourceOption{pulumi.Parent(parent), pulumi.DependsOn(slices.Concat(args.Manager.All(), args.Entry.Needs))}, args.Manager.Options...)
	if args.Manager.VM != nil {
		options = append(options, pulumi.DeletedWith(args.Manager.VM))
	}
	explained, err := failure.Explain(ctx, name+"-deploy", explainDeploy)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	options = append(options, explained)
	d := deployment{args: args, parent: parent, name: name + "-deploy", built: built, line: line, request: args.request(built)}
	if err := d.tell(ctx); err != nil {
		return pulumi.StringOutput{}, err
	}
	command, err := remote.NewCommand(ctx, d.name, &remote.CommandArgs{
		Connection:             args.Manager.Connection(),
		Create:                 line,
		Update:                 line,
		Stdin:                  d.request,
		Logging:                remote.LoggingStderr, // sentences for people; standard output is the program's
		AddPreviousOutputInEnv: pulumi.Bool(false),
	}, options...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("deploy stack %s: %w", args.StackName, err)
	}
	number := command.Stdout.ApplyT(func(said string) (string, error) {
		result, err := read(said)
		if err != nil {
			return "", fmt.Errorf("deploy stack %s: %w", args.StackName, err)
		}
		return number(result), warnAll(ctx, parent, notDeployed(result))
	}).(pulumi.StringOutput)
	return number, nil
}

// request is what stackctl reads: the stack files and the files that they name, unchanged,
// and the values that only this program knows. Other images, secrets and variables make
// another request, and so another deployment. The request is a secret as soon as it
// contains a secret's file that is not encrypted.
func (a Args) request(built built) pulumi.StringOutput {
	images := pulumi.StringMap{}
	for _, service := range built.services {
		images[service] = built.image
	}
	secrets := pulumi.StringMap{}
	for logical, versioned := range a.Secrets {
		secrets[logical] = versioned
	}
	text := pulumi.All(images, secrets, a.variables(built.image)).ApplyT(func(values []any) (string, error) {
		request := a.File.Request(values[0].(map[string]string), values[1].(map[string]string))
		request.Variables = values[2].(map[string]string)
		text, err := json.Marshal(request)
		return string(text), err
	}).(pulumi.StringOutput)
	if len(a.File.PlainSecrets()) > 0 {
		return pulumi.ToSecret(text).(pulumi.StringOutput)
	}
	return text
}

// mark is the mark of drift if this program deploys, and empty otherwise: announcing the
// file to the managers repairs nothing, and would be an update in every preview.
func (a Args) mark(name string) pulumi.StringOutput {
	if !a.StackDeploy {
		return text("")
	}
	return a.Drift.Of(name + "-deploy")
}

// line is the command. The text behind the # has the reasons to deploy again that the
// request does not show: a rebuilt manager, drift, and a new login, since services keep the
// login from when they were deployed.
func (a Args) line(mark pulumi.StringOutput) (pulumi.StringOutput, error) {
	verb := "deploy --json --from pulumi"
	if !a.StackDeploy {
		verb = "trust --json"
	}
	limit, last, err := a.bounds()
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	var login pulumi.StringInput = pulumi.String("")
	if a.Login != nil {
		login = a.Login
	}
	return pulumi.All(a.Manager.VMID, login, mark).ApplyT(func(known []any) string {
		text := fmt.Sprintf("sudo -n timeout -k %d %d stackctl %s %s # machine %s", seconds(last), seconds(limit), verb, a.StackName, known[0])
		if known[1] != "" {
			text += fmt.Sprintf(", login %s", known[1])
		}
		return text + drift.Comment(known[2].(string))
	}).(pulumi.StringOutput), nil
}

// margin is the time for the steps that stackctl does not bound itself: its start, and
// reading the request on a busy manager.
const margin = time.Minute

// bounds are the limits for a manager that hangs; otherwise stackctl ends each of its waits
// itself. They are how long a deployment may take, and how long stackctl then has to tell
// Docker to run the last good release again.
func (a Args) bounds() (limit, last time.Duration, err error) {
	specs, err := a.File.Specs(a.StackName, nil, nil)
	if err != nil {
		return 0, 0, err
	}
	return a.Bounds.LongestOf(specs, len(a.Nodes)) + margin, a.Bounds.HandBack + margin/2, nil
}

func seconds(d time.Duration) int { return int(d.Round(time.Second).Seconds()) }

// read reads the result of a deployment. After an update that ran nothing, the result is
// empty.
func read(said string) (release.Result, error) {
	var result release.Result
	if said == "" {
		return result, nil
	}
	if err := json.Unmarshal([]byte(said), &result); err != nil {
		return result, fmt.Errorf("stackctl did not print a result as JSON: %w", err)
	}
	return result, nil
}

// explainDeploy says of a failed deployment which service did not come up, where and why,
// and what runs now. Pulumi-command prints all of it after a long command line.
func explainDeploy(failed *pulumi.ErrorHookArgs) string {
	for line := range strings.Lines(host.Output(failed.Errors[0])) {
		var result release.Result
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &result) == nil && result.Verdict != "" {
			return strings.Join(append(reasonsOf(result.Problems), result.Ending()), "\n")
		}
	}
	return ""
}

// reasonsOf are the problems with their places, each with the end of the task's output.
func reasonsOf(problems []release.Problem) []string {
	var lines []string
	for _, p := range problems {
		where := ""
		if p.Service != "" && !strings.HasPrefix(p.Reason, "service "+p.Service) {
			where = "service " + p.Service
		}
		if p.Node != "" {
			where += " on " + p.Node
		}
		if where != "" {
			where += ": "
		}
		lines = append(lines, where+p.Reason)
		for _, line := range p.Log {
			lines = append(lines, "  | "+line)
		}
	}
	return lines
}

// number is the release's, empty where there is none.
func number(result release.Result) string {
	if result.Release == 0 {
		return ""
	}
	return strconv.Itoa(result.Release)
}

// notDeployed is the warning for people who expect that this program has deployed,
// and who may not see stackctl's line among the others.
func notDeployed(result release.Result) string {
	if !result.Kept {
		return ""
	}
	return settings.Warningf("stackDeploy", "stack-repo has deployed and so owns the stack file: this program's stack file and image were not deployed. "+
		"Set the key to false to keep it so, or take the stack back: on a manager with `sudo stackctl deploy --take-over STACK < stack.yml` and then here with `pulumi up --replace '**Command::*-deploy'`")
}
