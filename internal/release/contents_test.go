package release

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// site is a stack with a config, an encrypted secret and an unencrypted one.
type site struct {
	t         *testing.T
	m         *memory
	d         *Deployer
	recipient age.Recipient
}

func newSite(t *testing.T) *site {
	t.Helper()
	m := newMemory("manager", "worker")
	d := newDeployer(t, m)
	private, recipient := keyOf(t, 1)
	d.Key = func() ([]byte, error) { return private, nil }
	return &site{t, m, d, recipient}
}

const siteText = `services:
  edge: {image: run, configs: [caddy]}
  db: {image: run, secrets: [sealed, plain]}
configs:
  caddy: {file: Caddyfile}
secrets:
  sealed: {file: db.age}
  plain: {file: plain.txt}
`

// file is the site's stack file with these contents.
func (s *site) file(caddy, sealed, plain string) *stackfile.File {
	s.t.Helper()
	file, err := stackfile.Parse(stackfile.Input{
		Files:  []stackfile.Source{{Name: "stack.yml", Text: siteText}},
		Beside: map[string][]byte{"Caddyfile": []byte(caddy), "db.age": encrypt(s.t, s.recipient, sealed, false), "plain.txt": []byte(plain)},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return file
}

func (s *site) deploy(caddy, sealed, plain string) Result {
	s.t.Helper()
	return s.d.Deploy(context.Background(), stack, Order{File: s.file(caddy, sealed, plain), From: FromPulumi, By: ByPulumi})
}

// has lists the values in the Swarm that were made from files.
func (s *site) has() []string {
	var values []string
	for _, c := range s.m.configs {
		if c.Spec.Labels[stackfile.LabelFile] != "" {
			values = append(values, "config "+string(c.Spec.Data))
		}
	}
	for _, c := range s.m.secrets {
		if c.Spec.Labels[stackfile.LabelFile] != "" {
			values = append(values, "secret "+string(c.Spec.Data))
		}
	}
	slices.Sort(values)
	return values
}

// runs are the values that the services have.
func (s *site) runs() []string {
	var values []string
	for _, service := range s.m.services {
		for _, ref := range service.Spec.TaskTemplate.ContainerSpec.Configs {
			at := slices.IndexFunc(s.m.configs, func(c swarm.Config) bool { return c.ID == ref.ConfigID && c.Spec.Name == ref.ConfigName })
			values = append(values, "config "+string(s.m.configs[at].Spec.Data))
		}
		for _, ref := range service.Spec.TaskTemplate.ContainerSpec.Secrets {
			at := slices.IndexFunc(s.m.secrets, func(c swarm.Secret) bool { return c.ID == ref.SecretID && c.Spec.Name == ref.SecretName })
			values = append(values, "secret "+string(s.m.secrets[at].Spec.Data))
		}
	}
	slices.Sort(values)
	return values
}

func (s *site) expect(what string, got, want []string) {
	s.t.Helper()
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestContentsAreMadeUsedAndForgotten(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		s.d.Settings.Keep = 2
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		first := []string{"config one", "secret db1", "secret p1"}
		s.expect("first", s.runs(), first)
		s.expect("made", s.has(), first)

		expect(t, s.deploy("two", "db1", "p1"), Runs, 2)
		s.expect("second", s.runs(), []string{"config two", "secret db1", "secret p1"})
		s.expect("kept for going back", s.has(), []string{"config one", "config two", "secret db1", "secret p1"})
		if s.m.updates["shop_edge"] != 1 || s.m.updates["shop_db"] != 0 {
			t.Errorf("a changed config has changed %v", s.m.updates)
		}
		expect(t, s.d.Rollback(context.Background(), stack, 0), Runs, 3)
		s.expect("back", s.runs(), first)

		expect(t, s.deploy("three", "db2", "p1"), Runs, 4)
		expect(t, s.deploy("four", "db2", "p2"), Runs, 5)
		s.expect("the last two", s.has(), []string{"config four", "config three", "secret db2", "secret p1", "secret p2"})

		expect(t, s.d.Remove(context.Background(), stack), Runs, 0)
		s.expect("removed", s.has(), nil)
	})
}

// A deployment that is refused or fails leaves no orphaned configs or secrets. If a
// deployment dies, the next one removes its orphans.
func TestContentsOfDeploymentsThatFail(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		want := s.has()
		failing := func(image string) *stackfile.File {
			input := stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: strings.Replace(siteText, "edge: {image: run", "edge: {image: "+image, 1)}},
				Beside: map[string][]byte{"Caddyfile": []byte("bad"), "db.age": encrypt(t, s.recipient, "bad", true), "plain.txt": []byte("bad")}}
			file, err := stackfile.Parse(input)
			if err != nil {
				t.Fatal(err)
			}
			return file
		}
		expect(t, s.d.Deploy(context.Background(), stack, Order{File: failing("crash"), From: FromPulumi, By: ByPulumi}), PutBack, 1, "task-failed")
		s.expect("put back", s.has(), want)
		s.m.registry["gone"] = errors.New("no such image")
		result := s.d.Deploy(context.Background(), stack, Order{File: failing("gone"), From: FromPulumi, By: ByPulumi})
		if result.Outcome == Runs {
			t.Errorf("%+v", result)
		}
		s.expect("refused", s.has(), want)

		ctx, kill := context.WithCancel(context.Background())
		s.m.before = func(method string) error {
			if method == "ServiceUpdate" {
				kill()
			}
			return ctx.Err()
		}
		s.d.Deploy(ctx, stack, Order{File: failing("run"), From: FromPulumi, By: ByPulumi})
		s.m.before = nil
		if slices.Equal(s.has(), want) {
			t.Fatal("the deployment died too early to leave something")
		}
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		s.expect("cleared up", s.has(), want)
	})
}

// Configs of the Swarm that a file names as external get their ids, or are reported as
// missing.
func TestExternalConfigs(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: "services: {edge: {image: run, configs: [there]}}\nconfigs: {there: {external: true}}\n"}}})
		if err != nil {
			t.Fatal(err)
		}
		order := Order{File: file, From: FromPulumi, By: ByPulumi}
		expect(t, s.d.Deploy(context.Background(), stack, order), Refused, 0, "config-missing")
		s.m.configs = append(s.m.configs, swarm.Config{ID: "theirs", Spec: swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "there"}, Data: []byte("x")}})
		expect(t, s.d.Deploy(context.Background(), stack, order), Runs, 1)
		s.expect("runs", s.runs(), []string{"config x"})
		expect(t, s.d.Deploy(context.Background(), stack, order), Runs, 1)
		if s.m.updates["shop_edge"] != 0 {
			t.Error("deployed again although nothing changed")
		}
	})
}
