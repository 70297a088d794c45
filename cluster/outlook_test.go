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
		lines := told(r)
		if !slices.Equal(lines, test.want) || strings.Contains(strings.Join(r.Logs(), " "), "another-value") {
			t.Errorf("%s: %q, want %q", name, lines, test.want)
		}
	}
}

// told are the lines that a run says for information.
func told(r *recorder.Recorder) (lines []string) {
	for _, log := range r.Logs() {
		if text, ok := strings.CutPrefix(log, "info: "); ok {
			lines = append(lines, strings.Split(text, "\n")...)
		}
	}
	return lines
}

// TestAPreviewNamesTheNodesThatChange names who comes, who goes, and on whom Docker restarts.
func TestAPreviewNamesTheNodesThatChange(t *testing.T) {
	type left = map[string]any
	up := &recorder.Recorder{}
	if err := up.Run(program(1, 1, nil)); err != nil {
		t.Fatal(err)
	}
	registered := up.ComponentOutputs(up.OfType("averazure:cluster:Cluster")[0].URN).Mappable()
	before := func(nodes ...any) left { return left{"nodes": nodes, "docker": registered["docker"]} }
	for name, test := range map[string]struct {
		before left
		change func(*cluster.Args)
		want   []string // what the lines begin with
	}{
		"nothing":            {registered, nil, nil},
		"one more":           {before("aver-manager"), nil, []string{"node aver-worker-1: new"}},
		"one fewer":          {before("aver-manager", "aver-worker-1", "aver-worker-2"), nil, []string{"node aver-worker-2: leaves"}},
		"Docker":             {registered, func(args *cluster.Args) { args.LogMaxSize = "20m" }, []string{"Docker: "}},
		"mirrors":            {registered, func(args *cluster.Args) { args.RegistryMirrors = []string{"https://mirror.example"} }, nil},
		"of another version": {left{"deployUser": "deploy"}, nil, nil},
	} {
		r := &recorder.Recorder{Preview: true}
		known := drift.Known{Left: map[string]map[string]any{"averazure:cluster:Cluster::aver": test.before}}
		err := r.Run(program(1, 1, func(args *cluster.Args) {
			args.Drift = known.Marks()
			if test.change != nil {
				test.change(args)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		lines := slices.DeleteFunc(told(r), func(line string) bool { return strings.HasPrefix(line, "secret ") })
		if !slices.EqualFunc(lines, test.want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", name, lines, test.want)
		}
	}
}
