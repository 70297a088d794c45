package mesh

import (
	"context"
	"log"
	"os"
	"reflect"
	"time"
)

// Agent maintains one node's rules.
type Agent struct {
	Socket string // of the node's engine; may not exist yet
	Share  string // directory shared by all nodes
	IPVS   string // exists if the kernel has IPVS

	docker  *docker
	share   share
	info    node
	asked   time.Time // time of the last request for info
	told    time.Time // time of the last write of the table
	table   Table
	applied map[string]applied
	ingress ingress
}

// ingress is the last known state of the ingress namespace.
type ingress struct {
	inode   uint64
	address string
	at      time.Time
}

const (
	// step is the pause between two checks of the Swarm. It is well below the two seconds
	// between a task's removal from load balancing and its end.
	step = 400 * time.Millisecond
	// membership is the pause between two requests for the node's membership, which
	// changes rarely.
	membership = 2 * time.Second
)

// Run works until the context ends. The next step repeats what failed, for example
// because the engine is not installed yet or the Swarm has no leader.
func (a *Agent) Run(ctx context.Context) {
	a.docker, a.share, a.applied = newDocker(a.Socket), share(a.Share), map[string]applied{}
	var last string
	for {
		err := a.step(ctx)
		// Log a repeated failure only once.
		if text := message(err); text != last {
			if last = text; text != "" {
				log.Print(text)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(step):
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (a *Agent) step(ctx context.Context) error {
	// Without a socket the node has no engine yet.
	if _, err := os.Stat(a.Socket); err != nil || a.kernelDoesIt() {
		return nil
	}
	if time.Since(a.asked) > membership {
		info, err := a.docker.info(ctx)
		if err != nil {
			a.doubt() // a restarted engine creates new namespaces
			return err
		}
		a.info, a.asked = info, time.Now()
	}
	if a.info.Swarm.LocalNodeState != "active" {
		return a.clear(ctx)
	}
	table, err := a.read(ctx)
	if err != nil {
		return err
	}
	return a.apply(ctx, table)
}

// kernelDoesIt tells whether the kernel has IPVS, which the engine then uses.
func (a *Agent) kernelDoesIt() bool {
	_, err := os.Stat(a.IPVS)
	return err == nil
}

// read asks the engine on a manager and shares the answer. A worker reads what a manager
// shared.
func (a *Agent) read(ctx context.Context) (Table, error) {
	if !a.info.Swarm.ControlAvailable {
		if table, ok := a.share.read(a.info.managers(), time.Now()); ok {
			a.table = table
		}
		return a.table, nil
	}
	table, err := a.docker.table(ctx)
	if err != nil {
		return a.table, err
	}
	if !reflect.DeepEqual(table, a.table) || time.Since(a.told) > time.Second {
		if err := a.share.publish(a.info.Swarm.NodeID, table); err != nil {
			return table, err
		}
		a.told = time.Now()
	}
	a.table = table
	return table, nil
}
