package dockerimage

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/registry"
)

// logins is what `docker login` keeps for the user who runs Pulumi: the Docker
// configuration file, and the helpers that it names. docker/cli's own reader
// would bring a module of its own for a protocol of one line each way.
type logins struct {
	Auths       map[string]registry.AuthConfig `json:"auths"`
	CredsStore  string                         `json:"credsStore"`
	CredHelpers map[string]string              `json:"credHelpers"`
}

// readLogins reads the file as docker/cli does (cli/config); none is no error.
func readLogins() (*logins, error) {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(home, ".docker")
	}
	l := &logins{}
	path := filepath.Join(dir, "config.json")
	content, err := os.ReadFile(path)
	if err == nil {
		err = l.decode(content)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("docker login: %s: %w", path, err)
	}
	if l.CredsStore == "" {
		l.CredsStore = defaultStore()
	}
	return l, nil
}

func (l *logins) decode(content []byte) error {
	if err := json.Unmarshal(content, l); err != nil {
		return err
	}
	for server, login := range l.Auths {
		if login.Auth != "" {
			pair, err := base64.StdEncoding.DecodeString(login.Auth)
			user, password, ok := strings.Cut(string(pair), ":")
			if err != nil || !ok {
				return fmt.Errorf("auths: %s: not user:password in base64", server)
			}
			login.Username, login.Password = user, strings.Trim(password, "\x00")
		}
		login.Auth, login.ServerAddress = "", server
		l.Auths[server] = login
	}
	return nil
}

// defaultStore is the helper that the original takes where none is named and
// this one is installed (credentials.DetectDefaultStore).
func defaultStore() string {
	name := "secretservice"
	if _, err := exec.LookPath("pass"); err == nil {
		name = "pass"
	}
	if _, err := exec.LookPath("docker-credential-" + name); err != nil {
		return ""
	}
	return name
}

// choose is the original's getRegistryAuth: the program's user and password, or
// the user's own login where they are not both set. The warning, if any, says
// that half of them was dropped.
func (l *logins) choose(ctx context.Context, server, user, password string) (login registry.AuthConfig, warning string, err error) {
	switch {
	case user != "" && password != "":
		return registry.AuthConfig{Username: user, Password: password, ServerAddress: server}, "", nil
	case password != "":
		warning = "username was not set, although password was; using host credentials file"
	case user != "":
		warning = "password was not set, although username was; using host credentials file"
	}
	login, err = l.get(ctx, server)
	return login, warning, err
}

// get is the login at one registry, the zero value where there is none.
func (l *logins) get(ctx context.Context, server string) (registry.AuthConfig, error) {
	helper, ok := l.CredHelpers[server]
	if !ok {
		helper = l.CredsStore
	}
	if helper != "" {
		return fetch(ctx, helper, server)
	}
	if login, ok := l.Auths[server]; ok {
		return login, nil
	}
	for address, login := range l.Auths { // written by an old client, with its scheme
		if hostname(address) == server {
			return login, nil
		}
	}
	return registry.AuthConfig{}, nil
}

// all is every login, for the images that a Dockerfile starts from.
func (l *logins) all(ctx context.Context) (map[string]registry.AuthConfig, error) {
	found := map[string]registry.AuthConfig{}
	if l.CredsStore == "" {
		maps.Copy(found, l.Auths)
	} else {
		users := map[string]string{}
		if err := ask(ctx, l.CredsStore, "list", "", &users); err != nil {
			return nil, err
		}
		for server := range users {
			login, err := fetch(ctx, l.CredsStore, server)
			if err != nil {
				return nil, err
			}
			found[server] = login
		}
	}
	for server, helper := range l.CredHelpers {
		if login, err := fetch(ctx, helper, server); err == nil {
			found[server] = login
		}
	}
	return found, nil
}

func fetch(ctx context.Context, helper, server string) (registry.AuthConfig, error) {
	var found struct{ Username, Secret string }
	err := ask(ctx, helper, "get", server, &found)
	switch {
	case err != nil || found.Secret == "":
		return registry.AuthConfig{}, err
	case found.Username == "<token>":
		return registry.AuthConfig{IdentityToken: found.Secret, ServerAddress: server}, nil
	}
	return registry.AuthConfig{Username: found.Username, Password: found.Secret, ServerAddress: server}, nil
}

// ask runs a credential helper. It answers in JSON, or fails with a text on
// stdout; that it knows no such login is no failure.
func ask(ctx context.Context, helper, verb, input string, answer any) error {
	cmd := exec.CommandContext(ctx, "docker-credential-"+helper, verb)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	said := strings.TrimSpace(string(out))
	switch {
	case err != nil && said == "credentials not found in native keychain":
		return nil
	case err != nil:
		return fmt.Errorf("docker login: docker-credential-%s %s %s: %w: %s", helper, verb, input, err, said)
	}
	return json.Unmarshal(out, answer)
}
