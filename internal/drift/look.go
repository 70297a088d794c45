package drift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"averazure/internal/release"
)

// look asks a manager for the Swarm's own view, and every node for its Docker's
// settings. It tells know, once, which managers do not answer where another one does.
func look(ctx context.Context, s state, prefix string, stacks []string, know func(silent []string)) said {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	all := said{status: map[string]release.Status{}}
	var mutex sync.Mutex
	note := func(more []difference, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		all.found = append(all.found, more...)
		if err != nil {
			all.problems = append(all.problems, err.Error())
		}
		var closed *noLogin
		if errors.As(err, &closed) {
			all.closed = append(all.closed, closed.node)
		}
	}
	managers := s.openManagers(ctx, note)
	silent := s.silent(managers)
	know(silent)
	if len(managers) == 0 {
		for _, n := range s.nodes {
			if n.Role != manager { // it is reached through one
				all.closed = append(all.closed, n.Name)
			}
		}
		return all
	}
	if slices.Contains(silent, s.door) {
		note(nil, fmt.Errorf("`pulumi up` goes through %s, which does not answer; until it does, averazure:door has it go through another manager, such as %s (docs/operations.md)",
			s.door, managers[0].Name))
	}
	var group sync.WaitGroup
	for i, stack := range stacks {
		group.Go(func() {
			status, err := s.askSwarm(ctx, managers, stack)
			if err != nil {
				note(nil, err)
				return
			}
			note(s.differences(status, prefix, stack, i == 0), nil)
			mutex.Lock()
			defer mutex.Unlock()
			all.status[stack] = status
		})
	}
	group.Go(func() { s.askNodes(ctx, managers, note) })
	group.Wait()
	slices.SortFunc(all.found, func(a, b difference) int {
		return slices.Compare([]string{a.resource, a.text}, []string{b.resource, b.text})
	})
	slices.Sort(all.problems)
	return all
}

// askNodes asks the managers that answer, and all workers, for their Docker's settings.
func (s state) askNodes(ctx context.Context, managers []opened, note func([]difference, error)) {
	var group sync.WaitGroup
	turns := make(chan struct{}, 8) // sshd takes so many logins at once from everybody
	for _, n := range s.nodes {
		at := slices.IndexFunc(managers, func(m opened) bool { return m.Name == n.Name })
		switch {
		case at >= 0:
			group.Go(func() { note(askSettings(ctx, managers[at])) })
		case n.Role != manager:
			group.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				note(s.askWorker(ctx, n, managers))
			})
		}
	}
	group.Wait()
}

// said is what the nodes say: in what they differ, how each stack stands, and what could
// not be asked.
type said struct {
	found    []difference
	status   map[string]release.Status
	problems []string
	closed   []string // the nodes that let nobody in
}

// opened is a node that let us in.
type opened struct {
	node
	client *ssh.Client
}

// openManagers logs in to all managers at once, each at its public address: from
// one another they take no SSH. It returns those that answered, in their order.
func (s state) openManagers(ctx context.Context, note func([]difference, error)) []opened {
	all := slices.DeleteFunc(slices.Clone(s.nodes), func(n node) bool { return n.Role != manager })
	doors := make([]opened, len(all))
	var group sync.WaitGroup
	for i, n := range all {
		group.Go(func() {
			client, err := s.login(ctx, n, nil)
			if err != nil {
				note(nil, fmt.Errorf("%s (%s) cannot be asked whether somebody changed something there: %w; if its machine is gone, `pulumi up --refresh` makes it anew", n.Name, n.PublicAddress, err))
			}
			doors[i] = opened{n, client}
		})
	}
	group.Wait()
	return slices.DeleteFunc(doors, func(o opened) bool { return o.client == nil })
}

// silent are the managers that are not among those that answer, if any does.
func (s state) silent(answer []opened) []string {
	var names []string
	for _, n := range s.nodes {
		if len(answer) > 0 && n.Role == manager && !slices.ContainsFunc(answer, func(o opened) bool { return o.Name == n.Name }) {
			names = append(names, n.Name)
		}
	}
	return names
}

// askSwarm asks stackctl how a stack, and with it the nodes, stands, on the first manager
// that can tell: one that was just rebuilt cannot, nor one that the others do not hear.
// The last one has all the time that is left.
func (s state) askSwarm(ctx context.Context, managers []opened, stack string) (status release.Status, err error) {
	for i, m := range managers {
		if status, err = stackctl[release.Status](ctx, s.bound(i, len(managers)), m, "status", stack, nil); err == nil {
			return status, nil
		}
	}
	return status, err
}

// bound is the time that the i-th manager of several may take.
func (s state) bound(i, of int) time.Duration {
	if i < of-1 {
		return s.patience
	}
	return limit
}

// stackctl runs one of its verbs that only look, on a manager.
func stackctl[T any](ctx context.Context, bound time.Duration, m opened, verb, stack string, input []byte) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	text, ended, err := run(ctx, m.client, fmt.Sprintf("sudo -n stackctl %s --json %s", verb, stack), input)
	answer, err := readAnswer[T](text, ended, err)
	if err != nil {
		return answer, fmt.Errorf("stackctl %s on %s: %w", verb, m.Name, err)
	}
	return answer, nil
}

// readAnswer reads what stackctl printed. It ends with 0 whenever it could tell, be it
// well or not, and with 2 of a stack that is not there, whose nodes it tells. Otherwise
// what it printed is the result that says why not.
func readAnswer[T any](text []byte, status int, failed error) (answer T, err error) {
	if failed == nil {
		return answer, json.Unmarshal(text, &answer)
	}
	var result struct{ Verdict string }
	switch err := json.Unmarshal(text, &result); {
	case err == nil && result.Verdict != "":
		return answer, errors.New(result.Verdict)
	case err == nil && status == release.Refused.Status():
		return answer, json.Unmarshal(text, &answer)
	}
	return answer, failed
}

// differences are those of a stack, and with the main one those of the nodes, each with
// the resource that puts it right.
func (s state) differences(status release.Status, prefix, stack string, main bool) []difference {
	found := assign(status, prefix, stack, main)
	if main {
		found = append(found, s.gone(status)...)
		found = append(found, backups(status, time.Now())...)
	}
	return found
}

// assign gives every difference to the resource that puts it right. Those of nodes
// come with every stack, and count once.
func assign(status release.Status, prefix, stack string, main bool) []difference {
	var found []difference
	for _, d := range status.Differences {
		if d.Kind == "node" && !main {
			continue
		}
		resource := prefix + "-deploy"
		if !main {
			resource = prefix + "-" + stack + "-deploy"
		}
		switch d.Kind {
		case "secret":
			resource = prefix + "-secrets"
		case "node":
			resource = d.Name + "-member"
			switch d.Code {
			case release.CodeNodeDown: // its machine may be gone
				resource = d.Name
			case release.CodeNodeDisk:
				resource = "" // no update repairs that
			}
		}
		found = append(found, difference{resource, d.Text})
	}
	return found
}

// backups are what is wrong with them, which no update puts right.
func backups(status release.Status, now time.Time) []difference {
	var found []difference
	for _, one := range status.Backups {
		if trouble := one.Trouble(now); trouble != "" {
			found = append(found, difference{"", trouble})
		}
	}
	return found
}

// gone are the nodes that the Swarm no longer knows.
func (s state) gone(status release.Status) []difference {
	var found []difference
	for _, n := range s.nodes {
		if !slices.ContainsFunc(status.Nodes, func(have release.NodeStatus) bool { return have.Name == n.Name }) {
			text := fmt.Sprintf("node %s: gone from the Swarm", n.Name)
			found = append(found, difference{n.Name + "-join", text}, difference{n.Name + "-member", text})
		}
	}
	return found
}

// askWorker logs in to a worker through a manager, or a second one, and asks it.
func (s state) askWorker(ctx context.Context, n node, managers []opened) ([]difference, error) {
	var problem error
	for _, through := range managers[:min(2, len(managers))] {
		client, err := s.login(ctx, n, through.client)
		if err == nil {
			return askSettings(ctx, opened{n, client})
		}
		problem = fmt.Errorf("%s cannot be asked for its Docker's settings: %w", n.Name, err)
	}
	return nil, problem
}

// askSettings asks a node whether Docker's settings are those that were written.
func askSettings(ctx context.Context, n opened) ([]difference, error) {
	_, status, err := run(ctx, n.client, "sudo -n cmp -s /etc/docker/daemon.json /var/lib/averazure/daemon.json", nil)
	if err != nil && status == 0 {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	if status == 0 {
		return nil, nil
	}
	return []difference{{n.Name + "-settings", fmt.Sprintf("daemon.json: changed on %s", n.Name)}}, nil
}
