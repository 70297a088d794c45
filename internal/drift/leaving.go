package drift

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"averazure/internal/release"
	"averazure/internal/settings"
	"averazure/internal/survey"
)

// Leaving refuses to remove a node with data of a service that no other node has, and to
// remove the door of the last run. The nodes are all nodes of this run; other nodes in the
// state would be removed. It waits for the managers' answer only if a node would be
// removed. If no manager can say which services keep data, it warns.
func (m *Marks) Leaving(nodes []string) error {
	if m == nil {
		return nil
	}
	going := slices.DeleteFunc(slices.Sorted(maps.Keys(m.before.vms)), func(name string) bool { return slices.Contains(nodes, name) })
	if len(going) == 0 {
		return nil
	}
	if err := m.before.doorStays(going, nodes); err != nil {
		return err
	}
	problem, warnings := refuse(m.before.settings(going, nodes), going, m.asked.Answer().Status[m.main].Bound)
	for _, warning := range warnings {
		if err := m.ctx.Log.Warn(warning, nil); err != nil {
			return err
		}
	}
	return problem
}

// doorStays refuses to remove the manager that was the door of the last run if other nodes
// stay. According to the state, nodes leave the Swarm through the door, and the engine runs
// nothing on a VM that it deletes too. A manager that does not leave still counts as a
// member, although it is dead, and so endangers the quorum.
func (s state) doorStays(going, nodes []string) error {
	if !slices.ContainsFunc(s.cluster.Nodes, func(n survey.Node) bool { return slices.Contains(nodes, n.Name) }) {
		return nil // all nodes are removed, and no Swarm is left
	}
	for _, n := range s.cluster.Nodes {
		if n.Role == survey.Manager && n.PublicAddress == s.manager && slices.Contains(going, n.Name) {
			return settings.Problemf("managers", "%s would be removed, and the last `pulumi up` has the other nodes leave the Swarm through it. "+
				"Run `pulumi up` once with all managers and another %s, or none, and then remove it", n.Name, settings.Name("door"))
		}
	}
	return nil
}

// refuse says why nodes must not be removed: services keep data on them. The problem is nil
// if no manager could say.
func refuse(keys string, going []string, bound []release.BoundService) (problem error, warnings []string) {
	if bound == nil {
		return nil, []string{fmt.Sprintf("%s: %s would be removed, and no manager could say whether a service keeps data there; make sure that none does", keys, strings.Join(going, ", "))}
	}
	var problems []error
	for _, service := range bound {
		lost := slices.DeleteFunc(slices.Clone(service.Nodes), func(node string) bool { return !slices.Contains(going, node) })
		if len(lost) == 0 {
			continue
		}
		why := "its tasks run there"
		if len(service.Constraints) > 0 {
			why = "it is bound by " + strings.Join(service.Constraints, ", ")
		}
		text := fmt.Sprintf("%s: %s would be removed, and service %s keeps %s there (%s)", keys,
			strings.Join(lost, ", "), service.Name, strings.Join(service.Data, ", "), why)
		if len(lost) < len(service.Nodes) {
			warnings = append(warnings, text+"; its tasks move to its other nodes, but the data do not")
			continue
		}
		problems = append(problems, errors.New(text+"; move the data and bind the service to a node that stays, or remove the service; deploy that, and then remove the node (docs/operations.md, \"Fewer nodes\")"))
	}
	return errors.Join(problems...), warnings
}

// settings are the keys whose change removes nodes: the number of managers or of workers,
// or the prefix of all names if no node stays.
func (s state) settings(going, stay []string) string {
	if !slices.ContainsFunc(s.cluster.Nodes, func(n survey.Node) bool { return slices.Contains(stay, n.Name) }) {
		return settings.Name("prefix")
	}
	var keys []string
	for _, role := range []string{survey.Manager, "worker"} {
		if slices.ContainsFunc(s.cluster.Nodes, func(n survey.Node) bool { return n.Role == role && slices.Contains(going, n.Name) }) {
			keys = append(keys, settings.Name(role+"s"))
		}
	}
	return strings.Join(keys, " and ")
}
