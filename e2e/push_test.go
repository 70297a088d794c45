package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"averazure/internal/release"
)

// field is three managers, and a stack file whose changes are deployed quickly.
type field struct {
	*sandbox
	outputs *outputs
	dir     string
	file    string // as in stack-repo, with the program's image
	variant int
}

// newField reads what a pipeline knows. The tests push often, so both tasks of the API
// change at once, and running for one second counts as success.
func (s *sandbox) newField(ctx context.Context) (*field, error) {
	o, err := s.readOutputs(ctx)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(s.project, "repos/stack-repo/stack.yml"))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "averazure-e2e-faults-")
	if err != nil {
		return nil, err
	}
	caddyfile, err := os.ReadFile(filepath.Join(s.project, "repos/stack-repo/Caddyfile"))
	if err == nil { // the stack file names it
		err = os.WriteFile(filepath.Join(dir, "Caddyfile"), caddyfile, 0o600)
	}
	if err != nil {
		return nil, err
	}
	image, _, _ := strings.Cut(o.ImageDigest, "@")
	file := strings.NewReplacer("ghcr.io/your-org/aver-api:latest", image+":latest", "parallelism: 1", "parallelism: 2").Replace(string(text))
	file = strings.Replace(file, "monitor: 5s", "monitor: 1s", 2) // the API's two, which come first
	return &field{sandbox: s, outputs: o, dir: dir, file: file}, nil
}

func (f *field) close() { os.RemoveAll(f.dir) }

// next is the stack file with another value for one variable of the API and no other
// change; the value also appears in the API's spec.
func (f *field) next() (file, value string) {
	f.variant++
	value = fmt.Sprint("PUSHED=", f.variant)
	return strings.Replace(f.file, "    networks: [net]\n", "    environment: [\""+value+"\"]\n    networks: [net]\n", 1), value
}

// push is a run of stack-repo's deploy.sh.
type push struct {
	cmd     *exec.Cmd
	out     safeBuffer
	outputs string // the file that GITHUB_OUTPUT names
	done    chan error
	took    time.Duration
}

// safeBuffer may be written to while it is read.
type safeBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

// begin starts a push through a manager, optionally with more variables.
func (f *field) begin(ctx context.Context, through, file string, more ...string) (*push, error) {
	path := filepath.Join(f.dir, fmt.Sprintf("stack-%d.yml", time.Now().UnixNano()))
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		return nil, err
	}
	n, err := f.node(through)
	if err != nil {
		return nil, err
	}
	p := &push{outputs: path + ".outputs", done: make(chan error, 1), cmd: exec.CommandContext(ctx, "bash", filepath.Join(f.project, "repos/stack-repo/scripts/deploy.sh"))}
	p.cmd.Env = append(os.Environ(), "MANAGER_IP="+n.PublicAddress, "MANAGER_HOST_KEY="+n.HostKey, "SSH_USER=deploy",
		"SSH_PRIVATE_KEY="+f.outputs.DeployPrivateKey, "STACK_NAME="+f.outputs.StackName, "STACK_FILE="+path, "DEPLOY_SECONDS=300",
		"GITHUB_STEP_SUMMARY=", "GITHUB_OUTPUT="+path+".outputs")
	p.cmd.Env = append(p.cmd.Env, more...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		err := p.cmd.Wait()
		p.took = time.Since(began).Round(time.Second / 10)
		p.done <- err
	}()
	return p, nil
}

// status waits for the push's end and returns its exit status.
func (p *push) status() int {
	var exit *exec.ExitError
	switch err := <-p.done; {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// push runs a push to its end. It has to end with the code, within the time, and print the
// words.
func (f *field) push(ctx context.Context, through, file, code string, limit time.Duration, words ...string) error {
	p, err := f.begin(ctx, through, file)
	if err != nil {
		return err
	}
	return p.expect(code, limit, words...)
}

func (p *push) expect(code string, limit time.Duration, words ...string) error {
	status := p.status()
	if got := codeIn(p.outputs); got != code || (status == 0) != (code == "runs") || p.took > limit {
		return fmt.Errorf("a push ended with %d and the code %q after %s, want %q within %s:\n%s", status, got, p.took, code, limit, p.out.String())
	}
	for _, word := range words {
		if !strings.Contains(p.out.String(), word) {
			return fmt.Errorf("a push does not name %q:\n%s", word, p.out.String())
		}
	}
	return nil
}

func (f *field) node(name string) (node, error) {
	for _, n := range f.outputs.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return node{}, fmt.Errorf("unknown node %s", name)
}

// engine calls the engine that runs the nodes as containers.
func (s *sandbox) engine(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = append(os.Environ(), dockerEnv()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// containerName is what the engine calls a host of the sandbox.
func containerName(host string) string { return sandboxName + "-" + host }

// stackctl runs a verb as root on a node, within the time, and returns its JSON and
// exit status.
func (f *field) stackctl(ctx context.Context, node string, limit time.Duration, verb ...string) (string, int, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := f.command(ctx, append([]string{"exec", node, "--", "stackctl", "--json"}, verb...)...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return string(out), -1, fmt.Errorf("stackctl %s: no answer within %s", strings.Join(verb, " "), limit)
	case errors.As(err, &exit):
		return string(out), exit.ExitCode(), nil
	}
	return string(out), 0, err
}

// status is the status that stackctl reports on a node.
func (f *field) status(ctx context.Context, node string) (status release.Status, err error) {
	out, code, err := f.stackctl(ctx, node, 30*time.Second, "status", f.outputs.StackName)
	if err == nil && code != 0 {
		err = fmt.Errorf("status ends with %d: %s", code, out)
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &status)
	}
	return status, err
}

// whole waits until the stack is as released and healthy, and all nodes are ready, without
// any intervention.
func (f *field) whole(ctx context.Context, node string, limit time.Duration) error {
	began := time.Now()
	err := within(ctx, limit, "the stack is whole", func() error {
		status, err := f.status(ctx, node)
		if err != nil {
			return err
		}
		if !status.InSync || !status.Healthy || status.Deploying != nil {
			return fmt.Errorf("in sync %v, healthy %v, deploying %v: %v %v", status.InSync, status.Healthy, status.Deploying, status.Services, status.Differences)
		}
		return nil
	})
	if err == nil {
		fmt.Printf("whole again after %s\n", time.Since(began).Round(time.Second/10))
	}
	return err
}

// within repeats the question until it returns no error.
func within(ctx context.Context, limit time.Duration, what string, question func() error) error {
	end := time.Now().Add(limit)
	for {
		err := question()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return fmt.Errorf("%s: not within %s: %w", what, limit, err)
		}
		time.Sleep(300 * time.Millisecond)
	}
}
