package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// diagnosis is the port of the diagnostic server with which Docker lets its name records be
// read and changed, if its settings enable it.
const diagnosis = "28001"

// TestLongLostName has two managers lose the name of the API, as happens in Docker when a
// node leaves (moby 53141): the edge on them then answers 502 although every task runs.
// Their own agents have to notice that and bring the name back.
func TestLongLostName(t *testing.T) {
	isLong(t)
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := f.loseName(t.Context()); err != nil {
		t.Error(err)
	}
}

// loseName deletes the API's records through the first manager, which tells the others. The
// others forget the name. The first manager loses only its record, which its agent notices
// as well.
func (f *field) loseName(ctx context.Context) (err error) {
	if err := f.whole(ctx, second, 2*time.Minute); err != nil {
		return err
	}
	if err := f.diagnose(ctx, `'. + {"network-diagnostic-port": `+diagnosis+`}'`); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.diagnose(context.WithoutCancel(ctx), `'del(."network-diagnostic-port")'`))
	}()
	before, err := f.forced(ctx)
	if err != nil {
		return err
	}
	out, err := f.tryExec(ctx, first, "sh", "-euc", `
shown=$(docker network inspect --verbose aver_net)
id=$(printf %s "$shown" | jq -er '.[0].Id')
for endpoint in $(printf %s "$shown" | jq -er '.[0].Services.aver_api.Tasks[].EndpointID'); do
  curl --fail --silent --show-error "http://127.0.0.1:`+diagnosis+`/deleteentry?nid=$id&tname=endpoint_table&key=$endpoint"
done`)
	if err != nil {
		return fmt.Errorf("delete the records: %w\n%s", err, out)
	}
	lost := time.Now()
	loser := ""
	if err := within(ctx, 45*time.Second, "status says that the name is missing", func() (err error) {
		loser, err = f.loser(ctx)
		return err
	}); err != nil {
		return err
	}
	if err := f.whole(ctx, loser, 4*time.Minute); err != nil {
		return err
	}
	fmt.Printf("the lost name was back after %s\n", time.Since(lost).Round(time.Second))
	after, err := f.forced(ctx)
	if err == nil && after == before {
		err = errors.New("the name came back by itself, which proves nothing")
	}
	return errors.Join(err, f.whole(ctx, first, time.Minute), f.whole(ctx, third, time.Minute))
}

// diagnose changes Docker's settings on the first manager with a jq expression, and makes
// Docker reload them.
func (f *field) diagnose(ctx context.Context, change string) error {
	_, err := f.tryExec(ctx, first, "sh", "-euc",
		`jq `+change+` /etc/docker/daemon.json >/tmp/daemon.json; cp /tmp/daemon.json /etc/docker/daemon.json; rm /tmp/daemon.json; systemctl reload docker; sleep 1`)
	return err
}

// loser is a manager that reports that it has lost the API's name. A manager that runs
// nothing in the API's network has no name to lose.
func (f *field) loser(ctx context.Context) (node string, err error) {
	for _, node := range []string{second, third, first} {
		missed := f.misses(ctx, node)
		if missed == nil {
			return node, nil
		}
		err = errors.Join(err, fmt.Errorf("%s: %w", node, missed))
	}
	return "", err
}

// misses fails unless a manager reports that it has lost the API's name.
func (f *field) misses(ctx context.Context, node string) error {
	status, err := f.status(ctx, node)
	if err != nil {
		return err
	}
	for _, d := range status.Differences {
		if d.Code == release.CodeNameMissing && d.Name == "aver_api" && strings.HasPrefix(d.Path, node+".") {
			return nil
		}
	}
	return fmt.Errorf("differences %+v", status.Differences)
}

// forced is how often a restart of the API was forced.
func (f *field) forced(ctx context.Context) (string, error) {
	return f.tryExec(ctx, second, "docker", "service", "inspect", "aver_api", "--format", "{{.Spec.TaskTemplate.ForceUpdate}}")
}
