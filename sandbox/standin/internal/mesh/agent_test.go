package mesh

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// engine serves the part of a Docker engine's API that the agent uses.
func engine(t *testing.T, info string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for path, answer := range map[string]string{"/info": info, "/services": servicesJSON, "/tasks": tasksJSON} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) })
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}}
	server.Start()
	t.Cleanup(server.Close)
	return socket
}

func agentAt(t *testing.T, socket, dir string) *Agent {
	t.Helper()
	a := &Agent{Socket: socket, Share: dir, IPVS: filepath.Join(dir, "none")}
	a.docker, a.share, a.applied = newDocker(socket), share(dir), map[string]applied{}
	return a
}

func TestAManagerSendsItsTableAndAWorkerReadsIt(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	manager := agentAt(t, engine(t, `{"Swarm":{"NodeID":"m1","LocalNodeState":"active","ControlAvailable":true}}`), dir)
	worker := agentAt(t, engine(t, `{"Swarm":{"NodeID":"w1","LocalNodeState":"active","RemoteManagers":[{"NodeID":"m1"}]}}`), dir)
	for _, a := range []*Agent{manager, worker} {
		info, err := a.docker.info(ctx)
		if err != nil {
			t.Fatal(err)
		}
		a.info = info
		table, err := a.read(ctx)
		if err != nil || !reflect.DeepEqual(table, wantTable) {
			t.Errorf("%s read %+v (%v)", info.Swarm.NodeID, table, err)
		}
	}
}

func TestAWorkerWorksWithoutItsManagers(t *testing.T) {
	a := agentAt(t, "none", t.TempDir())
	a.table = wantTable
	if table, err := a.read(context.Background()); err != nil || !reflect.DeepEqual(table, wantTable) {
		t.Errorf("read %+v (%v)", table, err)
	}
}

func TestNothingIsDoneWhereNothingIsNeeded(t *testing.T) {
	inactive := `{"Swarm":{"LocalNodeState":"inactive"}}`
	for name, a := range map[string]*Agent{
		"no engine yet":      agentAt(t, filepath.Join(t.TempDir(), "none"), t.TempDir()),
		"no Swarm yet":       agentAt(t, engine(t, inactive), t.TempDir()),
		"a kernel with IPVS": agentAt(t, engine(t, "not even asked"), t.TempDir()),
	} {
		if strings.HasSuffix(name, "IPVS") {
			a.IPVS = a.Socket // any existing file
		}
		if err := a.step(context.Background()); err != nil || len(a.applied) != 0 {
			t.Errorf("%s: applied %v, error %v", name, a.applied, err)
		}
	}
}

func TestAnEngineThatFailsIsReportedAndTriedAgain(t *testing.T) {
	a := agentAt(t, engine(t, "nonsense"), t.TempDir())
	if err := a.step(context.Background()); err == nil {
		t.Error("nonsense was understood")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	a.Run(ctx) // returns when the context ends
}

func TestAnUnsuccessfulAnswerIsAnError(t *testing.T) {
	d := newDocker(engine(t, "{}"))
	err := d.get(context.Background(), "/elsewhere", nil)
	if err == nil || !strings.Contains(err.Error(), "/elsewhere answered 404") {
		t.Errorf("the error is %v", err)
	}
}

func TestSourcesHoldTheAgent(t *testing.T) {
	if _, err := Sources.ReadFile("agent/main.go"); err != nil {
		t.Error(err)
	}
}
