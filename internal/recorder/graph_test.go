package recorder_test

import (
	"testing"

	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/recorder"
)

// A resource waits for the resources that its inputs come from and for those that it
// depends on. A dependency that follows from others is left out.
func TestGraphOfWhatWaits(t *testing.T) {
	r := &recorder.Recorder{}
	err := r.Run(func(ctx *pulumi.Context) error {
		first, err := tls.NewPrivateKey(ctx, "first", &tls.PrivateKeyArgs{Algorithm: pulumi.String("ED25519")})
		if err != nil {
			return err
		}
		second, err := tls.NewPrivateKey(ctx, "second", &tls.PrivateKeyArgs{Algorithm: first.Algorithm})
		if err != nil {
			return err
		}
		_, err = tls.NewPrivateKey(ctx, "third", &tls.PrivateKeyArgs{Algorithm: first.Algorithm}, pulumi.DependsOn([]pulumi.Resource{second}))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := keyType + " first in -\n" +
		keyType + " second in -\n  " + keyType + " first\n" +
		keyType + " third in -\n  " + keyType + " second\n"
	if got := r.Graph(); got != want {
		t.Errorf("graph:\n%s\nwant:\n%s", got, want)
	}
}
