package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/cluster"
	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// TestAPreviewNamesTheSecretsThatChange, and never their values.
func TestAPreviewNamesTheSecretsThatChange(t *testing.T) {
	up := record(t, 1, 0, false)
	versions := map[string]any{}
	for _, name := range []string{"azure_client_secret", "azure_tenant_id"} {
		versions[name] = recorder.At(up.Exports(), name)
	}
	for name, test := range map[string]struct {
		secrets map[string]pulumi.StringInput
		want    []string
	}{
		"nothing":     {nil, nil},
		"another":     {map[string]pulumi.StringInput{"azure_client_secret": pulumi.String("another-value")}, []string{"secret azure_client_secret: new version"}},
		"one more":    {map[string]pulumi.StringInput{"db": pulumi.String("another-value")}, []string{"secret db: new"}},
		"one that is": {map[string]pulumi.StringInput{"azure_tenant_id": nil}, []string{"secret azure_tenant_id: removed"}},
	} {
		r := &recorder.Recorder{Preview: true}
		known := drift.Known{Left: map[string]map[string]any{"averazure:cluster:Cluster::aver": {"secrets": versions}}}
		err := r.Run(program(1, 0, func(args *cluster.Args) {
			args.Drift = known.Marks()
			for secret, value := range test.secrets {
				if args.Secrets[secret] = value; value == nil {
					delete(args.Secrets, secret)
				}
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, log := range r.Logs() {
			if text, ok := strings.CutPrefix(log, "info: "); ok {
				lines = append(lines, strings.Split(text, "\n")...)
			}
		}
		if !slices.Equal(lines, test.want) || strings.Contains(strings.Join(r.Logs(), " "), "another-value") {
			t.Errorf("%s: %q, want %q", name, lines, test.want)
		}
	}
}
