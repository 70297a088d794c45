// Package hub stands in for Docker Hub if this machine cannot reach it. It makes the base
// image, the Go image and the images of some services from Debian's packages and from this
// machine's Go.
package hub

import (
	"context"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/docker/docker/api/types/image"

	"averazure/sandbox/images"
	"averazure/sandbox/standin/internal/seq"
)

//go:embed images
var embedded embed.FS

// Mirror is the sandbox's mirror of Docker Hub.
type Mirror struct {
	Server string       // host:port
	Client *http.Client // trusts the mirror's certificate
}

// standIn is an image of the sandbox in place of one on Docker Hub.
type standIn struct {
	name   string // on Docker Hub, without the tag
	tag    string
	recipe images.Recipe
}

func standIns() []standIn {
	return []standIn{
		{"library/caddy", "2", images.Recipe{Kind: "caddy", Files: images.Files(embedded, "caddy")}},
		{"library/rabbitmq", "4-management", images.Recipe{
			Kind: "rabbitmq", Files: images.Files(embedded, "rabbitmq"),
			Mode: map[string]int64{"docker-entrypoint.sh": 0o755},
		}},
		{"datalust/seq", "latest", images.Recipe{
			Kind: "seq", Files: images.Files(embedded, "seq"), Mode: map[string]int64{"server": 0o755},
			Programs: map[string]images.Program{"server": {Path: "averazure/sandbox/standin/internal/seq", Sources: seq.Sources, Command: "server"}},
		}},
	}
}

// Names are the images' names as a stack file writes them.
func Names() []string {
	var all []string
	for _, s := range standIns() {
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(s.name, "library/")+":"+s.tag, ":latest"))
	}
	return all
}

// Fill makes sure that the mirror has the stand-ins. The mirror's data are in the cache,
// so each version of a stand-in is built and pushed once.
func Fill(ctx context.Context, b *images.Builder, mirror Mirror, base images.Base) error {
	for _, s := range standIns() {
		key, err := s.recipe.Key(base.Key)
		if err != nil {
			return err
		}
		// A second tag names the recipe that the image was built from.
		if mirror.has(ctx, s.name, "made-of-"+key) {
			continue
		}
		if err := mirror.fill(ctx, b, s, key, base); err != nil {
			return fmt.Errorf("stand-in for %s: %w", s.name, err)
		}
	}
	return nil
}

// has tells whether the mirror has an image. If the mirror does not answer, has returns
// false, and the push that follows reports why.
func (m Mirror) has(ctx context.Context, name, tag string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s/v2/%s/manifests/%s", m.Server, name, tag), nil)
	if err != nil {
		return false
	}
	response, err := m.Client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (m Mirror) fill(ctx context.Context, b *images.Builder, s standIn, key string, base images.Base) error {
	ref := images.Ref(s.recipe.Kind, key)
	if has, err := b.Has(ctx, ref); err != nil {
		return err
	} else if !has {
		if err := base.Ensure(ctx); err != nil {
			return err
		}
		if err := b.Build(ctx, s.recipe, ref, base.Ref); err != nil {
			return err
		}
	}
	for _, tag := range []string{s.tag, "made-of-" + key} {
		if err := push(ctx, b, ref, m.Server+"/"+s.name+":"+tag); err != nil {
			return err
		}
	}
	return nil
}

// push pushes the image under another name and removes that name from the engine.
func push(ctx context.Context, b *images.Builder, ref, target string) error {
	if err := b.Docker.ImageTag(ctx, ref, target); err != nil {
		return err
	}
	pushed, err := b.Docker.ImagePush(ctx, target, image.PushOptions{
		RegistryAuth: base64.URLEncoding.EncodeToString([]byte("{}")), // no login, but the engine requires the header
	})
	if err == nil {
		defer pushed.Close()
		_, err = images.StreamEnd(pushed)
	}
	_, untagErr := b.Docker.ImageRemove(ctx, target, image.RemoveOptions{})
	if err := errors.Join(err, untagErr); err != nil {
		return fmt.Errorf("push %s: %w", target, err)
	}
	return nil
}
