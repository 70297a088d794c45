package survey

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// askNodes asks every node that can be reached, all of them in the group: workers through a
// manager.
func (c Cluster) askNodes(ctx context.Context, group *sync.WaitGroup, managers []opened, note func([]Difference, error)) {
	turns := make(chan struct{}, 8) // sshd accepts about this many logins at once
	for _, n := range c.Nodes {
		at := slices.IndexFunc(managers, func(m opened) bool { return m.Name == n.Name })
		switch {
		case at >= 0:
			group.Go(func() { note(askSettings(ctx, managers[at])) })
		case n.Role != Manager:
			group.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				note(c.askWorker(ctx, n, managers))
			})
		}
	}
}

// askWorker logs in to a worker through a manager, or through a second one if that fails,
// and asks the worker.
func (c Cluster) askWorker(ctx context.Context, n Node, managers []opened) ([]Difference, error) {
	var problem error
	for _, through := range managers[:min(2, len(managers))] {
		client, err := c.login(ctx, n, through.client)
		if err == nil {
			return askSettings(ctx, opened{n, client})
		}
		problem = fmt.Errorf("%s cannot be asked for its Docker's settings: %w", n.Name, err)
	}
	return nil, problem
}

// askSettings asks a node whether Docker's settings are still those that the program wrote.
func askSettings(ctx context.Context, n opened) ([]Difference, error) {
	_, status, err := run(ctx, n.client, "sudo -n cmp -s /etc/docker/daemon.json /var/lib/averazure/daemon.json", nil)
	if err != nil && status == 0 {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	if status == 0 {
		return nil, nil
	}
	return []Difference{{n.Name + "-settings", fmt.Sprintf("daemon.json: changed on %s", n.Name)}}, nil
}
