package release

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
	"golang.org/x/sync/errgroup"
)

// labelNamespace is on everything that Docker makes for a stack.
const labelNamespace = "com.docker.stack.namespace"

// ofStack filters by the label that Docker itself puts on a stack's things; if no stack is
// named, it selects those of all stacks.
func ofStack(stack string) filters.Args {
	if stack == "" {
		return filters.NewArgs()
	}
	return filters.NewArgs(filters.Arg("label", labelNamespace+"="+stack))
}

func (d *Reader) services(ctx context.Context, stack string) ([]swarm.Service, error) {
	return ask(ctx, d, "list the services", func(ctx context.Context) ([]swarm.Service, error) {
		return d.Swarm.ServiceList(ctx, swarm.ServiceListOptions{Filters: ofStack(stack)})
	})
}

// byName are a stack's services by their full names.
func (d *Reader) byName(ctx context.Context, stack string) (map[string]swarm.Service, error) {
	list, err := d.services(ctx, stack)
	found := make(map[string]swarm.Service, len(list))
	for _, service := range list {
		found[service.Spec.Name] = service
	}
	return found, err
}

func (d *Reader) networks(ctx context.Context, stack string) ([]network.Summary, error) {
	return ask(ctx, d, "list the networks", func(ctx context.Context) ([]network.Summary, error) {
		return d.Swarm.NetworkList(ctx, network.ListOptions{Filters: ofStack(stack)})
	})
}

func (d *Reader) nodes(ctx context.Context) ([]swarm.Node, error) {
	return ask(ctx, d, "list the nodes", func(ctx context.Context) ([]swarm.Node, error) {
		return d.Swarm.NodeList(ctx, swarm.NodeListOptions{})
	})
}

func (d *Reader) tasks(ctx context.Context, stack string) ([]swarm.Task, error) {
	return ask(ctx, d, "list the tasks", func(ctx context.Context) ([]swarm.Task, error) {
		return d.Swarm.TaskList(ctx, swarm.TaskListOptions{Filters: ofStack(stack)})
	})
}

// state is everything about a stack at this moment.
func (d *Reader) state(ctx context.Context, stack string) (s State, err error) {
	err = atOnce(ctx,
		func(ctx context.Context) (err error) { s.Services, err = d.services(ctx, stack); return err },
		func(ctx context.Context) (err error) { s.Tasks, err = d.tasks(ctx, stack); return err },
		func(ctx context.Context) (err error) { s.Nodes, err = d.nodes(ctx); return err },
		func(ctx context.Context) (err error) { s.Networks, err = d.networks(ctx, ""); return err },
		func(ctx context.Context) (err error) { s.Secrets, err = d.secrets(ctx); return err },
	)
	return s, err
}

// atOnce asks several questions at the same time, none of which needs another's answer:
// Docker takes some milliseconds for each. The first error ends the others.
func atOnce(ctx context.Context, questions ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, question := range questions {
		group.Go(func() error { return question(ctx) })
	}
	return group.Wait()
}

// firstLine shortens a foreign error to one line of limited length.
func firstLine(err error) string {
	text, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return excerpt(text, 500)
}

// withoutRepeats is an error's text without parts that only repeat the one before them: registries say
// "manifest unknown: manifest unknown".
func withoutRepeats(text string) string {
	return strings.Join(slices.Compact(strings.Split(text, ": ")), ": ")
}

func excerpt(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}

// outOfSequence tells whether an error means that somebody changed the thing since it was
// read. Docker's API has no code for it.
func outOfSequence(err error) bool {
	return err != nil && strings.Contains(err.Error(), "out of sequence")
}

// networkGone tells whether an error means that Docker does not know a network that a
// service needs. Docker reports that with the status of an internal error.
func networkGone(err error) bool {
	return err != nil && strings.Contains(err.Error(), "network ") && strings.Contains(err.Error(), " not found")
}
