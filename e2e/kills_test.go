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

// kills is how often stackctl is killed in a deployment, and how often in healing.
const kills = 20

// TestLongKills kills what holds the claim on the stack, as a VM that loses its power
// does, at random points of deployments and of healing. The stack has to end whole each
// time, in the new release or the old, and nobody who asks the API may notice what happens
// to stackctl: its service starts the new task first. A kill counts only if the claim was
// held then.
func TestLongKills(t *testing.T) {
	isLong(t)
	random := chance(t)
	// Twice the half minute that a kill in a deployment takes, less for one in healing.
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	f, err := box.newField(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	file, before := f.next()
	if err := f.push(ctx, second, file, 0, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	began, hits := time.Now(), map[string]int{}
	for try := 0; try < 3*kills && ctx.Err() == nil && hits["deployment"]+hits["healing"] < 2*kills; try++ {
		kind := []string{"deployment", "healing"}[try%2]
		if hits[kind] == kills {
			continue
		}
		after := time.Duration(random.Int64N(int64(claimHeld))).Round(10 * time.Millisecond)
		by := byHand[try/2%len(byHand)]
		through := managers[random.IntN(len(managers))]
		t.Run(fmt.Sprintf("%d %s", try+1, kind), func(t *testing.T) {
			watch := watchAnswers(f.outputs.APIURL)
			var hit bool
			var err error
			if kind == "healing" {
				hit, err = f.killHealing(ctx, by, after)
			} else {
				hit, before, err = f.killDeployment(ctx, through, after, before)
			}
			answers := watch.stop()
			fmt.Printf("hit %v, %s after the claim was seen; %s\n", hit, after, answers)
			if hit {
				hits[kind]++
			}
			if err := errors.Join(err, answers.err()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Logf("%v kills in %s", hits, time.Since(began).Round(time.Second))
	if hits["deployment"] < kills || hits["healing"] < kills {
		t.Errorf("killed while the claim was held: %v, want %d of each", hits, kills)
	}
}

// managers are those that a push may go through.
var managers = []string{first, second, third}

// claimHeld is about how long a deployment, or healing, of these tests holds the claim:
// kills are spread over it.
const claimHeld = 5 * time.Second

// killHolder waits on a node until a run there holds the claim on a stack, and kills it so
// long after. The run is the agent's for healing, and another one for a deployment. It
// prints hit if the claim was still that run's after its end: a run that ends by itself
// gives it up.
const killHolder = `
claim() { docker config inspect --format '{{index .Spec.Labels "averazure.host"}} {{index .Spec.Labels "averazure.run"}}' "$stack-deploying" 2>/dev/null || true; }
held() {
  seen=$(claim) host=${seen% *} run=${seen#* } pid=${run%%-*}
  [ -n "$seen" ] && [ "$host" = "$(hostname)" ] && kill -0 "$pid" 2>/dev/null || return 1
  agent=$(systemctl show stackctl-agent --property MainPID --value)
  case $kind in healing) [ "$pid" = "$agent" ] ;; *) [ "$pid" != "$agent" ] ;; esac
}
stack=$1 kind=$2 after=$3 end=$(($(date +%s) + 30))
until held; do
  [ "$(date +%s)" -lt "$end" ] || { echo "nobody held the claim"; exit 1; }
  sleep 0.05
done
sleep "$after"
if kill -KILL "$pid" 2>/dev/null && [ "$(claim)" = "$seen" ]; then echo hit; else echo late; fi`

func (f *field) killHolder(ctx context.Context, node, kind string, after time.Duration) (hit bool, err error) {
	out, err := f.tryExec(ctx, node, "sh", "-c", killHolder, "sh", f.outputs.StackName, kind, fmt.Sprint(after.Seconds()))
	return strings.TrimSpace(out) == "hit", err
}

// killDeployment kills the stackctl that deploys on a manager. The agent there sees within
// 15 s that the process is gone and gives up its claim, and the leader's finishes or puts
// back what it left. It returns the value that runs, which is the old one or the new.
func (f *field) killDeployment(ctx context.Context, through string, after time.Duration, old string) (hit bool, runs string, err error) {
	file, value := f.next()
	p, err := f.begin(ctx, through, file)
	if err != nil {
		return false, old, err
	}
	hit, err = f.killHolder(ctx, through, "deployment", after)
	status := p.status()
	fmt.Printf("the push ended with %d after %s\n", status, p.took)
	if err != nil {
		return hit, old, fmt.Errorf("%w\n%s", err, p.out.String())
	}
	if hit && status == 0 { // who is killed cannot say that it runs
		return hit, old, fmt.Errorf("killed, and the push is green:\n%s", p.out.String())
	}
	if err := f.whole(ctx, another(through), 3*time.Minute); err != nil {
		return hit, old, err
	}
	runs = old
	if f.runs(ctx, value) == nil {
		runs = value
	}
	return hit, runs, errors.Join(f.runs(ctx, runs), f.oneRelease(ctx, runs))
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

// byHand are changes that the agent heals, on a line of the shell's. Each is another one
// than those just before: the same again and again is a fight, which the agent gives up.
var byHand = []string{
	"docker service update --detach --replicas 4 aver_api",
	"docker service update --detach --env-add BY_HAND=yes aver_api",
	"docker service rm aver_seq",
	"docker service update --detach --limit-memory 160M aver_api",
	"docker service update --detach --label-add by.hand=yes --replicas 1 aver_api",
	"docker service update --detach --env-add BY_HAND=yes --network-rm aver_net aver_seq",
}

// killHealing changes something by hand and kills the leader's agent while it heals.
// systemd starts it again, and it goes on.
func (f *field) killHealing(ctx context.Context, byHand string, after time.Duration) (hit bool, err error) {
	leader, err := f.leader(ctx)
	if err != nil {
		return false, err
	}
	if _, err := f.tryExec(ctx, second, "sh", "-c", byHand); err != nil {
		return false, err
	}
	if hit, err = f.killHolder(ctx, leader, "healing", after); err != nil {
		return hit, fmt.Errorf("%s: %w", byHand, err)
	}
	if err := f.whole(ctx, another(leader), 2*time.Minute); err != nil {
		return hit, fmt.Errorf("%s: %w", byHand, err)
	}
	return hit, within(ctx, time.Minute, "the agent runs again", func() error {
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

// TestLongRollbackAndPruneCostNoRequest has a service come, go and come back with a
// rollback, while the API changes in the same releases.
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
		if err := f.push(t.Context(), second, file, 0, 2*time.Minute); err != nil {
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

// TestLongLeaderIsLost kills, at a random point of a deployment, Docker on the
// manager that leads, and on the one that runs stackctl, as a crash does; and last the VM
// of the one that leads, while another one runs stackctl. The deployment goes on when there
// is a leader again. Docker takes its containers along when it comes back, so the edge and
// the API run on the other two nodes, where nobody who asks may notice.
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
	if err := f.push(t.Context(), second, f.file, 0, 3*time.Minute); err != nil {
		t.Error(err)
	}
}

// keptOff has the API and the edge of a stack file run on other managers than one.
func keptOff(file, node string) string {
	not := "          - node.hostname != " + node + "\n"
	file = strings.Replace(file, "      replicas: 2\n", "      replicas: 2\n      placement:\n        constraints:\n"+not, 1)
	return strings.Replace(file, "          - node.role == manager\n", "          - node.role == manager\n"+not, 1)
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
	return f.engine(ctx, "kill", containerName(node))
}

func (f *field) startVM(ctx context.Context, node string) error {
	return f.engine(ctx, "start", containerName(node))
}

// loseLeader kills what makes a manager the leader while a push goes through one. The push
// ends while it is away, green or red, and says the truth.
func (f *field) loseLeader(ctx context.Context, leader, through string, after time.Duration, kill, back func(context.Context, string) error) (err error) {
	file, _ := f.next()
	if err := f.push(ctx, another(leader), keptOff(file, leader), 0, 3*time.Minute); err != nil {
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
