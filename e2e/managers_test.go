package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// warmLimit is how long an up of everything may take when all images are built.
const warmLimit = 3 * time.Minute

// firstSteps are steps of a first up at which it is interrupted. Each waits for the one
// before it, so that none is already done when its turn comes.
var firstSteps = []string{
	"VirtualNetwork aver-net creating", "NetworkInterface aver-manager-nic creating", "VirtualMachine aver-manager creating",
	"aver-manager-stackctl creating", "aver-manager-settings creating",
}

// threeManagers brings everything up from nothing with three managers, and is interrupted
// at one step after the other. Where slow tests run, it then causes the failures that
// operators have seen. It rebuilds the VM of the first manager, which the others have to
// survive, and removes two of the three managers again. After each step the service has to
// answer, which up itself checks.
func (s *sandbox) threeManagers(ctx context.Context) error {
	three := []string{"--config", "averazure:managers=3", "--config", "averazure:workers=0"}
	began := time.Now()
	for _, step := range firstSteps {
		if err := s.interrupted(ctx, syscall.SIGINT, step, append([]string{"up"}, three...)...); err != nil {
			return fmt.Errorf("up after destroy: %w", err)
		}
	}
	if _, err := s.run(ctx, 10*time.Minute, append([]string{"up"}, three...)...); err != nil {
		return fmt.Errorf("up after destroy: %w", err)
	}
	took := time.Since(began).Round(time.Second)
	fmt.Printf("up after destroy took %s in %d parts\n", took, len(firstSteps)+1)
	if took > warmLimit {
		return fmt.Errorf("up after destroy took %s in %d parts with everything built, want under %s", took, len(firstSteps)+1, warmLimit)
	}
	if err := s.haveManagers(ctx, 3); err != nil {
		return err
	}
	if os.Getenv(slowEnv) != "" {
		if err := s.faults(ctx); err != nil {
			return err
		}
	}
	if _, err := s.run(ctx, 10*time.Minute, "pulumi", "--", "up", "--yes", "--replace", "**:VirtualMachine::"+first); err != nil {
		return fmt.Errorf("rebuild the first of three managers: %w", err)
	}
	if err := s.haveManagers(ctx, 3); err != nil {
		return fmt.Errorf("after the first was rebuilt: %w", err)
	}
	if _, err := s.run(ctx, 5*time.Minute, "preview", "--expect-no-changes"); err != nil {
		return fmt.Errorf("after the first manager was rebuilt: %w", err)
	}
	if err := s.recorded(ctx); err != nil {
		return err
	}
	if _, err := s.run(ctx, 10*time.Minute, "up", "--config", "averazure:managers=1"); err != nil {
		return fmt.Errorf("from three managers to one: %w", err)
	}
	return s.haveManagers(ctx, 1)
}

// firstIsLost deletes the first manager's VM. A preview shows that the other managers
// report it, and up rebuilds it.
func (s *sandbox) firstIsLost(ctx context.Context) error {
	if err := s.lose(ctx, first); err != nil {
		return err
	}
	if err := within(ctx, time.Minute, "the others miss it", func() error {
		out, err := s.tryExec(ctx, second, "docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}")
		if err == nil && !strings.Contains(out, first+" Down Unreachable") {
			err = errors.New(out)
		}
		return err
	}); err != nil {
		return err
	}
	said, err := s.run(ctx, 5*time.Minute, "preview")
	for _, want := range []string{"warning: node " + first + ": ", "warning: drift: " + first + " ", "VirtualMachine " + first + " update"} {
		if err == nil && !strings.Contains(said, want) {
			err = fmt.Errorf("the preview does not have %q", want)
		}
	}
	for _, living := range []string{second, third} {
		if err == nil && strings.Contains(said, "warning: drift: "+living) {
			err = fmt.Errorf("%s could not be asked", living)
		}
	}
	if err != nil {
		return err
	}
	if _, err := s.run(ctx, 10*time.Minute, "up"); err != nil {
		return err
	}
	if err := s.haveManagers(ctx, 3); err != nil {
		return err
	}
	_, err = s.run(ctx, 5*time.Minute, "preview", "--expect-no-changes")
	return err
}

// haveManagers fails unless the Swarm has exactly that many managers within a minute, all
// of them reachable. After a change of leader, Docker reports nodes as Unknown for up to 45
// s.
func (s *sandbox) haveManagers(ctx context.Context, want int) error {
	return s.knowsManagers(ctx, first, want)
}

// knowsManagers is haveManagers, but asks the given node.
func (s *sandbox) knowsManagers(ctx context.Context, node string, want int) error {
	return within(ctx, time.Minute, fmt.Sprintf("%d reachable managers and nothing else in the Swarm", want), func() error {
		out, err := s.tryExec(ctx, node, "docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}")
		if err != nil {
			return err
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		good := 0
		for _, line := range lines {
			if strings.Contains(line, " Ready ") && (strings.HasSuffix(line, "Leader") || strings.HasSuffix(line, "Reachable")) {
				good++
			}
		}
		if good != want || len(lines) != want {
			return fmt.Errorf("the Swarm has\n%s", out)
		}
		return nil
	})
}
