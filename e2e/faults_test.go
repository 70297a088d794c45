package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"averazure/internal/release"
)

// The nodes of the faults. stackctl runs on the first one, where RabbitMQ and Seq are
// pinned; the other two survive.
const (
	first  = "aver-manager"
	second = "aver-manager-2"
	third  = "aver-manager-3"
)

// faults causes, one after the other, the failures that operators have seen on three
// managers. Each has to end as an operator would want it to.
func (s *sandbox) faults(ctx context.Context) error {
	f, err := s.newField(ctx)
	if err != nil {
		return err
	}
	defer f.close()
	for _, fault := range []struct {
		name string
		try  func(context.Context) error
	}{
		{"the registry is away", f.registryAway},
		{"the manager that deploys dies", f.deployerDies},
		{"the first manager is frozen", f.firstFrozen},
		{"two of three managers are silent", f.noQuorum},
		{"the record of the secrets' versions is gone", f.recordGone}, // up has to repair it
	} {
		began := time.Now()
		if err := fault.try(ctx); err != nil {
			return fmt.Errorf("%s: %w", fault.name, err)
		}
		fmt.Printf("fault in %s: %s\n", time.Since(began).Round(time.Second/10), fault.name)
	}
	return nil
}

// recordGone removes the config that records the current version of each secret. The newest
// stored version then counts as the current one, and status reports that the record is
// missing. The next up puts it back.
func (f *field) recordGone(ctx context.Context) error {
	// The managers may be electing a leader: two of them were silent a moment ago.
	if err := within(ctx, time.Minute, "there is a record", func() error { return f.recorded(ctx) }); err != nil {
		return err
	}
	const remove = `docker config rm $(docker config ls --quiet --filter label=averazure.secrets)`
	if err := within(ctx, time.Minute, "the record is removed", func() error {
		_, err := f.tryExec(ctx, second, "sh", "-c", remove)
		if err != nil && f.unrecorded(ctx) {
			err = nil // the answer got lost
		}
		return err
	}); err != nil {
		return err
	}
	file, _ := f.next()
	if err := f.push(ctx, second, file, "runs", 90*time.Second); err != nil {
		return err
	}
	status, err := f.status(ctx, second)
	if err == nil && (len(status.Differences) != 1 || status.Differences[0].Code != release.CodeSecretsUnrecorded) {
		err = fmt.Errorf("want one difference, %s, there are %+v", release.CodeSecretsUnrecorded, status.Differences)
	}
	return err
}

// unrecorded tells whether the record is certainly gone.
func (f *field) unrecorded(ctx context.Context) bool {
	out, err := f.tryExec(ctx, second, "docker", "config", "ls", "--filter", "label=averazure.secrets", "--quiet")
	return err == nil && strings.TrimSpace(out) == ""
}

// recorded fails unless there is one record of the secrets' versions.
func (s *sandbox) recorded(ctx context.Context) error {
	out, err := s.tryExec(ctx, second, "docker", "config", "ls", "--filter", "label=averazure.secrets", "--quiet")
	if err == nil && len(strings.Fields(out)) != 1 {
		err = fmt.Errorf("want one record of the secrets' versions, there are %q", out)
	}
	return err
}

// registryAway: without the registry, a push that changes one variable changes only that
// one service and keeps the digests of all services. A push with another image is refused,
// and nothing is changed.
func (f *field) registryAway(ctx context.Context) (err error) {
	// The running image must be the one that the file names, whichever deployment was last.
	own, _ := f.next()
	if err := f.push(ctx, second, own, "runs", 90*time.Second); err != nil {
		return err
	}
	before, err := f.versions(ctx)
	if err != nil {
		return err
	}
	if err := f.cutRegistry(ctx, "-I"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.cutRegistry(context.WithoutCancel(ctx), "-D")) }()
	file, _ := f.next()
	if err := f.push(ctx, second, file, "runs", 90*time.Second); err != nil {
		return err
	}
	after, err := f.versions(ctx)
	if err != nil {
		return err
	}
	for name, was := range before {
		if now := after[name]; now.image != was.image || name != "aver_api" && now != was {
			return fmt.Errorf("%s was %+v, and is %+v after a push of another service's variable", name, was, now)
		}
	}
	another := strings.Replace(file, "aver-api:latest", "aver-api:another", 1)
	if err := f.push(ctx, second, another, "refused", 60*time.Second, "aver_api"); err != nil {
		return err
	}
	if now, err := f.versions(ctx); err != nil || fmt.Sprint(now) != fmt.Sprint(after) {
		return fmt.Errorf("a refused push changed %v to %v (%v)", after, now, err)
	}
	return nil
}

// cutRegistry keeps all nodes from reaching the registry (-I), or lets them reach it again
// (-D).
func (f *field) cutRegistry(ctx context.Context, verb string) error {
	host, _, _ := strings.Cut(f.outputs.ImageDigest, ":")
	for _, name := range []string{first, second, third} {
		if _, err := f.tryExec(ctx, name, "iptables", verb, "OUTPUT", "-d", host, "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"); err != nil {
			return err
		}
	}
	return nil
}

// running is the image that a service runs, and the version of its spec.
type running struct{ image, version string }

func (f *field) versions(ctx context.Context) (map[string]running, error) {
	out, err := f.tryExec(ctx, second, "sh", "-c",
		`docker service inspect $(docker service ls -q) --format "{{.Spec.Name}} {{.Spec.TaskTemplate.ContainerSpec.Image}} {{.Version.Index}}"`)
	found := map[string]running{}
	for line := range strings.Lines(out) {
		if words := strings.Fields(line); len(words) == 3 {
			found[words[0]] = running{words[1], words[2]}
		}
	}
	if err == nil && len(found) != 4 {
		err = fmt.Errorf("want four services, there are %v", found)
	}
	return found, err
}

// deployerDies: the first manager loses its power while it deploys. The push that went
// through it cannot tell how the deployment ended. The next push goes through another
// manager and names the one that it waits for. It continues once it or an agent has taken
// over, and succeeds, although RabbitMQ and Seq cannot run. When the node is back, so are
// they.
func (f *field) deployerDies(ctx context.Context) (err error) {
	file, _ := f.next()
	lost, err := f.begin(ctx, first, file)
	if err != nil {
		return err
	}
	if err := within(ctx, 30*time.Second, "the deployment begins", func() error {
		if !strings.Contains(lost.out.String(), "stackctl: ") {
			return errors.New(lost.out.String())
		}
		status, err := f.status(ctx, second)
		if err == nil && status.Deploying == nil {
			err = errors.New("nobody deploys")
		}
		return err
	}); err != nil {
		return err
	}
	if err := f.engine(ctx, "kill", containerName(first)); err != nil {
		return err
	}
	back := func() error { return f.engine(context.WithoutCancel(ctx), "start", containerName(first)) }
	if err := lost.expect("broken", 60*time.Second); err != nil {
		return errors.Join(err, back())
	}
	file, value := f.next()
	if err := f.push(ctx, second, file, "runs", 120*time.Second, " on "+first, "aver_rabbitmq ", "aver_seq "); err != nil {
		return errors.Join(err, back())
	}
	status, err := f.status(ctx, second)
	if err == nil {
		err = pinnedOnly(status)
	}
	if err := errors.Join(err, back()); err != nil {
		return err
	}
	if err := f.whole(ctx, second, 2*time.Minute); err != nil {
		return err
	}
	return f.runs(ctx, value)
}

// pinnedOnly fails unless exactly the dead node's services are down, and the status is
// neither in sync nor healthy.
func pinnedOnly(status release.Status) error {
	for _, service := range status.Services {
		want := map[string]string{"aver_api": "up", "aver_edge": "up"}[service.Name]
		if want == "" {
			want = "pinned"
		}
		if service.State != want {
			return fmt.Errorf("%s is %s (%s), want %s", service.Name, service.State, service.Reason, want)
		}
	}
	if status.InSync || status.Healthy || len(status.Services) != 4 {
		return fmt.Errorf("in sync %v and healthy %v with a dead node: %+v", status.InSync, status.Healthy, status.Services)
	}
	return nil
}

// runs fails unless the API has the value of the last push.
func (f *field) runs(ctx context.Context, value string) error {
	out, err := f.tryExec(ctx, second, "docker", "service", "inspect", "aver_api", "--format", "{{.Spec.TaskTemplate.ContainerSpec.Env}}")
	if err == nil && !strings.Contains(out, value) {
		err = fmt.Errorf("the API has %s, want %s", strings.TrimSpace(out), value)
	}
	return err
}
