package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"averazure/sandbox/images"
)

// GoImage is the image in which the application's Dockerfile compiles it.
const GoImage = "golang:1.26-trixie"

// goSettings decide where modules come from. The image needs the same ones as this
// machine.
var goSettings = []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOFLAGS"}

// Go makes the Go image from this machine's Go and the base. The image trusts the
// certificate authorities that this machine trusts. It replaces no image that somebody
// else has pulled or built.
func Go(ctx context.Context, b *images.Builder, base images.Base) error {
	if found, err := b.Docker.ImageInspect(ctx, GoImage); err == nil && found.Config.Labels[images.Label] == "" {
		return nil
	}
	settings, err := goEnv(ctx)
	if err != nil {
		return err
	}
	trusted := images.HostCertificates()
	key, err := images.Recipe{Kind: "golang", Args: settings, Files: map[string][]byte{"certificates": trusted}}.Key(base.Key)
	if err != nil {
		return err
	}
	ref := images.Ref("golang", key)
	err = b.EnsureCached(ctx, ref, func() error {
		if err := base.Ensure(ctx); err != nil {
			return err
		}
		return pack(ctx, b, base.Ref, ref, settings, trusted)
	})
	if err != nil {
		return fmt.Errorf("stand-in for %s: %w", GoImage, err)
	}
	return b.Docker.ImageTag(ctx, ref, GoImage)
}

func goEnv(ctx context.Context) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, "go", append([]string{"env", "-json", "GOROOT", "GOVERSION"}, goSettings...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w; the sandbox needs Go on the PATH", err)
	}
	settings := map[string]string{}
	return settings, json.Unmarshal(out, &settings)
}

// pack copies this machine's Go into a container and commits it as an image. A build
// context would pack the same 250 MB twice.
func pack(ctx context.Context, b *images.Builder, base, ref string, settings map[string]string, trusted []byte) error {
	b.Log("packing %s of this machine as %s, which cannot be pulled", settings["GOVERSION"], GoImage)
	created, err := b.Docker.ContainerCreate(ctx,
		&container.Config{Image: base, Labels: b.Labels}, nil, nil, nil, "")
	if err != nil {
		return err
	}
	err = copyGo(ctx, b, created.ID, settings["GOROOT"], trusted)
	if err == nil {
		_, err = b.Docker.ContainerCommit(ctx, created.ID, container.CommitOptions{
			Reference: ref, Changes: changes(settings),
		})
	}
	removed := b.Docker.ContainerRemove(context.WithoutCancel(ctx), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(removed) {
		removed = nil
	}
	return errors.Join(err, removed)
}

func copyGo(ctx context.Context, b *images.Builder, id, goroot string, trusted []byte) error {
	cmd := exec.CommandContext(ctx, "tar", "-C", goroot, "-c", "--transform", "s,^,usr/local/go/,", "--owner=0", "--group=0",
		"VERSION", "go.env", "bin", "lib", "pkg", "src")
	tree, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		return err
	}
	err = b.Docker.CopyToContainer(ctx, id, "/", tree, container.CopyToContainerOptions{})
	if err != nil {
		cmd.Process.Kill()
	}
	if waitErr := cmd.Wait(); err != nil || waitErr != nil {
		return fmt.Errorf("copy %s: %w", goroot, errors.Join(err, waitErr, errors.New(strings.TrimSpace(complaints.String()))))
	}
	files := map[string][]byte{"/go/src/.keep": nil, "/go/bin/.keep": nil}
	if trusted != nil {
		files["/etc/ssl/certs/ca-certificates.crt"] = trusted
	}
	content, err := images.Tar(files, nil)
	if err != nil {
		return err
	}
	return b.Docker.CopyToContainer(ctx, id, "/", content, container.CopyToContainerOptions{})
}

// changes give the image the settings of the official one and of this machine.
func changes(settings map[string]string) []string {
	changes := []string{
		"LABEL " + images.Label + "=golang",
		"ENV GOPATH=/go", "ENV GOTOOLCHAIN=local",
		"ENV PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"WORKDIR /go", `CMD ["bash"]`,
	}
	for _, name := range goSettings {
		if value := settings[name]; value != "" {
			changes = append(changes, fmt.Sprintf("ENV %s=%q", name, value))
		}
	}
	return changes
}
