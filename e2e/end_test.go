package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// end destroys the Pulumi stack with the engine and checks that the cloud is empty then. It
// brings everything up once more with three managers, takes the running sandbox down, and
// compares what is left with what was there before.
func (s *sandbox) end(ctx context.Context, before []string) error {
	var problems []error
	if _, err := s.run(ctx, 10*time.Minute, "pulumi", "--", "destroy", "--yes"); err != nil {
		problems = append(problems, fmt.Errorf("destroy: %w", err))
	} else {
		problems = append(problems, s.emptyCloud())
		if err := s.threeManagers(ctx); err != nil {
			problems = append(problems, err)
			s.lookAround(context.WithoutCancel(ctx))
		}
	}
	said, err := s.run(context.WithoutCancel(ctx), 5*time.Minute, "down")
	if err != nil {
		problems = append(problems, fmt.Errorf("down: %w", err))
	}
	after, err := s.inventory(context.WithoutCancel(ctx))
	if err != nil {
		problems = append(problems, err)
	}
	left := slices.DeleteFunc(missingFrom(before, after), func(thing string) bool {
		name, isImage := strings.CutPrefix(thing, "image ")
		return isImage && strings.Contains(said, "docker rmi "+name)
	})
	if len(left) > 0 {
		problems = append(problems, fmt.Errorf("down left behind:\n  %s", strings.Join(left, "\n  ")))
	}
	return errors.Join(problems...)
}

// sights are the commands that show on a manager why a service does not answer.
var sights = []string{
	"stackctl status aver",
	"docker node ls",
	`docker service ps --format "{{.Name}} {{.Node}} {{.DesiredState}} {{.CurrentState}} {{.Error}}" $(docker service ls -q)`,
	`for c in $(docker ps -q --filter name=aver_edge); do docker logs --tail 30 "$c"; done`,
	`for c in $(docker ps -q --filter name=aver_edge); do docker exec "$c" wget -T 3 -q -O - http://api:8080/ http://tasks.api:8080/; done`,
	"docker network inspect --verbose aver_net",
	"journalctl --unit docker --unit stackctl-agent --lines 40 --no-pager",
}

// lookAround prints what the managers report about a failure, before down removes them.
func (s *sandbox) lookAround(ctx context.Context) {
	for _, manager := range []string{first, second, third} {
		for _, sight := range sights {
			out, err := s.tryExec(ctx, manager, "sh", "-c", "("+sight+") 2>&1")
			fmt.Printf("--- %s: %s (%v)\n%s\n", manager, sight, err, out)
		}
	}
}

// emptyCloud fails if the sandbox's cloud still holds something that the program made.
func (s *sandbox) emptyCloud() error {
	_, resources, err := s.cloud()
	if err != nil {
		return err
	}
	if len(resources) > 0 {
		return fmt.Errorf("destroy left in the cloud: %s", strings.Join(slices.Sorted(maps.Keys(resources)), ", "))
	}
	return nil
}
