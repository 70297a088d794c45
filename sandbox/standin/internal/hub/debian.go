package hub

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/docker/docker/api/types/image"

	"averazure/sandbox/engine"
	"averazure/sandbox/images"
)

const debianSite = "http://deb.debian.org/debian"

// Debian builds a minimal Debian from its packages and imports it as an image.
func Debian(ctx context.Context, b *images.Builder, suite, ref string) error {
	if err := engine.Install(ctx, engine.Options{CacheDir: b.CacheDir, Log: b.Log}, map[string]string{"debootstrap": "debootstrap"}); err != nil {
		return err
	}
	dir, remove, err := b.Scratch()
	if err != nil {
		return err
	}
	defer remove()
	b.Log("building a minimal Debian %s with debootstrap, since Docker Hub cannot be reached", suite)
	root := filepath.Join(dir, "root")
	cmd := exec.CommandContext(ctx, "debootstrap", "--variant=minbase",
		"--include=ca-certificates", suite, root, debianSite)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("debootstrap: %w; its last lines:\n%s", err, engine.LastLines(string(out), 15))
	}
	if err := slim(root, suite); err != nil {
		return err
	}
	return importTree(ctx, b, root, ref)
}

// slim removes what containers do not need, adds the update and security suites, and
// keeps packages from starting their services during a build.
func slim(root, suite string) error {
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

// importTree imports a directory as an image.
func importTree(ctx context.Context, b *images.Builder, root, ref string) error {
	cmd := exec.CommandContext(ctx, "tar", "-C", root, "--numeric-owner", "-c", ".")
	tree, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	imported, err := b.Docker.ImageImport(ctx, image.ImportSource{Source: tree, SourceName: "-"}, ref,
		image.ImportOptions{Changes: []string{`LABEL ` + images.Label + `=base`, `CMD ["bash"]`}})
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
