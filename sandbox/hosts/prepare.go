package hosts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/volume"

	"averazure/sandbox/engine"
	"averazure/sandbox/fabric"
	"averazure/sandbox/images"
	"averazure/sandbox/standin"
)

// Prepare makes sure that everything a VM needs is there: images, networks, the registry
// and the other services. It builds and downloads only what is missing.
func (r *Room) Prepare(ctx context.Context) error {
	ca, err := openAuthority(filepath.Join(r.cacheDir, "ca"))
	if err != nil {
		return fmt.Errorf("open the sandbox's certificate authority: %w", err)
	}
	if err := r.ensureInternet(ctx); err != nil {
		return err
	}
	for name, role := range map[string]string{r.meshVolume(): "mesh", r.namesVolume(): "names"} {
		if _, err := r.docker.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: r.labels(role)}); err != nil {
			return err
		}
	}
	if err := r.trustHere(ca, r.trustDir); err != nil {
		return fmt.Errorf("make the engine trust the sandbox's registry: %w", err)
	}
	loadModules(ctx)
	hub, err := r.hub(ctx)
	if err != nil {
		return err
	}
	unlock, err := r.builder().Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.builder().RemoveUnfinished(); err != nil {
		return fmt.Errorf("clean up after a killed run: %w", err)
	}
	base := r.base(hub)
	if err := r.ensureServices(ctx, ca, base); err != nil {
		return err
	}
	if err := r.wakeNodes(ctx); err != nil || hub {
		return err
	}
	return r.standIn(ctx, ca, base)
}

// ensureServices makes sure that the nodes' image exists and that the services around the
// nodes run.
func (r *Room) ensureServices(ctx context.Context, ca *authority, base images.Base) error {
	if _, err := r.ensureNodeImage(ctx, ca, base); err != nil {
		return err
	}
	if err := r.ensureNames(ctx, base); err != nil {
		return err
	}
	if err := r.ensureRegistry(ctx, ca, base); err != nil {
		return err
	}
	if err := r.tellOfOldNodes(ctx); err != nil {
		return err
	}
	if err := r.ensureBalancer(ctx); err != nil {
		return fmt.Errorf("load balancer: %w", err)
	}
	if err := r.ensureACME(ctx, ca, base); err != nil {
		return fmt.Errorf("ACME server: %w", err)
	}
	return nil
}

// standIn makes the images that replace some of Docker Hub's in a sandbox that was created
// without Docker Hub.
func (r *Room) standIn(ctx context.Context, ca *authority, base images.Base) error {
	client := trusting(ca)
	defer client.CloseIdleConnections()
	if err := standin.Images(ctx, r.builder(), standin.Mirror{Server: r.mirrorServer(), Client: client}, base); err != nil {
		return err
	}
	r.log("this sandbox was made without Docker Hub and has stand-ins for %s; see \"Images\" in sandbox/README.md for other images", strings.Join(standin.ImageNames(), ", "))
	return nil
}

// ensureNodeImage returns the name of the nodes' image. The image trusts the sandbox's
// authority, and therefore its registry.
func (r *Room) ensureNodeImage(ctx context.Context, ca *authority, base images.Base) (string, error) {
	return r.builder().Ensure(ctx, r.nodeRecipe(ca), base)
}

// nodeImage returns the name of the nodes' image.
func (r *Room) nodeImage(ctx context.Context) (string, error) {
	ca, err := openAuthority(filepath.Join(r.cacheDir, "ca"))
	if err != nil {
		return "", err
	}
	hub, err := r.hub(ctx)
	if err != nil {
		return "", err
	}
	return r.ensureNodeImage(ctx, ca, r.base(hub))
}

// hub tells whether this sandbox takes its images from Docker Hub. It asks once and keeps
// the answer: asking is slow where packets are dropped, and all nodes should have the
// same image.
func (r *Room) hub(ctx context.Context) (bool, error) {
	file := filepath.Join(r.StateDir, "source")
	if text, err := os.ReadFile(file); err == nil {
		return string(text) == "hub\n", nil
	}
	text, reachable := "packages\n", hubReachable(ctx)
	if reachable {
		text = "hub\n"
	}
	return reachable, writeFile(file, []byte(text), 0o644)
}

// loadModules loads kernel modules that an engine in a node needs and cannot load itself.
// It ignores errors: the kernel may have a module built in.
func loadModules(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	program, err := engine.LookPath("modprobe")
	if err != nil {
		return
	}
	exec.CommandContext(ctx, program, "-qa", "overlay", "br_netfilter", "vxlan", "ip_vs", "ip_vs_rr").Run()
}

const libDir = "files/usr/local/lib/averazure/"

func (r *Room) nodeRecipe(ca *authority) images.Recipe {
	rec := images.Recipe{
		Kind: "node", Files: imageFiles("node"),
		Mode: map[string]int64{libDir + "boot": 0o755, "mesh-agent": 0o755, "balancer": 0o755},
		Programs: map[string]images.Program{
			"mesh-agent": standin.MeshAgent(),
			"balancer":   {Path: "averazure/sandbox/fabric", Sources: fabric.Sources, Command: "balancer"},
		},
	}
	rec.Files["files/usr/local/share/ca-certificates/averazure-sandbox.crt"] = ca.pem
	return rec
}
