package release

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/docker/docker/api/types/swarm"
)

func TestSecretsByVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		m.store("db", "db-aaaaaaaaaaaa")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1", secret("db")))), Runs, 1)
		m.store("db", "db-bbbbbbbbbbbb")
		_, _ = m.ConfigCreate(t.Context(), swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "averazure-secrets-1",
			Labels: map[string]string{labelVersions: "1"}}, Data: []byte(`{"db":"db-bbbbbbbbbbbb"}`)})
		rolled := func() Result {
			return d.change(t.Context(), stack, 0, func(ctx context.Context, w *work) Result {
				v, _ := d.versions(ctx)
				return w.bringUp(ctx, wanted{specs: specsOf(service("api", "run:1", secret("db"))), secrets: v.present})
			})
		}
		// Another stack's deployment may have chosen the former version.
		_, other, err := newDeployer(t, m).claim(t.Context(), "another", 0)
		if err != nil {
			t.Fatal(err)
		}
		if expect(t, rolled(), Runs, 2); len(m.secrets) != 2 {
			t.Errorf("%d versions are left beside another deployment", len(m.secrets))
		}
		other.release(t.Context())
		expect(t, rolled(), Runs, 2)
		ref := m.services[0].Spec.TaskTemplate.ContainerSpec.Secrets[0]
		if ref.SecretName != "db-bbbbbbbbbbbb" || ref.SecretID != "id-db-bbbbbbbbbbbb" || ref.File.Name != "db" {
			t.Errorf("the service has %+v", ref)
		}
		if len(m.secrets) != 1 {
			t.Errorf("%d versions are left", len(m.secrets))
		}
	})
}
