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
	ctx, hangUp := context.WithTimeout(ctx, s.limit)
	defer hangUp()
	all := &said{status: map[string]release.Status{}, mutex: &sync.Mutex{}}
	managers := s.openManagers(ctx, func(n node, err error) {
		all.note(nil, fmt.Errorf("%s (%s) cannot be asked for changes by hand: %w; if its VM is gone, `pulumi up --refresh` rebuilds it", n.Name, n.PublicAddress, err))
	})
	silent := s.silent(managers)
	know(silent)
	if len(managers) == 0 {
		for _, n := range s.nodes {
			if n.Role != manager { // it is reached through one
				all.closed = append(all.closed, n.Name)
			}
		}
		return all.sorted()
	}
	if slices.Contains(silent, s.door) {
		all.note(nil, fmt.Errorf("`pulumi up` goes through %s, which does not answer; until it does, set averazure:door to another manager, such as %s (docs/operations.md)",
			s.door, managers[0].Name))
	}
	var group sync.WaitGroup
	for i, stack := range stacks {
		group.Go(func() {
			status, err := s.askSwarm(ctx, managers, stack)
			if err != nil {
				all.note(nil, err)
				return
			}
			all.note(s.differences(status, prefix, stack, i == 0), nil)
			all.mutex.Lock()
			defer all.mutex.Unlock()
			all.status[stack] = status
		})
	}
	s.askNodes(ctx, &group, managers, all.note)
	group.Wait()
	return all.sorted()
}

// said is what the nodes say: the differences, the status of each stack, and why some
// could not be asked.
type said struct {
	found    []difference
	status   map[string]release.Status
	problems []string
	closed   []string // the nodes on which the login failed
	mutex    *sync.Mutex
}

// note adds differences, or why they are not known.
func (s *said) note(more []difference, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.found = append(s.found, more...)
	if err != nil {
		s.problems = append(s.problems, err.Error())
	}
	var closed *noLogin
	if errors.As(err, &closed) {
		s.closed = append(s.closed, closed.node)
	}
}

// sorted is all of it in one order.
func (s *said) sorted() said {
	slices.SortFunc(s.found, func(a, b difference) int {
		return slices.Compare([]string{a.resource, a.text}, []string{b.resource, b.text})
	})
	slices.Sort(s.problems)
	return *s
}

// opened is a node with an open connection.
type opened struct {
	node
	client *ssh.Client
}

// openManagers logs in to all managers at once, each at its public address: from
// one another they take no SSH. It returns those that answered, in their order.
func (s state) openManagers(ctx context.Context, note func(node, error)) []opened {
	all := slices.DeleteFunc(slices.Clone(s.nodes), func(n node) bool { return n.Role != manager })
	found := make([]opened, len(all))
	var group sync.WaitGroup
	for i, n := range all {
		group.Go(func() {
			client, err := s.login(ctx, n, nil)
			if err != nil {
				note(n, err)
			}
			found[i] = opened{n, client}
		})
	}
	group.Wait()
	return slices.DeleteFunc(found, func(o opened) bool { return o.client == nil })
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
			case release.CodeNodeDown: // its VM may be gone
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
