package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/docker/docker/api/types/image"

	"averazure/sandbox/engine"
)

// The distribution of the nodes, the one that the program's VMs run.
const (
	suite       = "trixie"
	debianImage = "debian:trixie-slim"
	debianSite  = "http://deb.debian.org/debian"
)

// baseTime bounds the making of the base image, with a slow line in mind.
const baseTime = 10 * time.Minute

// baseImage is what all other images stand on. It is fetched only when one of
// them has to be built.
type baseImage struct {
	key, ref string
	ensure   func(context.Context) error
}

// base is Debian's own image where Docker Hub can be reached, and what
// debootstrap makes of Debian's packages where it cannot.
func (r *Room) base(hub bool) baseImage {
	var once sync.Mutex // images that are built side by side need it once
	b := baseImage{key: suite + "-bootstrapped", ref: imageRef("base", shortHash(suite+" bootstrapped 2"))}
	produce := r.bootstrap
	if hub {
		b = baseImage{key: suite + "-pulled", ref: imageRef("base", shortHash(suite+" pulled 1"))}
		produce = r.pullBase
	}
	b.ensure = func(ctx context.Context) error {
		once.Lock()
		defer once.Unlock()
		ctx, cancel := context.WithTimeout(ctx, baseTime)
		defer cancel()
		return r.ensureCached(ctx, b.ref, func() error { return produce(ctx, b.ref) })
	}
	return b
}

// hubReachable says whether images can be pulled from Docker Hub. It is asked
// of the registry itself and not for long: many networks just drop the packets.
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

// pullBase pulls Debian's image and gives it a name of ours, by which down finds
// it. The pulled name stays only if it was here before.
func (r *Room) pullBase(ctx context.Context, ref string) error {
	r.log("pulling %s", debianImage)
	before, err := r.hasImage(ctx, debianImage)
	if err != nil {
		return err
	}
	if err := r.pull(ctx, debianImage); err != nil {
		return err
	}
	err = r.docker.ImageTag(ctx, debianImage, ref)
	if !before {
		err = errors.Join(err, r.removeImage(context.WithoutCancel(ctx), debianImage))
	}
	return err
}

func (r *Room) pull(ctx context.Context, ref string) error {
	progress, err := r.docker.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return fmt.Errorf("pull %s: %w", ref, err)
	}
	defer progress.Close()
	if _, err := streamEnd(progress); err != nil {
		return fmt.Errorf("pull %s: %w", ref, err)
	}
	return nil
}

// bootstrap makes a minimal Debian of its packages and imports it.
func (r *Room) bootstrap(ctx context.Context, ref string) error {
	if err := engine.Install(ctx, engine.Options{CacheDir: r.cacheDir, Log: r.log}, map[string]string{"debootstrap": "debootstrap"}); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(r.cacheDir, bootstrapPrefix)
	if err != nil {
		return err
	}
	defer removeTree(dir)
	r.log("making a minimal Debian %s with debootstrap, since Docker Hub cannot be reached", suite)
	root := filepath.Join(dir, "root")
	cmd := exec.CommandContext(ctx, "debootstrap", "--variant=minbase",
		"--include=ca-certificates", suite, root, debianSite)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("debootstrap: %w; its last lines:\n%s", err, engine.LastLines(string(out), 15))
	}
	if err := slim(root); err != nil {
		return err
	}
	return r.importTree(ctx, root, ref)
}

// slim takes out what no container needs, adds the update and security suites,
// and keeps packages from starting their services while an image is built.
func slim(root string) error {
	for _, path := range []string{
		"var/cache/apt/archives", "var/lib/apt/lists",
		"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info",
	} {
		if err := os.RemoveAll(filepath.Join(root, path)); err != nil {
			return err
		}
	}
	files := map[string]string{
		"etc/apt/sources.list": fmt.Sprintf("deb %[1]s %[2]s main\ndeb %[1]s %[2]s-updates main\ndeb %[1]s-security %[2]s-security main\n", debianSite, suite),
		"etc/dpkg/dpkg.cfg.d/slim": "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\n" +
			"path-exclude /usr/share/locale/*\npath-exclude /usr/share/info/*\nforce-unsafe-io\n",
		"etc/apt/apt.conf.d/slim": "Acquire::Languages \"none\";\nAPT::Install-Recommends \"false\";\n",
		"etc/hostname":            "",
	}
	for _, dir := range []string{"var/cache/apt/archives/partial", "var/lib/apt/lists/partial"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for path, content := range files {
		if err := os.WriteFile(filepath.Join(root, path), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(root, "usr/sbin/policy-rc.d"), []byte("#!/bin/sh\nexit 101\n"), 0o755)
}

// importTree makes an image of a directory.
func (r *Room) importTree(ctx context.Context, root, ref string) error {
	cmd := exec.CommandContext(ctx, "tar", "-C", root, "--numeric-owner", "-c", ".")
	tree, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	imported, err := r.docker.ImageImport(ctx, image.ImportSource{Source: tree, SourceName: "-"}, ref,
		image.ImportOptions{Changes: []string{`LABEL ` + labelImage + `=base`, `CMD ["bash"]`}})
	if err == nil {
		_, err = io.Copy(io.Discard, imported)
		imported.Close()
	}
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return fmt.Errorf("import %s: %w", ref, err)
	}
	return cmd.Wait()
}
