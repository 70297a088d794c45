package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestBadInputFailsInPreview gives one wrong setting at a time. Each has to fail before
// anything is changed, and the error has to name its key.
func TestBadInputFailsInPreview(t *testing.T) {
	for name, test := range map[string]struct {
		setting string
		want    []string
	}{
		"misspelt key":            {"averazure:worker=3", []string{"averazure:worker", "averazure:workers?"}},
		"even managers":           {"averazure:managers=2", []string{"averazure:managers", "1, 3, 5 or 7"}},
		"no CIDR":                 {"averazure:sshCidrs[0]=here", []string{"averazure:sshCidrs", "here"}},
		"admin pages for all":     {"averazure:adminCidrs[0]=0.0.0.0/0", []string{"averazure:adminCidrs", "0.0.0.0/0"}},
		"prefix":                  {"averazure:prefix=No_Prefix", []string{"averazure:prefix", "No_Prefix"}},
		"no stack file":           {"averazure:stackFiles=absent.yml", []string{"averazure:stackFiles", "absent.yml"}},
		"context without a build": {"averazure:appContext=docs", []string{"averazure:appContext", "Dockerfile"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := box.run(t.Context(), 2*time.Minute, "preview", "--config", test.setting)
			if err == nil {
				t.Fatal("the preview passed")
			}
			// The sandbox prints the reason last, and the SDK's own error text does not
			// appear.
			if last := tail(out, 8); !strings.Contains(last, "sandbox: ") || strings.Contains(out, "unhandled error") {
				t.Errorf("it ends with\n%s", last)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("the error does not say %q", want)
				}
			}
		})
	}
}

func TestPortThatNoRuleOpensIsAWarning(t *testing.T) {
	out := box.mustRun(t, "preview", "--config", "averazure:publicPorts=8090")
	if !strings.Contains(out, "warning") || !strings.Contains(out, "443") || !strings.Contains(out, "publicPorts") {
		t.Error("no warning names the port 443 and the key publicPorts")
	}
}

// TestVaultKeepsItsDays: Azure refuses another number of days for an existing vault, and
// with it every update of the Pulumi stack.
func TestVaultKeepsItsDays(t *testing.T) {
	out := box.mustRun(t, "preview", "--config", "averazure:softDeleteDays=31")
	if !strings.Contains(out, "aver-storage-blobs update") || strings.Contains(out, "aver-vault ") {
		t.Error("the preview does not change the blobs' days alone")
	}
}
