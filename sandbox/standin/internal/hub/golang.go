package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// goImage is the image in which the application's Dockerfile compiles it.
const goImage = "golang:1.26-trixie"

// goSettings are what decides where modules come from; a network that needs
// them here needs them in the image too.
var goSettings = []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOFLAGS"}

// ensureToolchain provides the Go image where it cannot be pulled: the Go of
// this machine on the base, trusting what this machine trusts. An image of
// that name which is not ours is left alone.
func (r *Room) ensureToolchain(ctx context.Context, base baseImage) error {
	if found, err := r.docker.ImageInspect(ctx, goImage); err == nil && found.Config.Labels[labelImage] == "" {
		return nil
	}
	settings, err := goEnv(ctx)
	if err != nil {
		return err
	}
	trusted := hostCertificates()
	key, err := recipe{kind: "golang", args: settings, files: map[string][]byte{"certificates": trusted}}.key(base.key)
	if err != nil {
		return err
	}
	ref := imageRef("golang", key)
	err = r.ensureCached(ctx, ref, func() error {
		if err := base.ensure(ctx); err != nil {
			return err
		}
		return r.packToolchain(ctx, base.ref, ref, settings, trusted)
	})
	if err != nil {
		return fmt.Errorf("stand-in for %s: %w", goImage, err)
	}
	return r.docker.ImageTag(ctx, ref, goImage)
}

func goEnv(ctx context.Context) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, "go", append([]string{"env", "-json", "GOROOT", "GOVERSION"}, goSettings...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w; the sandbox needs Go on the PATH", err)
	}
	settings := map[string]string{}
	return settings, json.Unmarshal(out, &settings)
}

// hostCertificates are the authorities that this machine trusts, in PEM.
func hostCertificates() []byte {
	for _, file := range []string{os.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"} {
		if text, err := os.ReadFile(file); err == nil {
			return text
		}
	}
	return nil
}

// packToolchain copies this machine's Go into a container and makes an image of
// it. A build context of that size would be packed twice.
func (r *Room) packToolchain(ctx context.Context, base, ref string, settings map[string]string, trusted []byte) error {
	r.log("packing %s of this machine as %s, which cannot be pulled", settings["GOVERSION"], goImage)
	created, err := r.docker.ContainerCreate(ctx,
		&container.Config{Image: base, Labels: r.labels("build")}, nil, nil, nil, "")
	if err != nil {
		return err
	}
	err = r.copyToolchain(ctx, created.ID, settings["GOROOT"], trusted)
	if err == nil {
		_, err = r.docker.ContainerCommit(ctx, created.ID, container.CommitOptions{
			Reference: ref, Changes: toolchainChanges(settings),
		})
	}
	return errors.Join(err, r.removeContainer(context.WithoutCancel(ctx), created.ID))
}

func (r *Room) copyToolchain(ctx context.Context, id, goroot string, trusted []byte) error {
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
	err = r.docker.CopyToContainer(ctx, id, "/", tree, container.CopyToContainerOptions{})
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
	content, err := tarOf(files, nil)
	if err != nil {
		return err
	}
	return r.docker.CopyToContainer(ctx, id, "/", content, container.CopyToContainerOptions{})
}

// toolchainChanges give the image the settings of the original and of this
// machine.
func toolchainChanges(settings map[string]string) []string {
	changes := []string{
		"LABEL " + labelImage + "=golang",
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
