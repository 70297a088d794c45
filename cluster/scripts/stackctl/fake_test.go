package stackctl

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/swarm"
	"gopkg.in/yaml.v3"
)

// world is a Swarm that answers at once: what the fake docker and API read and
// write, as a file in the run's directory. Stack files go through Docker's own loader; what
// becomes of a task is in its image's tag.
type world struct {
	Clock    uint64
	Follower bool
	Stuck    bool // `docker stack deploy` does not come back
	Services []swarm.Service
	Tasks    []swarm.Task
	Configs  []swarm.Config
	Secrets  []swarm.Secret
}

// fake plays docker, by the name under which the test binary was called. The
// loader is called without an environment, and needs no world.
func fake() int {
	dir := os.Getenv("STACKCTL_RUN")
	w := readWorld(dir)
	if err := w.docker(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if os.Args[1] != "stack" || os.Args[2] != "config" {
		w.write(dir)
	}
	return 0
}

func readWorld(dir string) *world {
	w := &world{}
	if text, err := os.ReadFile(filepath.Join(dir, "world.json")); err == nil {
		if err := json.Unmarshal(text, w); err != nil {
			panic(err)
		}
	}
	return w
}

func (w *world) write(dir string) {
	text, err := json.Marshal(w)
	if err != nil {
		panic(err)
	}
	// In one step: the API may be reading it.
	fresh := filepath.Join(dir, "world.new")
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(fresh, filepath.Join(dir, "world.json")); err != nil {
		panic(err)
	}
}

func (w *world) tick() swarm.Meta {
	w.Clock++
	return swarm.Meta{Version: swarm.Version{Index: w.Clock}, CreatedAt: time.Unix(int64(w.Clock), 0).UTC()}
}

// get answers a read of the API.
func (w *world) get(address *url.URL) string {
	label := ""
	if filter, ok := strings.CutPrefix(address.Query().Get("filters"), `{"label":["`); ok {
		label = strings.TrimSuffix(filter, `"]}`)
	}
	var answer any
	switch address.Path {
	case "/info":
		answer = map[string]any{"Swarm": map[string]any{"ControlAvailable": true, "NodeID": "n1"}}
	case "/nodes":
		node := swarm.Node{ID: "n1", Description: swarm.NodeDescription{Hostname: "node-1"}}
		node.ManagerStatus = &swarm.ManagerStatus{Leader: !w.Follower}
		answer = []swarm.Node{node}
	case "/services":
		answer = filter(w.Services, label, func(s swarm.Service) map[string]string { return s.Spec.Labels })
	case "/tasks":
		answer = filter(w.Tasks, label, func(t swarm.Task) map[string]string { return t.Labels })
	case "/configs":
		answer = filter(w.Configs, label, func(c swarm.Config) map[string]string { return c.Spec.Labels })
	case "/secrets":
		answer = filter(w.Secrets, label, func(s swarm.Secret) map[string]string { return s.Spec.Labels })
	}
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func filter[T any](all []T, label string, labels func(T) map[string]string) []T {
	key, want, exact := strings.Cut(label, "=")
	found := []T{}
	for _, one := range all {
		if value, ok := labels(one)[key]; label == "" || ok && (!exact || value == want) {
			found = append(found, one)
		}
	}
	return found
}

// docker answers a command line.
func (w *world) docker(args []string) error {
	name := args[len(args)-1]
	switch strings.Join(args[:2], " ") {
	case "config create":
		spec := swarm.ConfigSpec{Annotations: swarm.Annotations{Name: args[len(args)-2], Labels: labels(args)}}
		for _, c := range w.Configs {
			if c.Spec.Name == spec.Name {
				return fmt.Errorf("rpc error: code = AlreadyExists desc = config %s already exists", spec.Name)
			}
		}
		spec.Data, _ = io.ReadAll(os.Stdin)
		w.Configs = append(w.Configs, swarm.Config{ID: spec.Name, Meta: w.tick(), Spec: spec})
	case "config rm":
		for _, name := range args[2:] {
			w.Configs = without(w.Configs, func(c swarm.Config) bool { return c.Spec.Name == name })
		}
	case "secret rm":
		w.Secrets = without(w.Secrets, func(s swarm.Secret) bool { return s.Spec.Name == name })
	case "service logs":
		fmt.Println("the last words of " + name)
	case "stack config":
		config, err := load(os.Stdin)
		if err != nil {
			return err
		}
		return yaml.NewEncoder(os.Stdout).Encode(config)
	case "stack deploy":
		if w.Stuck {
			time.Sleep(time.Minute)
		}
		return w.deploy(name, after(args, "--compose-file"))
	case "stack rm":
		w.Services, w.Tasks = nil, nil
	default:
		return fmt.Errorf("the fake docker knows no %q", args)
	}
	return nil
}

func labels(args []string) map[string]string {
	found := map[string]string{}
	for i, arg := range args {
		if arg == "--label" {
			key, value, _ := strings.Cut(args[i+1], "=")
			found[key] = value
		}
	}
	return found
}

func after(args []string, flag string) string {
	for i, arg := range args {
		if arg == flag {
			return args[i+1]
		}
	}
	return ""
}

func without[T any](all []T, gone func(T) bool) []T {
	var rest []T
	for _, one := range all {
		if !gone(one) {
			rest = append(rest, one)
		}
	}
	return rest
}

// deploy makes services and their tasks of a stack file.
func (w *world) deploy(stack, file string) error {
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	config, err := load(opened)
	if err != nil {
		return err
	}
	was := w.Services
	w.Services = nil
	for _, service := range config.Services {
		w.update(convert(stack, service, config), was)
	}
	return nil
}

// update makes one service what its spec says, with new tasks if it changed.
func (w *world) update(spec swarm.ServiceSpec, was []swarm.Service) {
	container := spec.TaskTemplate.ContainerSpec
	if !strings.Contains(container.Image, "@") {
		container.Image += "@sha256:" + strings.Repeat("0", 64)
	}
	service := swarm.Service{ID: spec.Name, Meta: w.tick(), Spec: spec}
	for _, old := range was {
		if old.ID == service.ID {
			before, _ := json.Marshal(old.Spec.TaskTemplate)
			now, _ := json.Marshal(spec.TaskTemplate)
			if string(before) == string(now) {
				w.Services = append(w.Services, service)
				return
			}
			service.UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStateCompleted}
		}
	}
	w.Tasks = without(w.Tasks, func(t swarm.Task) bool { return t.ServiceID == service.ID })
	for slot := range int(*spec.Mode.Replicated.Replicas) {
		for range 3 {
			w.Tasks = append(w.Tasks, w.task(service, slot+1))
			if w.Tasks[len(w.Tasks)-1].Status.State == swarm.TaskStateRunning {
				break
			}
		}
	}
	if w.Tasks[len(w.Tasks)-1].Status.State == swarm.TaskStatePending {
		service.UpdateStatus = nil
	}
	if service.UpdateStatus != nil && w.Tasks[len(w.Tasks)-1].DesiredState == swarm.TaskStateShutdown {
		service.UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStatePaused, Message: "update paused"}
	}
	w.Services = append(w.Services, service)
}

func (w *world) task(service swarm.Service, slot int) swarm.Task {
	task := swarm.Task{ServiceID: service.ID, Slot: slot, NodeID: "n1", Meta: w.tick(), Spec: service.Spec.TaskTemplate}
	task.ID = "task" + strconv.FormatUint(w.Clock, 10)
	task.Labels = map[string]string{"com.docker.stack.namespace": service.Spec.Labels["com.docker.stack.namespace"]}
	task.Status = swarm.TaskStatus{State: swarm.TaskStateRunning}
	task.DesiredState = swarm.TaskStateRunning
	switch image := service.Spec.TaskTemplate.ContainerSpec.Image; {
	case strings.Contains(image, ":missing"):
		task.Status, task.DesiredState = swarm.TaskStatus{State: swarm.TaskStateRejected, Err: "No such image: " + image}, swarm.TaskStateShutdown
	case strings.Contains(image, ":crash"):
		task.Status = swarm.TaskStatus{State: swarm.TaskStateFailed, Err: "task: non-zero exit (3)", ContainerStatus: &swarm.ContainerStatus{ExitCode: 3}}
		task.DesiredState = swarm.TaskStateShutdown
	case strings.Contains(image, ":homeless"):
		task.Status = swarm.TaskStatus{State: swarm.TaskStatePending, Err: "no suitable node (scheduling constraints not satisfied on 1 node)"}
	}
	return task
}
