package release

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/system"
)

const (
	// knock is how long another manager may take to answer on the Swarm's port.
	knock = 5 * time.Second
	// forceLimit is how long Docker may take to make a new Swarm from what this manager
	// knows.
	forceLimit = 2 * time.Minute
	// settleLimit is how long the Swarm may take, under its new leader, to report lost
	// nodes as down: three heartbeats of 5 s, and a slow node.
	settleLimit = 90 * time.Second
)

// refusedError is why nothing was recovered, with a code for programs.
type refusedError struct {
	code string
	error
}

// Recover makes a new Swarm of this manager alone, when most of the others are lost for
// good, and removes their entries. It keeps the Swarm's id, its tokens, its services,
// secrets and releases. It refuses while the Swarm has a quorum, or while another manager
// answers: two halves that both act as the Swarm are hard to repair. It continues an
// earlier run that was interrupted.
func (d *Deployer) Recover(ctx context.Context) Result {
	began := d.now()
	lost, err := d.recoverQuorum(ctx)
	result := Result{Outcome: Runs, Nodes: lost, Seconds: d.now().Sub(began).Seconds()}
	var refused refusedError
	switch {
	case errors.As(err, &refused):
		r := refuse(refused.code, err)
		r.Seconds = result.Seconds
		return r
	case err != nil:
		result.Outcome, result.Problems = Failed, []Problem{{Code: CodeOf(err), Reason: err.Error()}}
		result.Verdict = fmt.Sprintf("not recovered: %v", err)
		return result
	}
	removed := "no entry of a lost manager was found"
	if len(lost) > 0 {
		removed = "removed " + strings.Join(lost, ", ")
	}
	result.Verdict = fmt.Sprintf("%s has the quorum of its Swarm again; %s; run `pulumi up --refresh` to rebuild the lost managers; until then this one must not fail", d.Host, removed)
	return result
}

func (d *Deployer) recoverQuorum(ctx context.Context) ([]string, error) {
	info, err := d.member(ctx)
	if err != nil {
		return nil, err
	}
	forced := false
	if err := d.leaderless(ctx); err != nil {
		d.say("%v", err)
		if err := d.forceSwarm(ctx, info); err != nil {
			return nil, err
		}
		forced = true
	}
	lost, err := d.removeLost(ctx, info.Swarm.NodeID, forced)
	if err == nil && !forced && len(lost) == 0 {
		err = refusedError{"has-quorum", errors.New("the Swarm has a quorum and no lost managers; nothing to recover")}
	}
	return lost, err
}

// member makes sure that this node may be a manager. A node whose Docker was restarted
// without a quorum is `pending`, and only Docker itself knows whether it is a manager.
func (d *Reader) member(ctx context.Context) (system.Info, error) {
	info, err := ask(ctx, d, "ask Docker about itself", d.Swarm.Info)
	if err != nil {
		return info, err
	}
	state := info.Swarm.LocalNodeState
	switch {
	case state == swarm.LocalNodeStateLocked:
		return info, refusedError{"locked", errors.New("the Swarm is locked; run `docker swarm unlock` first")}
	case state == swarm.LocalNodeStateInactive, state == swarm.LocalNodeStateActive && !info.Swarm.ControlAvailable:
		return info, refusedError{"not-a-manager", fmt.Errorf("%s is not a manager of a Swarm (%s); run this on a manager that is left. If this one was a manager until now, run `systemctl restart docker` and try again", d.Host, state)}
	case info.Swarm.NodeAddr == "":
		return info, refusedError{"no-address", fmt.Errorf("Docker does not say which address %s has in the Swarm: %s %s", d.Host, state, info.Swarm.Error)}
	}
	return info, nil
}

// leaderless says why the Swarm can decide nothing; nil if it can.
func (d *Reader) leaderless(ctx context.Context) error {
	ctx, cancel := d.glance(ctx)
	defer cancel()
	nodes, err := d.nodes(ctx)
	if err != nil {
		return err
	}
	return quorum(nodes)
}

// forceSwarm makes Docker start again from what this manager knows, as its only manager,
// unless one of the others answers.
func (d *Deployer) forceSwarm(ctx context.Context, info system.Info) error {
	others := slices.DeleteFunc(slices.Clone(info.Swarm.RemoteManagers), func(p swarm.Peer) bool { return p.NodeID == info.Swarm.NodeID })
	if len(others) == 0 {
		return refusedError{"no-others", errors.New("this is the only manager that Docker knows, so none is lost; `journalctl -u docker` shows why there is no leader")}
	}
	if living := d.answering(ctx, others); len(living) > 0 {
		return refusedError{"managers-live", fmt.Errorf("a manager still answers at %s; start the other managers, and the quorum returns. "+
			"If they are lost for good, stop Docker on this one first (`systemctl stop docker docker.socket`, or stop its VM), recover, and then run `docker swarm leave --force` there",
			strings.Join(living, ", "))}
	}
	d.say("none of the %d other managers answers; making %s the Swarm's only manager", len(others), d.Host)
	bounded, cancel := context.WithTimeout(ctx, forceLimit)
	defer cancel()
	_, err := d.Swarm.SwarmInit(bounded, swarm.InitRequest{ForceNewCluster: true,
		AdvertiseAddr: info.Swarm.NodeAddr, ListenAddr: net.JoinHostPort(info.Swarm.NodeAddr, swarmPort)})
	if err != nil {
		return fmt.Errorf("docker swarm init --force-new-cluster: %w; if this repeats, run `systemctl restart docker` and recover again (moby #34384)", err)
	}
	return nil
}

// swarmPort is where managers answer each other.
const swarmPort = "2377"

// answering are the addresses at which a manager answers. A connection is enough: the
// operating system of a frozen manager accepts it, too, and such a manager can come back.
func (d *Reader) answering(ctx context.Context, peers []swarm.Peer) []string {
	ctx, cancel := context.WithTimeout(ctx, knock)
	defer cancel()
	var mutex sync.Mutex
	var living []string
	var group sync.WaitGroup
	for _, peer := range peers {
		group.Go(func() {
			if d.dial(ctx, peer.Addr) == nil {
				mutex.Lock()
				defer mutex.Unlock()
				living = append(living, peer.Addr)
			}
		})
	}
	group.Wait()
	slices.Sort(living)
	return living
}

// dial tells whether somebody listens at an address.
func (d *Reader) dial(ctx context.Context, address string) error {
	if d.Dial != nil {
		return d.Dial(ctx, address)
	}
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err == nil {
		err = connection.Close()
	}
	return err
}

// removeLost removes the entries of managers that no longer belong to the Swarm. Each
// counts as lost once the Swarm reports it as down. A new leader first reports their
// earlier state, then unknown, then down. The entry of a manager that still answers as a
// node remains.
func (d *Deployer) removeLost(ctx context.Context, own string, forced bool) ([]string, error) {
	end := d.now().Add(settleLimit)
	for {
		nodes, err := d.nodes(ctx)
		if err != nil {
			return nil, err
		}
		former := formerManagers(nodes, own)
		late := !d.now().Before(end)
		switch {
		case late && len(former.unknown) > 0:
			return nil, fmt.Errorf("after %s the Swarm does not say whether %s are down; run `stackctl recover` again", settleLimit, strings.Join(former.unknown, ", "))
		case late || len(former.unknown) == 0 && (!forced || len(former.ready) == 0):
			if forced && len(former.ready) > 0 {
				d.say("%s still answer as nodes, so their entries stay; `docker node rm --force %s` removes them", strings.Join(former.ready, ", "), strings.Join(former.ready, " "))
			}
			return d.removeNodes(ctx, former.down)
		}
		if err := d.sleep(ctx, d.Settings.Poll); err != nil {
			return nil, err
		}
	}
}

// former are the managers that have an entry but are not in the quorum.
type former struct {
	down           []swarm.Node
	unknown, ready []string
}

func formerManagers(nodes []swarm.Node, own string) (found former) {
	for _, node := range nodes {
		if node.ID == own || node.Spec.Role != swarm.NodeRoleManager || node.ManagerStatus != nil {
			continue
		}
		switch node.Status.State {
		case swarm.NodeStateDown, swarm.NodeStateDisconnected:
			found.down = append(found.down, node)
		case swarm.NodeStateReady:
			found.ready = append(found.ready, node.Description.Hostname)
		default:
			found.unknown = append(found.unknown, node.Description.Hostname)
		}
	}
	return found
}

// removeNodes does not force the removal, so Docker refuses a node that came back meanwhile.
func (d *Deployer) removeNodes(ctx context.Context, lost []swarm.Node) ([]string, error) {
	var removed []string
	for _, node := range lost {
		name := node.Description.Hostname
		_, err := ask(ctx, &d.Reader, "remove the entry of "+name, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, d.Swarm.NodeRemove(ctx, node.ID, swarm.NodeRemoveOptions{})
		})
		if err != nil && !notFound(err) {
			return removed, err
		}
		d.say("removed the entry of %s", name)
		removed = append(removed, name)
	}
	return removed, nil
}
