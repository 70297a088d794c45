package infra

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// warned are the warnings about one key in a run that looks names up.
func warned(t *testing.T, preview bool, c Config, key string, lookup Lookup, ours ...string) []string {
	t.Helper()
	r := &recorder.Recorder{Preview: preview}
	err := r.Run(func(ctx *pulumi.Context) error {
		_, err := New(ctx, c.Prefix, Args{Config: c, Now: moment, Lookup: lookup, Drift: drift.AtAddresses(ours...)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(r.Logs(), func(line string) bool { return !strings.HasPrefix(line, "warning: averazure:"+key+": ") })
}

// A taken label, which Azure would refuse in the middle of an update, is reported in the
// preview.
func TestTakenLabelIsReportedInThePreview(t *testing.T) {
	c := full()
	c.DNSLabel = "shop"
	taken := func(ctx context.Context, name string) ([]string, error) {
		if until, bounded := ctx.Deadline(); !bounded || time.Until(until) > 3*time.Second {
			t.Error("name servers may take longer than 3 s")
		}
		if name == "shop-lb.westeurope.cloudapp.azure.com." { // without the search list
			return []string{"198.51.100.7"}, nil
		}
		return nil, errors.New("no such host")
	}
	got := warned(t, true, c, "dnsLabel", taken)
	if len(got) != 1 || !strings.Contains(got[0], "shop-lb.westeurope.cloudapp.azure.com ") || !strings.Contains(got[0], " 198.51.100.7") {
		t.Errorf("warnings %q", got)
	}
	if got := warned(t, false, c, "dnsLabel", taken); len(got) > 0 {
		t.Errorf("again in the update, after Azure has been asked: %q", got)
	}
	all := func(context.Context, string) ([]string, error) { return []string{"198.51.100.7"}, nil }
	if got := warned(t, true, c, "dnsLabel", all); len(got) != 1 || !strings.Contains(got[0], " shop-lb.westeurope") || !strings.Contains(got[0], " shop.westeurope") {
		t.Errorf("both are taken: %q", got)
	}
	if got := warned(t, true, c, "dnsLabel", all, "203.0.113.1", "198.51.100.7"); len(got) > 0 {
		t.Errorf("of labels at an address of this stack: %q", got)
	}
	c.LoadBalancer = false
	if got := warned(t, true, c, "dnsLabel", taken); len(got) > 0 {
		t.Errorf("of a label that this stack does not ask for: %q", got)
	}
}

// A record of another server beside the right one is reported, because that server is asked
// as well.
func TestDomainWithFurtherAddressesIsReported(t *testing.T) {
	c := full()
	c.DNSZone, c.DNSZoneResourceGroup = "", ""
	r, _ := mustRecord(t, c)
	address := recorder.At(r.Exports(), "entryAddress").(string)
	for other, want := range map[string]bool{"2001:db8::1": true, "198.51.100.7": true, "203.0.113.77": false} {
		lookup := func(context.Context, string) ([]string, error) { return []string{other, address}, nil }
		got := warned(t, false, c, "domain", lookup, "203.0.113.77")
		if (len(got) == 1) != want || want && !strings.Contains(got[0], other) {
			t.Errorf("%s: warnings %q", other, got)
		}
	}
}

// Without a zone in Azure somebody else has to make the record, so the run reports which
// one.
func TestRecordToMakeIsReported(t *testing.T) {
	c := full()
	r, _ := mustRecord(t, c)
	address := recorder.At(r.Exports(), "entryAddress").(string)
	for name, test := range map[string]struct {
		zone    string
		answers []string
		want    int
	}{
		"nothing leads there": {"", nil, 1},
		"something else":      {"", []string{"198.51.100.7"}, 1},
		"it does":             {"", []string{address}, 0},
		"without IPv4":        {"", []string{address, "64:ff9b::c633:6407"}, 0},
		"a zone in Azure":     {"example.com", nil, 0},
	} {
		c := full()
		if c.DNSZone = test.zone; test.zone == "" {
			c.DNSZoneResourceGroup = ""
		}
		got := warned(t, false, c, "domain", func(context.Context, string) ([]string, error) { return test.answers, nil })
		if len(got) != test.want || test.want == 1 && !strings.HasSuffix(got[0], "app.example.com. 10 IN A "+address) {
			t.Errorf("%s: warnings %q, want %d", name, got, test.want)
		}
	}
}
