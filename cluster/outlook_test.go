package cluster_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/cluster"
	"averazure/internal/drift"
	"averazure/internal/golden"
	"averazure/internal/recorder"
)

// TestAPreviewNamesNodes: a preview names the nodes that are added, removed or changed, and
// those whose Docker restarts.
func TestAPreviewNamesNodes(t *testing.T) {
	up := record(t, 1, 2, false)
	known := drift.Known{Left: map[string]map[string]any{}, VMs: map[string]string{}}
	for _, node := range []string{"aver-manager", "aver-worker-1", "aver-worker-2"} {
		left := up.Get(drift.CommandType, node+"-settings")
		known.Left[drift.CommandType+"::"+node+"-settings"] = map[string]any{"update": recorder.At(left.Inputs, "update")}
		known.VMs[node] = fmt.Sprint(recorder.At(left.Inputs, "triggers").([]any)[0])
	}
	lines := func(workers int, change func(*drift.Known, *cluster.Args)) []string {
		r := &recorder.Recorder{Preview: true}
		err := r.Run(program(1, workers, func(args *cluster.Args) {
			with := known
			with.VMs = maps.Clone(known.VMs)
			if change != nil {
				change(&with, args)
			}
			args.Drift = with.Marks()
		}))
		if err != nil {
			t.Fatal(err)
		}
		return r.Told()
	}
	cases := map[string][]string{
		"nothing":    lines(2, nil),
		"more":       lines(3, nil),
		"fewer":      lines(1, nil),
		"another VM": lines(2, func(k *drift.Known, _ *cluster.Args) { k.VMs["aver-worker-1"] = "former" }),
		"down":       lines(2, func(k *drift.Known, _ *cluster.Args) { k.Found = []string{"aver-worker-1"} }),
		"Docker":     lines(2, func(_ *drift.Known, args *cluster.Args) { args.LogMaxSize = "20m" }),
		"mirrors":    lines(2, func(_ *drift.Known, args *cluster.Args) { args.RegistryMirrors = []string{"https://mirror.example"} }),
		"by hand":    lines(2, func(k *drift.Known, _ *cluster.Args) { k.Found = []string{"aver-worker-2-settings"} }),
	}
	golden.Compare(t, "nodes.txt", byName(cases))
}

// TestAPreviewNamesTheSecretsThatChange: a preview names these secrets, and never shows
// their values.
func TestAPreviewNamesTheSecretsThatChange(t *testing.T) {
	up := record(t, 1, 0, false)
	versions := map[string]any{}
	for _, name := range []string{"azure_client_secret", "azure_tenant_id"} {
		versions[name] = recorder.At(up.Exports(), name)
	}
	said := map[string][]string{}
	for name, secrets := range map[string]map[string]pulumi.StringInput{
		"nothing":     nil,
		"another":     {"azure_client_secret": pulumi.String("another-value")},
		"one more":    {"db": pulumi.String("another-value")},
		"one that is": {"azure_tenant_id": nil},
	} {
		r := &recorder.Recorder{Preview: true}
		known := drift.Known{VMs: map[string]string{"aver-manager": "vm-0"}, Left: map[string]map[string]any{"averazure:cluster:Cluster::aver": {"secrets": versions}}}
		err := r.Run(program(1, 0, func(args *cluster.Args) {
			args.Drift = known.Marks()
			for secret, value := range secrets {
				if args.Secrets[secret] = value; value == nil {
					delete(args.Secrets, secret)
				}
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if said[name] = r.Told(); strings.Contains(strings.Join(r.Logs(), " "), "another-value") {
			t.Errorf("%s: a value is said", name)
		}
	}
	golden.Compare(t, "secrets.txt", byName(said))
}

// byName lists the lines of each case below its name.
func byName(cases map[string][]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		fmt.Fprintf(&text, "%s:\n", name)
		for _, line := range cases[name] {
			fmt.Fprintf(&text, "  %s\n", line)
		}
	}
	return text.String()
}
