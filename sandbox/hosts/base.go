package hosts

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"averazure/sandbox/images"
	"averazure/sandbox/standin"
)

// The nodes' distribution, which is that of the program's VMs.
const (
	suite       = "trixie"
	debianImage = "debian:trixie-slim"
)

// baseTime limits how long the base image may take on a slow connection.
const baseTime = 10 * time.Minute

// base is Debian's image from Docker Hub, or a stand-in where Docker Hub cannot be
// reached.
func (r *Room) base(hub bool) images.Base {
	var once sync.Mutex // images built at the same time share one base
	b := images.Base{Key: suite + "-bootstrapped", Ref: images.Ref("base", shortHash(suite+" bootstrapped 2"))}
	produce := func(ctx context.Context, ref string) error { return standin.Debian(ctx, r.builder(), suite, ref) }
	if hub {
		b = images.Base{Key: suite + "-pulled", Ref: images.Ref("base", shortHash(suite+" pulled 1"))}
		produce = r.pullBase
	}
	b.Ensure = func(ctx context.Context) error {
		once.Lock()
		defer once.Unlock()
		ctx, cancel := context.WithTimeout(ctx, baseTime)
		defer cancel()
		return r.builder().EnsureCached(ctx, b.Ref, func() error { return produce(ctx, b.Ref) })
	}
	return b
}

// hubReachable tells whether images can be pulled from Docker Hub. It asks the registry
// itself and waits 5 s at most, since many networks just drop the packets.
func hubReachable(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://registry-1.docker.io/v2/", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusOK
}

// pullBase pulls Debian's image and adds the sandbox's name, by which down finds it.
// The pulled name stays only if the engine had it before.
func (r *Room) pullBase(ctx context.Context, ref string) error {
	r.log("pulling %s", debianImage)
	before, err := r.builder().Has(ctx, debianImage)
	if err != nil {
		return err
	}
	if err := r.builder().Pull(ctx, debianImage); err != nil {
		return err
	}
	err = r.docker.ImageTag(ctx, debianImage, ref)
	if !before {
		err = errors.Join(err, r.builder().Remove(context.WithoutCancel(ctx), debianImage))
	}
	return err
}
