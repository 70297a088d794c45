package drift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"

	"averazure/internal/release"
)

// look asks the first manager that answers for the Swarm's own view, and every node
// for its Docker's settings. Problems are what could not be asked.
func look(ctx context.Context, s state, prefix, stack string) (found []difference, problems []string) {
	manager, err := s.anyManager(ctx)
	if err != nil {
		return nil, []string{err.Error()}
	}
	defer manager.Close()
	var mutex sync.Mutex
	note := func(more []difference, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		found = append(found, more...)
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	var group sync.WaitGroup
	group.Go(func() { note(s.askSwarm(ctx, manager, prefix, stack)) })
	turns := make(chan struct{}, 8) // sshd takes so many logins at once from everybody
	for _, n := range s.nodes {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			note(s.askSettings(ctx, manager, n))
		})
	}
	group.Wait()
	slices.SortFunc(found, func(a, b difference) int {
		return slices.Compare([]string{a.resource, a.text}, []string{b.resource, b.text})
	})
	slices.Sort(problems)
	return found, problems
}

// anyManager logs in to the first manager that answers.
func (s state) anyManager(ctx context.Context) (*ssh.Client, error) {
	var problem error
	for _, n := range s.nodes {
		if n.Role != "manager" {
			continue
		}
		client, err := s.login(ctx, n, nil)
		if err == nil {
			return client, nil
		}
		problem = fmt.Errorf("%s (%s) cannot be asked whether somebody changed something there: %w", n.Name, n.PublicAddress, err)
	}
	return nil, problem
}

// askSwarm asks stackctl how the stack and the nodes differ from what was released.
func (s state) askSwarm(ctx context.Context, manager *ssh.Client, prefix, stack string) ([]difference, error) {
	text, _, err := run(ctx, manager, "sudo -n stackctl status --json "+stack)
	status, err := readStatus(text, err)
	if err != nil {
		return nil, fmt.Errorf("stackctl status: %w", err)
	}
	return s.assign(status, prefix), nil
}

// readStatus reads what stackctl printed. It ends with 0 whenever it could tell how
// the stack stands, well or not; otherwise what it printed is the result that says why
// not, and no status without nodes.
func readStatus(text []byte, ended error) (status release.Status, err error) {
	if ended == nil {
		return status, json.Unmarshal(text, &status)
	}
	var result release.Result
	if json.Unmarshal(text, &result) == nil && result.Verdict != "" {
		return status, errors.New(result.Verdict)
	}
	return status, ended
}

// assign gives every difference to the command that puts it right.
func (s state) assign(status release.Status, prefix string) []difference {
	var found []difference
	for _, d := range status.Differences {
		resource := prefix + "-deploy"
		switch d.Kind {
		case "secret":
			resource = prefix + "-secrets"
		case "node":
			resource = d.Name + "-member"
			if d.Code == release.CodeNodeDown { // its machine may be gone
				resource = d.Name
			}
		}
		found = append(found, difference{resource, d.Text})
	}
	for _, n := range s.nodes {
		if !slices.ContainsFunc(status.Nodes, func(have release.NodeStatus) bool { return have.Name == n.Name }) {
			text := fmt.Sprintf("node %s: gone from the Swarm", n.Name)
			found = append(found, difference{n.Name + "-join", text}, difference{n.Name + "-member", text})
		}
	}
	return found
}

// askSettings asks a node whether Docker's settings are those that were written.
func (s state) askSettings(ctx context.Context, manager *ssh.Client, n node) ([]difference, error) {
	client, err := s.login(ctx, n, manager)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be asked for its Docker's settings: %w", n.Name, err)
	}
	defer client.Close()
	_, status, err := run(ctx, client, "sudo -n cmp -s /etc/docker/daemon.json /var/lib/averazure/daemon.json")
	if err != nil && status == 0 {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	if status == 0 {
		return nil, nil
	}
	return []difference{{n.Name + "-settings", fmt.Sprintf("daemon.json: changed on %s", n.Name)}}, nil
}
