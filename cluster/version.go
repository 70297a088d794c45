package cluster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/registry"
)

// secretLimit is the most that Docker stores in one secret, in bytes.
// https://docs.docker.com/engine/swarm/secrets/
const secretLimit = 500 * 1024

// version returns the name under which a value is stored; another value has another name.
// The hash in it is keyed, because names are public and a plain hash would let anybody try
// out guesses at a weak secret. It covers the secret's name, so that two secrets of the
// same value do not show it.
func version(key, name, value string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(name + "\x00" + value))
	return name + "-" + hex.EncodeToString(mac.Sum(nil))[:12]
}

// login is a name for the registry's login; another token has another name. It is keyed and
// public like a secret's version, and empty where nobody logs in. Services keep the login
// that they were deployed with, so the deployment needs to know of a new one.
func login(r registry.Registry, key pulumi.StringInput) pulumi.StringOutput {
	if r.Username == "" || r.Token == nil {
		return pulumi.String("").ToStringOutput()
	}
	return pulumi.Unsecret(pulumi.All(key, r.Token).ApplyT(func(known []any) string {
		key, token := known[0].(string), known[1].(string)
		if token == "" {
			return ""
		}
		return version(key, "registry", r.Server+"\x00"+r.Username+"\x00"+token)
	})).(pulumi.StringOutput)
}

// stored is one secret as secrets.sh reads it.
type stored struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Value   []byte `json:"value"` // base64 in JSON
}

// versions gives every secret its versioned name, and all of them together as
// the input of secrets.sh. The names are not secret; the input is.
func versions(secrets map[string]pulumi.StringInput, key pulumi.StringInput) (map[string]pulumi.StringOutput, pulumi.StringOutput) {
	names := map[string]pulumi.StringOutput{}
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		one := pulumi.All(key, secrets[name]).ApplyT(func(known []any) (string, error) {
			key, value := known[0].(string), known[1].(string)
			if value == "" {
				return "", fmt.Errorf("secret %s is empty, which Docker does not store", name)
			}
			if len(value) > secretLimit {
				return "", fmt.Errorf("secret %s has %d bytes; Docker stores at most %d", name, len(value), secretLimit)
			}
			encoded, err := json.Marshal(stored{name, version(key, name, value), []byte(value)})
			return string(encoded), err
		}).(pulumi.StringOutput)
		list = append(list, one)
		names[name] = pulumi.Unsecret(one.ApplyT(func(encoded string) (string, error) {
			var s stored
			err := json.Unmarshal([]byte(encoded), &s)
			return s.Version, err
		})).(pulumi.StringOutput)
	}
	all := pulumi.All(list...).ApplyT(func(encoded []any) (string, error) {
		raw := make([]json.RawMessage, len(encoded))
		for i, one := range encoded {
			raw[i] = json.RawMessage(one.(string))
		}
		whole, err := json.Marshal(raw)
		return string(whole), err
	}).(pulumi.StringOutput)
	return names, pulumi.ToSecret(all).(pulumi.StringOutput)
}
