package names

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// SecretPath returns a path that Pulumi resolves to the secret, whatever its name.
func TestThePathOfASecretIsOne(t *testing.T) {
	for _, name := range []string{"db", "tls.key", "a-b", "A_1", "1"} {
		path, err := resource.ParsePropertyPathStrict(SecretPath(name)[len("averazure:"):])
		if err != nil || len(path) != 2 || path[1] != name {
			t.Errorf("%s: the path is %v, %v", name, path, err)
		}
	}
}
