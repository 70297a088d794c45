package dockerimage

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/docker/api/types/registry"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// dockerConfig sets the user's Docker configuration.
func dockerConfig(t *testing.T, content string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	before := config.Dir() // the library reads the environment for it only once per process
	config.SetDir(dir)
	t.Cleanup(func() { config.SetDir(before) })
}

// "aDpw" is h:p in base64, the login of the user. The login of the program is u:p.
const loggedIn = `{"auths": {"reg.example:5000": {"auth": "aDpw"}, "https://old.example/v1/": {"auth": "bzpw"}}}`

func TestTheUsersLoginIsUsedWhereTheProgramHasNone(t *testing.T) {
	for name, c := range map[string]struct {
		registry resource.PropertyMap
		user     string
	}{
		"program's":    {resource.PropertyMap{"username": str("u"), "password": str("p")}, "u"},
		"none":         {resource.PropertyMap{}, "h"},
		"no password":  {resource.PropertyMap{"username": str("u")}, "h"},
		"empty":        {resource.PropertyMap{"username": str(""), "password": str("")}, "h"},
		"another host": {resource.PropertyMap{"server": str("other.example")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dockerConfig(t, loggedIn)
			e := startEngine(t)
			p := open(t, project(t, app), e)
			if _, _, err := p.create(context.Background(), "", wanted(resource.PropertyMap{"registry": obj(c.registry)}), false); err != nil {
				t.Fatal(err)
			}
			if e.auth["username"] != c.user {
				t.Errorf("pushed with %v, want user %q", e.auth, c.user)
			}
			// FROM may use an image of any registry that the user is logged in to.
			if e.logins["https://old.example/v1/"]["username"] != "o" || c.user != "" && e.logins["reg.example:5000"]["username"] != c.user {
				t.Errorf("built with %v", e.logins)
			}
		})
	}
}

func TestHalfALoginIsAWarning(t *testing.T) {
	for pair, want := range map[[2]string]string{
		{"u", "p"}: "", {"", ""}: "",
		{"u", ""}: "password was not set, although username was; using host credentials file",
		{"", "p"}: "username was not set, although password was; using host credentials file",
	} {
		if _, warning, err := (&logins{configfile.New("")}).choose("reg.example", pair[0], pair[1]); err != nil || warning != want {
			t.Errorf("%v: %q, %v; want %q", pair, warning, err, want)
		}
	}
}

func TestCredentialHelpers(t *testing.T) {
	bin := t.TempDir()
	script := `#!/bin/sh
read server
case "$1 $server" in
list*) echo '{"store.example": "s"}' ;;
*store.example) echo '{"ServerURL": "store.example", "Username": "s", "Secret": "p"}' ;;
*token.example) echo '{"Username": "<token>", "Secret": "t"}' ;;
*broken.example) echo "no agent"; exit 1 ;;
*) echo "credentials not found in native keychain"; exit 1 ;;
esac
`
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	dockerConfig(t, `{"credsStore": "test", "credHelpers": {"token.example": "test", "broken.example": "test"}}`)
	l, err := readLogins()
	if err != nil {
		t.Fatal(err)
	}
	for server, want := range map[string]registry.AuthConfig{
		"store.example": {Username: "s", Password: "p", ServerAddress: "store.example"},
		"token.example": {IdentityToken: "t", ServerAddress: "token.example"},
		"none.example":  {},
	} {
		if got, _, err := l.choose(server, "", ""); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", server, got, err, want)
		}
	}
	if _, _, err := l.choose("broken.example", "", ""); err == nil || !strings.Contains(err.Error(), "no agent") {
		t.Errorf("err = %v", err)
	}
	if all, err := l.all(); err != nil || len(all) != 2 || all["token.example"].IdentityToken != "t" {
		t.Errorf("all = %v, %v; the helper of one registry that fails is left out", all, err)
	}
}

func TestABrokenDockerConfigurationIsAnError(t *testing.T) {
	for _, content := range []string{`{`, `{"auths": {"reg.example": {"auth": "%"}}}`} {
		dockerConfig(t, content)
		if _, err := readLogins(); err == nil || !strings.Contains(err.Error(), "config.json") {
			t.Errorf("%s: %v", content, err)
		}
	}
}
