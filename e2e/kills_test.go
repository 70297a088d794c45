package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// seedEnv repeats the random points of an earlier run. That run printed its seed.
const seedEnv = "AVERAZURE_SEED"

// chance returns the source of the random points.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	fmt.Printf("random points by seed %d (%s repeats them)\n", seed, seedEnv)
	return rand.New(rand.NewPCG(seed, 0))
}

// kills is how often stackctl is killed during deployments, and how often during healing.
const kills = 20

// TestLongKills kills the process that holds the claim on the stack, like a VM that loses
// its power, at random points of deployments and of healing. Each time, the whole stack has
// to end in the new release or in the old one. Clients of the API must not notice what
// happens to stackctl, since the API's service starts the new task first. A kill counts
// only if the claim was held at that moment.
func TestLongKills(t *testing.T) {
	isLong(t)
	random := chance(t)
	// Twice the half minute that a kill in a deployment takes; a kill in healing takes
	// less.
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	f, err := box.newField(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	file, before := f.next()
	if err := f.push(ctx, second, file, "runs", 2*time.Minute); err != nil {
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

// managers are the managers that a push may go through.
var managers = []string{first, second, third}

// claimHeld is about how long a deployment or healing of these tests holds the claim. The
// kills are spread over this time.
const claimHeld = 5 * time.Second

// killHolder waits on a node until a run there holds the claim on a stack, and kills that
// run after the given delay. For healing the run is the agent's, for a deployment it is
// another one. It prints hit if the claim still belonged to that run after its end: a run
// that ends normally gives the claim up.
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
// 15 s that the process is gone and gives up its claim. The leader's agent then finishes
// the interrupted deployment or puts it back. It returns the value that runs, which is the
// old one or the new one.
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
	if hit && status == 0 { // a killed run cannot report success
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

// oneRelease fails unless all tasks of the API have the value: the whole stack is in one
// release, not half in each.
func (f *field) oneRelease(ctx context.Context, value string) error {
	out, err := f.tryExec(ctx, second, "sh", "-c",
		`docker inspect $(docker service ps -q --filter desired-state=running aver_api) --format "{{.Spec.ContainerSpec.Env}}"`)
	if err == nil && (strings.Count(out, value) != 2 || strings.Count(out, "PUSHED=") != 2) {
		err = fmt.Errorf("the tasks have\n%swant %s in both", out, value)
	}
	return err
}

// byHand are changes that the agent heals, each one line of shell. Each differs from the
// ones just before it: the agent treats the same change again and again as a fight, and
// gives up.
var byHand = []string{
	"docker service update --detach --replicas 4 aver_api",
	"docker service update --detach --env-add BY_HAND=yes aver_api",
	"docker service rm aver_seq",
	"docker service update --detach --limit-memory 160M aver_api",
	"docker service update --detach --label-add by.hand=yes --replicas 1 aver_api",
	"docker service update --detach --env-add BY_HAND=yes --network-rm aver_net aver_seq",
}

// killHealing changes something by hand and kills the leader's agent while it heals.
// systemd starts the agent again, and it continues.
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
