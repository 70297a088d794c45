package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// node is the engine's information about the node's Swarm.
type node struct {
	Swarm struct {
		NodeID           string
		LocalNodeState   string
		ControlAvailable bool // a manager
		RemoteManagers   []struct{ NodeID string }
	}
}

// managers are the ids of the managers that the node knows.
func (n node) managers() []string {
	var ids []string
	for _, manager := range n.Swarm.RemoteManagers {
		ids = append(ids, manager.NodeID)
	}
	return ids
}

// docker is a client of the node's engine.
type docker struct{ client http.Client }

func newDocker(socket string) *docker {
	return &docker{http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", socket)
		}},
	}}
}

func (d *docker) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+path, nil)
	if err != nil {
		return err
	}
	response, err := d.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func (d *docker) info(ctx context.Context) (node, error) {
	var n node
	return n, d.get(ctx, "/info", &n)
}

// table asks a manager for the running tasks.
func (d *docker) table(ctx context.Context) (Table, error) {
	var services []service
	if err := d.get(ctx, "/services", &services); err != nil {
		return Table{}, err
	}
	var tasks []task
	filter := url.QueryEscape(`{"desired-state":["running"]}`)
	if err := d.get(ctx, "/tasks?filters="+filter, &tasks); err != nil {
		return Table{}, err
	}
	return tabulate(services, tasks), nil
}
