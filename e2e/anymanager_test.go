package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"averazure/sandbox/azure"
)

// writtenManagers is MANAGERS, as the program wrote it into stack-repo.
func (s *sandbox) writtenManagers() (string, error) {
	d, err := azure.ReadDelivered(s.cloudFile(), owner+"/stack-repo")
	if err != nil {
		return "", err
	}
	managers := d.Environments["deploy"].Secrets["MANAGERS"]
	if managers == "" {
		err = errors.New("the program wrote no MANAGERS")
	}
	return managers, err
}

// firstFrozen freezes the first manager, like a VM whose physical server is gone: its
// address accepts connections, but nothing answers. A push that knows all managers reports
// this and goes through another one, and the API serves what was pushed. The Swarm elects a
// new leader meanwhile, if the first manager was the leader.
func (f *field) firstFrozen(ctx context.Context) (err error) {
	managers, err := f.writtenManagers()
	if err != nil {
		return err
	}
	if err := f.engine(ctx, "pause", containerName(first)); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.engine(context.WithoutCancel(ctx), "unpause", containerName(first)))
		if err == nil {
			err = f.whole(ctx, second, 2*time.Minute)
		}
	}()
	file, value := f.next()
	p, err := f.begin(ctx, first, file, "MANAGERS="+managers)
	if err != nil {
		return err
	}
	if err := p.expect("runs", 120*time.Second, " 1 of 3, ", " 2 of 3, "); err != nil {
		return err
	}
	fmt.Printf("a push with the first of three managers frozen took %s\n", p.took)
	if err := f.runs(ctx, value); err != nil {
		return err
	}
	return within(ctx, 10*time.Second, "the API answers", func() error { return f.answers(ctx, second, third) })
}

// answers fails unless a task of the API answers on one of the nodes.
func (f *field) answers(ctx context.Context, nodes ...string) (err error) {
	const ask = `docker exec "$(docker ps --quiet --filter label=com.docker.swarm.service.name=aver_api | head -n 1)" /aver-api healthcheck`
	for _, node := range nodes {
		out, failed := f.tryExec(ctx, node, "sh", "-c", ask)
		if failed == nil {
			return nil
		}
		err = errors.Join(err, fmt.Errorf("%s: %w: %s", node, failed, out))
	}
	return err
}

// TestLongFirstIsFrozen runs this fault alone, for working on it. The slow tests include
// it.
func TestLongFirstIsFrozen(t *testing.T) {
	isLong(t)
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := f.firstFrozen(t.Context()); err != nil {
		t.Error(err)
	}
}
