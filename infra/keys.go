package infra

import (
	"strings"

	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// newKey makes an ed25519 key pair that lives in the stack's state, where its
// private half is encrypted.
func (b *builder) newKey(name string, opts ...pulumi.ResourceOption) (KeyPair, error) {
	key, err := tls.NewPrivateKey(b.ctx, b.child(name), &tls.PrivateKeyArgs{
		Algorithm: pulumi.String("ED25519"),
	}, append(opts, b.parent())...)
	if err != nil {
		return KeyPair{}, err
	}
	// The provider marks the private half secret itself; saying it again keeps it
	// so whatever serves the resource.
	private := pulumi.ToSecret(key.PrivateKeyOpenssh).(pulumi.StringOutput)
	public := key.PublicKeyOpenssh.ApplyT(strings.TrimSpace).(pulumi.StringOutput)
	return KeyPair{Private: private, Public: public}, nil
}
