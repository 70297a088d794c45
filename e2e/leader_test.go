package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

func (f *field) leader(ctx context.Context) (string, error) {
	status, err := f.status(ctx, second)
	for _, n := range status.Nodes {
		if n.Leader {
			return n.Name, err
		}
	}
	return "", errors.Join(err, errors.New("nobody leads"))
}

// TestLongRollbackAndPruneCostNoRequest adds a service, removes it and brings it back with
// a rollback, while the API changes in the same releases.
func TestLongRollbackAndPruneCostNoRequest(t *testing.T) {
	isLong(t)
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	const more = "services:\n  more:\n    image: caddy:2\n    networks: [net]\n    deploy: {update_config: {monitor: 1s}}\n"
	file, old := f.next()
	watch := watchAnswers(f.outputs.APIURL)
	mustRun := func(value string, services int) (number int) {
		t.Helper()
		if err := f.whole(t.Context(), second, time.Minute); err != nil {
			t.Fatal(err)
		}
		status, err := f.status(t.Context(), second)
		if err := errors.Join(err, f.runs(t.Context(), value)); err != nil || len(status.Services) != services {
			t.Fatalf("want %s and %d services: %+v, %v", value, services, status, err)
		}
		return status.Release.Number
	}
	push := func(file string) {
		t.Helper()
		if err := f.push(t.Context(), second, file, "runs", 2*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	push(strings.Replace(file, "services:\n", more, 1))
	number := mustRun(old, 5)
	file, value := f.next()
	push(file)
	mustRun(value, 4)
	if result, code, err := f.verb(t.Context(), second, 2*time.Minute, "rollback", f.outputs.StackName, strconv.Itoa(number)); err != nil || code != 0 || result.Outcome != release.Runs {
		t.Errorf("rollback ends with %d: %+v, %v", code, result, err)
	}
	mustRun(old, 5)
	push(file)
	mustRun(value, 4)
	answers := watch.stop()
	t.Log(answers)
	if err := answers.err(); err != nil {
		t.Error(err)
	}
}

// TestLongLeaderIsLost kills Docker on the leader at a random point of a deployment, as a
// crash would, while stackctl runs there or on another manager. The last round kills the VM
// of the leader while another manager runs stackctl. The deployment continues when there is
// a leader again. Docker takes its containers down when it comes back, so the edge and the
// API run on the other two nodes, where clients must not notice.
func TestLongLeaderIsLost(t *testing.T) {
	isLong(t)
	random := chance(t)
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	for i := range 5 {
		leader, err := f.leader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		through := map[bool]string{true: leader, false: another(leader)}[i%2 == 0]
		after := time.Duration(random.Int64N(int64(claimHeld / 2))).Round(10 * time.Millisecond)
		kill, back := f.killDocker, func(context.Context, string) error { return nil } // systemd starts it again
		if i == 4 {
			through, kill, back = another(leader), f.killVM, f.startVM
		}
		t.Run(fmt.Sprintf("%d through %s after %s", i+1, through, after), func(t *testing.T) {
			if err := f.loseLeader(t.Context(), leader, through, after, kill, back); err != nil {
				t.Error(err)
			}
		})
	}
	if err := f.push(t.Context(), second, f.file, "runs", 3*time.Minute); err != nil {
		t.Error(err)
	}
}

// keptOff keeps the API and the edge of a stack file off one manager.
func keptOff(file, node string) string {
	not := "          - node.hostname != " + node + "\n"
	file = strings.Replace(file, "      replicas: 2\n", "      replicas: 2\n      placement:\n        constraints:\n"+not, 1)
	return strings.Replace(file, "          - node.role == manager\n", "          - node.role == manager\n"+not, 1)
}

// another is a manager that is not the named one.
func another(than string) string {
	if than == second {
		return third
	}
	return second
}

func (f *field) killDocker(ctx context.Context, node string) error {
	_, err := f.tryExec(ctx, node, "systemctl", "kill", "--signal=KILL", "--kill-whom=main", "docker")
	return err
}

func (f *field) killVM(ctx context.Context, node string) error {
	return f.engine(ctx, "kill", containerName(node))
}

func (f *field) startVM(ctx context.Context, node string) error {
	return f.engine(ctx, "start", containerName(node))
}

// loseLeader kills what makes a manager the leader while a push goes through a manager. The
// push ends while the leader is away, with success or failure, and reports the truth.
func (f *field) loseLeader(ctx context.Context, leader, through string, after time.Duration, kill, back func(context.Context, string) error) (err error) {
	file, _ := f.next()
	if err := f.push(ctx, another(leader), keptOff(file, leader), "runs", 3*time.Minute); err != nil {
		return err
	}
	n, err := f.node(another(leader))
	if err != nil {
		return err
	}
	watch := watchAt(n.PublicAddress, f.outputs.APIURL)
	defer func() {
		answers := watch.stop()
		fmt.Println(answers)
		err = errors.Join(err, answers.err())
	}()
	file, value := f.next()
	p, err := f.begin(ctx, through, keptOff(file, leader))
	if err != nil {
		return err
	}
	if err := within(ctx, 30*time.Second, "the deployment is under way", func() error {
		status, err := f.status(ctx, another(leader))
		if err == nil && status.Deploying == nil {
			err = errors.New("nobody deploys")
		}
		return err
	}); err != nil {
		return err
	}
	time.Sleep(after)
	if len(p.done) > 0 {
		return fmt.Errorf("the push was over before, which proves nothing:\n%s", p.out.String())
	}
	if err := kill(ctx, leader); err != nil {
		return err
	}
	status := p.status()
	fmt.Printf("the push ended with %d after %s\n", status, p.took)
	if err := back(context.WithoutCancel(ctx), leader); err != nil {
		return err
	}
	if err := f.whole(ctx, another(leader), 2*time.Minute); err != nil {
		return fmt.Errorf("%w\n%s", err, p.out.String())
	}
	if status == 0 {
		return errors.Join(f.runs(ctx, value), f.oneRelease(ctx, value))
	}
	// A failure is a valid result if it is true: then an earlier release runs, and the
	// releases show that.
	out, code, err := f.stackctl(ctx, another(leader), 20*time.Second, "releases", f.outputs.StackName)
	var releases release.ReleaseList
	if err == nil && code == 0 {
		err = json.Unmarshal([]byte(out), &releases)
	}
	if err != nil || f.runs(ctx, value) == nil {
		return fmt.Errorf("the push was red (%d), and what it brought runs: %w\n%s", status, err, p.out.String())
	}
	return nil
}
