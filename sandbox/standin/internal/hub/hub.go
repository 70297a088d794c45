package machine

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/docker/docker/api/types/image"

	"averazure/sandbox/seq"
)

// standIn is an image of ours in the place of one on Docker Hub.
type standIn struct {
	name   string // on Docker Hub, without the tag
	tag    string
	recipe recipe
}

func standIns() []standIn {
	return []standIn{
		{"library/caddy", "2", recipe{kind: "caddy", files: imageFiles("caddy")}},
		{"library/rabbitmq", "4-management", recipe{
			kind: "rabbitmq", files: imageFiles("rabbitmq"),
			mode: map[string]int64{"docker-entrypoint.sh": 0o755},
		}},
		{"datalust/seq", "latest", recipe{
			kind: "seq", files: imageFiles("seq"), mode: map[string]int64{"server": 0o755},
			programs: map[string]program{"server": {"averazure/sandbox/seq", seq.Sources, "server"}},
		}},
	}
}

// standInNames are their names as a stack file has them.
func standInNames() []string {
	var all []string
	for _, s := range standIns() {
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(s.name, "library/")+":"+s.tag, ":latest"))
	}
	return all
}

// ensureStandIns makes sure that the mirror has the stand-ins. The mirror's
// data stays in the cache: an image that it has once been given is built,
// packed and pushed no more.
func (r *Room) ensureStandIns(ctx context.Context, ca *authority, base baseImage) error {
	client := trusting(ca)
	defer client.CloseIdleConnections()
	for _, s := range standIns() {
		key, err := s.recipe.key(base.key)
		if err != nil {
			return err
		}
		// The second tag says of what the first one was made.
		if answers(ctx, client, fmt.Sprintf("%s/v2/%s/manifests/made-of-%s", r.Registry().Mirror, s.name, key), http.StatusOK) == nil {
			continue
		}
		if err := r.mirror(ctx, s, key, base); err != nil {
			return fmt.Errorf("stand-in for %s: %w", s.name, err)
		}
	}
	return nil
}

func (r *Room) mirror(ctx context.Context, s standIn, key string, base baseImage) error {
	ref := imageRef(s.recipe.kind, key)
	if has, err := r.hasImage(ctx, ref); err != nil {
		return err
	} else if !has {
		if err := base.ensure(ctx); err != nil {
			return err
		}
		if err := r.buildImage(ctx, s.recipe, ref, base.ref); err != nil {
			return err
		}
	}
	for _, tag := range []string{s.tag, "made-of-" + key} {
		if err := r.push(ctx, ref, r.mirrorServer()+"/"+s.name+":"+tag); err != nil {
			return err
		}
	}
	return nil
}

// push pushes the image under another name, which the engine forgets again.
func (r *Room) push(ctx context.Context, ref, target string) error {
	if err := r.docker.ImageTag(ctx, ref, target); err != nil {
		return err
	}
	pushed, err := r.docker.ImagePush(ctx, target, image.PushOptions{
		RegistryAuth: base64.URLEncoding.EncodeToString([]byte("{}")), // none, but the engine wants the header
	})
	if err == nil {
		defer pushed.Close()
		_, err = streamEnd(pushed)
	}
	_, untagErr := r.docker.ImageRemove(ctx, target, image.RemoveOptions{})
	if err := errors.Join(err, untagErr); err != nil {
		return fmt.Errorf("push %s: %w", target, err)
	}
	return nil
}
