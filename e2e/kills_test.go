package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// seedEnv repeats the random points of an earlier run, which printed its seed.
const seedEnv = "AVERAZURE_SEED"

// chance makes the random points.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	fmt.Printf("random points by seed %d (%s repeats them)\n", seed, seedEnv)
	return rand.New(rand.NewPCG(seed, 0))
}

// startFirst is the longest that a push of these tests takes: kills are spread over
// the first half of it and a little more.
const startFirst = 9 * time.Second

// TestLongKills ends stackctl, the agent and Docker as a VM that loses its
// power does, at random points of deployments and of healing. The stack has to end
// whole each time, in the new release or the old, and nobody who asks the API may
// notice what happens to stackctl: its service starts the new task first. A dockerd
// that is killed takes nothing along either, since the containers are not its
// children.
func TestLongKills(t *testing.T) {
	isLong(t)
	random := chance(t)
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	file, before := f.next()
	if err := f.push(t.Context(), second, file, 0, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		kind := []string{"deployment", "deployment", "healing"}[i%3]
		after := time.Duration(random.Int64N(int64(startFirst))).Round(10 * time.Millisecond)
		t.Run(fmt.Sprintf("%d %s after %s", i+1, kind, after), func(t *testing.T) {
			watch := watchAnswers(f.outputs.APIURL)
			var err error
			if kind == "healing" {
				err = f.killHealing(t.Context(), after/3)
			} else {
				before, err = f.killDeployment(t.Context(), managers[random.IntN(len(managers))], after, before)
			}
			answers := watch.stop()
			fmt.Println(answers)
			if err != nil || answers.failed > 0 || answers.asked == 0 {
				t.Errorf("%v; %s", err, answers)
			}
		})
	}
}

// managers are those that a push may go through.
var managers = []string{first, second, third}

// killDeployment kills the stackctl that deploys on a manager. The agent there sees within
// 15 s that the process is gone and gives up its claim, and the leader's finishes or puts
// back what it left. It returns the value that runs, which is the old one or the new.
func (f *field) killDeployment(ctx context.Context, through string, after time.Duration, old string) (string, error) {
	file, value := f.next()
	p, err := f.begin(ctx, through, file)
	if err != nil {
		return old, err
	}
	time.Sleep(after)
	// [s]: the pattern does not match its own process.
	if _, err := f.tryExec(ctx, through, "sh", "-c", "pkill -KILL -f '[s]tackctl ssh' || true"); err != nil {
		return old, err
	}
	status := p.status()
	fmt.Printf("the push ended with %d after %s\n", status, p.took)
	if err := f.whole(ctx, another(through), 3*time.Minute); err != nil {
		return old, err
	}
	runs := old
	if f.runs(ctx, value) == nil {
		runs = value
	}
	return runs, errors.Join(f.runs(ctx, runs), f.oneRelease(ctx, runs))
}

// oneRelease fails unless all tasks of the API have the value: the stack is whole in
// one release, not half in each.
func (f *field) oneRelease(ctx context.Context, value string) error {
	out, err := f.tryExec(ctx, second, "sh", "-c",
		`docker inspect $(docker service ps -q --filter desired-state=running aver_api) --format "{{.Spec.ContainerSpec.Env}}"`)
	if err == nil && (strings.Count(out, value) != 2 || strings.Count(out, "PUSHED=") != 2) {
		err = fmt.Errorf("the tasks have\n%swant %s in both", out, value)
	}
	return err
}

// killHealing scales the API by hand and kills the leader's agent while it heals.
// systemd starts it again, and it goes on.
func (f *field) killHealing(ctx context.Context, after time.Duration) error {
	leader, err := f.leader(ctx)
	if err != nil {
		return err
	}
	if _, err := f.tryExec(ctx, second, "docker", "service", "update", "--detach", "--replicas", "4", "aver_api"); err != nil {
		return err
	}
	time.Sleep(after)
	if _, err := f.tryExec(ctx, leader, "systemctl", "kill", "--signal=KILL", "stackctl-agent"); err != nil {
		return err
	}
	if err := f.whole(ctx, third, 2*time.Minute); err != nil {
		return err
	}
	return within(ctx, time.Minute, "the agent runs again", func() error {
		_, err := f.tryExec(ctx, leader, "systemctl", "is-active", "stackctl-agent")
		return err
	})
}

func (f *field) leader(ctx context.Context) (string, error) {
	status, err := f.status(ctx, second)
	for _, n := range status.Nodes {
		if n.Leader {
			return n.Name, err
		}
	}
	return "", errors.Join(err, errors.New("nobody leads"))
}

// TestLongLeaderIsLost kills, at a random point of a deployment, Docker on the
// manager that leads, and on the one that runs stackctl, as a crash does; and last the VM
// of the one that leads, while another one runs stackctl. The deployment goes on when there
// is a leader again.
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
		after := time.Duration(random.Int64N(int64(startFirst))).Round(10 * time.Millisecond)
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
}

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
	return f.engine(ctx, "kill", machineName(node))
}

func (f *field) startVM(ctx context.Context, node string) error {
	return f.engine(ctx, "start", machineName(node))
}

// loseLeader kills what makes a manager the leader while a push goes through one. The push
// ends while it is away, green or red, and says the truth.
func (f *field) loseLeader(ctx context.Context, leader, through string, after time.Duration, kill, back func(context.Context, string) error) error {
	file, value := f.next()
	p, err := f.begin(ctx, through, file)
	if err != nil {
		return err
	}
	time.Sleep(after)
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
	// Red is an answer too, if it is true: then an earlier release runs, and says so.
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
