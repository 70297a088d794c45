package infra

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// newKey makes an ed25519 key pair that is kept in the Pulumi stack's state, where its
// private half is encrypted.
func (b *builder) newKey(name string, opts ...pulumi.ResourceOption) (KeyPair, error) {
	key, err := tls.NewPrivateKey(b.ctx, b.child(name), &tls.PrivateKeyArgs{
		Algorithm: pulumi.String("ED25519"),
	}, append(opts, b.parent())...)
	if err != nil {
		return KeyPair{}, err
	}
	// The provider marks the private half as secret. The program does so too, so that it
	// stays secret with any provider.
	private := pulumi.ToSecret(key.PrivateKeyOpenssh).(pulumi.StringOutput)
	public := key.PublicKeyOpenssh.ApplyT(strings.TrimSpace).(pulumi.StringOutput)
	return KeyPair{Private: private, Public: public}, nil
}

// newNamesKey makes the key of the hashes in the names of the Docker secrets. Another key
// would rename every secret and restart the tasks of every service that has one, so the
// first value stays, whatever happens to the keys. A Pulumi stack whose secrets are keyed
// with the admin key, as all once were, keeps the admin key that it has now.
func (b *builder) newNamesKey(admin KeyPair) (pulumi.StringOutput, error) {
	own, err := b.newKey("names-key")
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	first := own.Private
	if b.args.Drift.Made(b.child("secrets")) && !b.args.Drift.Made(b.child("names")) {
		first = admin.Private
	}
	kept, err := pulumi.NewStash(b.ctx, b.child("names"), &pulumi.StashArgs{Input: first}, b.parent(),
		pulumi.IgnoreChanges([]string{"input"}), pulumi.AdditionalSecretOutputs([]string{"input", "output"}))
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	return pulumi.ToSecret(kept.Output.ApplyT(func(value any) (string, error) {
		key, ok := value.(string)
		if !ok || key == "" {
			return "", fmt.Errorf("%s holds no key; 'pulumi stack export' shows what is in the state", b.child("names"))
		}
		return key, nil
	})).(pulumi.StringOutput), nil
}
