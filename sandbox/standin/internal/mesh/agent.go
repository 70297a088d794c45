package mesh

import (
	"context"
	"log"
	"os"
	"reflect"
	"time"
)

// Agent keeps one node's rules.
type Agent struct {
	Socket string // of the node's engine, which may not be there yet
	Share  string // directory that all nodes see
	IPVS   string // file that a kernel with IPVS has

	docker  *docker
	share   share
	info    node
	asked   time.Time // when info was asked for
	told    time.Time // when the table was last confirmed
	table   Table
	applied map[string]applied
	ingress ingress
}

// ingress is the ingress namespace as it was seen last.
type ingress struct {
	inode   uint64
	address string
	at      time.Time
}

const (
	// step is how often the node looks; well below the two seconds that the
	// engine gives a task between leaving the load balancing and its end.
	step = 400 * time.Millisecond
	// membership changes rarely, and its end is no loss: rules to nowhere.
	membership = 2 * time.Second
)

// Run works until the context ends. What fails is tried again with the next
// step: an engine that is not installed yet, a Swarm without a leader.
func (a *Agent) Run(ctx context.Context) {
	a.docker, a.share, a.applied = newDocker(a.Socket), share(a.Share), map[string]applied{}
	var last string
	for {
		err := a.step(ctx)
		// The same failure again is no news.
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
	// No socket is no failure: the node has no engine yet.
	if _, err := os.Stat(a.Socket); err != nil || a.kernelDoesIt() {
		return nil
	}
	if time.Since(a.asked) > membership {
		info, err := a.docker.info(ctx)
		if err != nil {
			a.doubt() // an engine that starts anew makes its namespaces anew
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

// kernelDoesIt says whether the engine can use IPVS, as it does where it can.
func (a *Agent) kernelDoesIt() bool {
	_, err := os.Stat(a.IPVS)
	return err == nil
}

// read asks the engine on a manager, and tells the others; elsewhere it reads
// what a manager told.
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
