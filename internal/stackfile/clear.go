package stackfile

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/types"
)

var (
	// secretName matches variables that hold a secret, by their names, word by word.
	secretName = regexp.MustCompile(`(?i)(^|_)(PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SECRET|SECRETS|TOKEN|CREDENTIALS?|(API|ACCESS|PRIVATE|SECRET|ACCOUNT|STORAGE|ENCRYPTION|SIGNING|MASTER|AUTH)_?KEY)S?($|_)`)
	// aboutSecret matches names of variables that hold something about a secret, such as its path.
	aboutSecret = regexp.MustCompile(`(?i)_(FILE|PATH|DIR|NAME|ID|URL|URI|HOST|TTL|LENGTH|MIN|MAX|EXPIRY|EXPIRATION|TIMEOUT|LIFETIME|POLICY|TYPE|ENABLED|DISABLED|REQUIRED|ENDPOINT|ISSUER|ALGORITHM|PREFIX|HEADER)$`)
	// secretValue matches values that are secrets under any name: private
	// keys, tokens of GitHub, GitLab, Slack and AWS, keys in connection strings.
	secretValue = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY|\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16})\b|(?i:(AccountKey|SharedAccessKey|Password|Pwd)=[^;]{4,})`)
	// harmless matches values that are not secrets, whatever the variable's name.
	harmless = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|none|null|disabled|enabled|required|optional|[0-9]{1,3}|[0-9.]+(ms|s|m|h|d))$`)
)

// secretsInClear warns of values in the environment that look like secrets: everybody who
// may inspect a service or read the repository can read them. A warning never repeats the
// value.
func (f *File) secretsInClear() []string {
	var warnings []string
	for _, service := range f.model.Services {
		for _, name := range slices.Sorted(maps.Keys(service.Environment)) {
			value := service.Environment[name]
			if value == nil || !looksSecret(name, *value) {
				continue
			}
			warnings = append(warnings, fmt.Sprintf("%s: service %q has what looks like a secret in %s, and everybody who may look at the service can read its environment; "+
				"make it a secret, with `pulumi config set --secret --path averazure:secrets.NAME` or from a file that is encrypted with age (docs/delivery.md); the service then reads it from /run/secrets/NAME",
				f.placeOf(service, name), service.Name, name))
		}
	}
	return warnings
}

// placeOf is the place of a service's variable: its key, or its element of a list. If the
// variable comes from a file, the place is that of env_file.
func (f *File) placeOf(service types.ServiceConfig, name string) position {
	for _, tree := range slices.Backward(f.places) {
		_, node := descend(tree.root, "services", service.Name, "environment")
		if node == nil {
			continue
		}
		for _, item := range content(node).Content {
			if key, _, _ := strings.Cut(item.Value, "="); key == name {
				return position{tree.file, item.Line}
			}
		}
	}
	return f.places.at("services", service.Name, "env_file")
}

// looksSecret guesses from name and value whether a variable's value is a secret.
func looksSecret(name, value string) bool {
	value = strings.TrimSpace(value)
	switch {
	case value == "" || harmless.MatchString(value) || strings.HasPrefix(value, "/"):
		return false
	case secretValue.MatchString(value):
		return true
	}
	if address, err := url.Parse(value); err == nil && address.Host != "" {
		_, set := address.User.Password()
		return set
	}
	return secretName.MatchString(name) && !aboutSecret.MatchString(name)
}
