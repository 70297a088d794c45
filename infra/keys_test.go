package infra

import (
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// The secrets' names have a separate key, and the first one stays. Where secrets are stored
// already, it is the key with which their names were made.
func TestNamesKeyIsNotTheAdminKey(t *testing.T) {
	for _, test := range []struct {
		made []string
		key  string
	}{
		{nil, "aver-names-key"},
		{[]string{"aver-secrets"}, "aver-admin-key"},
		{[]string{"aver-secrets", "aver-names"}, "aver-names-key"}, // this key counts when the stored one is replaced
	} {
		r := &recorder.Recorder{}
		if err := r.Run(func(ctx *pulumi.Context) error {
			made, err := New(ctx, "aver", Args{Config: full(), Now: moment, Drift: drift.HavingMade(test.made...)})
			if err != nil {
				return err
			}
			ctx.Export("namesKey", made.NamesKey)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		want := recorder.At(r.Get(keyType, test.key).Outputs, "privateKeyOpenssh")
		if got := recorder.At(r.Exports(), "namesKey"); got != want || want == nil {
			t.Errorf("with %q in the state, the key is not that of %s", test.made, test.key)
		}
		if leaks := r.Leaks(want.(string)); len(leaks) > 0 {
			t.Errorf("%s: %v", test.key, leaks)
		}
		if ignored := r.Get("pulumi:index:Stash", "aver-names").Request.GetIgnoreChanges(); !slices.Equal(ignored, []string{"input"}) {
			t.Errorf("a new key renames every secret: ignored are %q", ignored)
		}
	}
}
