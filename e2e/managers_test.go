package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// warmLimit is what an up of everything may take where all images are built.
const warmLimit = 3 * time.Minute

// threeManagers brings everything up anew, with three managers; builds the
// machine of the first one anew, which the others have to outlive; and takes
// two of the three away again. The service has to answer after each, which up
// itself sees.
func (s *sandbox) threeManagers(ctx context.Context) error {
	three := []string{"--config", "averazure:managers=3", "--config", "averazure:workers=0"}
	began := time.Now()
	if _, err := s.run(ctx, 10*time.Minute, append([]string{"up"}, three...)...); err != nil {
		return fmt.Errorf("up after destroy: %w", err)
	}
	took := time.Since(began).Round(time.Second)
	fmt.Printf("up after destroy took %s\n", took)
	if took > warmLimit {
		return fmt.Errorf("up after destroy took %s with everything built, want under %s", took, warmLimit)
	}
	if err := s.haveManagers(ctx, 3); err != nil {
		return err
	}
	if _, err := s.run(ctx, 10*time.Minute, "pulumi", "--", "up", "--yes", "--replace", "**:VirtualMachine::aver-manager"); err != nil {
		return fmt.Errorf("rebuild the first of three managers: %w", err)
	}
	if err := s.haveManagers(ctx, 3); err != nil {
		return fmt.Errorf("after the first was rebuilt: %w", err)
	}
	if _, err := s.run(ctx, 5*time.Minute, "preview", "--expect-no-changes"); err != nil {
		return fmt.Errorf("after the first manager was rebuilt: %w", err)
	}
	if _, err := s.run(ctx, 10*time.Minute, "up", "--config", "averazure:managers=1"); err != nil {
		return fmt.Errorf("from three managers to one: %w", err)
	}
	return s.haveManagers(ctx, 1)
}

// haveManagers fails unless the Swarm has just that many managers, all of them
// reachable.
func (s *sandbox) haveManagers(ctx context.Context, want int) error {
	out, err := s.tryExec(ctx, "aver-manager", "docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}")
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
		return fmt.Errorf("want %d reachable managers and nothing else in the Swarm, which has\n%s", want, out)
	}
	return nil
}
