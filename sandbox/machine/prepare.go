package machine

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
	"averazure/sandbox/mesh"
)

// Prepare makes sure that everything is there which a machine needs: images,
// the internet, the registry with what stands in for Docker Hub. It builds and
// fetches only what is missing.
func (r *Room) Prepare(ctx context.Context) error {
	ca, err := openAuthority(filepath.Join(r.cacheDir, "ca"))
	if err != nil {
		return fmt.Errorf("certificate authority of the sandbox: %w", err)
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
		return fmt.Errorf("let the engine trust the sandbox's registry: %w", err)
	}
	loadModules(ctx)
	hub, err := r.hub(ctx)
	if err != nil {
		return err
	}
	// Images are common to all sandboxes, which would otherwise make the same
	// ones side by side.
	unlock, err := r.lockImages(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.removeHalfMade(); err != nil {
		return fmt.Errorf("clean up after a run that was killed: %w", err)
	}
	base := r.base(hub)
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
		return fmt.Errorf("authority of the edge's certificates: %w", err)
	}
	if err := r.wakeNodes(ctx); err != nil || hub {
		return err
	}
	if err := r.ensureStandIns(ctx, ca, base); err != nil {
		return err
	}
	r.log("this sandbox was made without Docker Hub, and has of its images %s; \"Images\" in sandbox/README.md says how to bring others", strings.Join(standInNames(), ", "))
	return r.ensureToolchain(ctx, base)
}

// ensureNodeImage returns the name of the nodes' image. It holds the sandbox's
// authority, so that a node's programs trust the registry.
func (r *Room) ensureNodeImage(ctx context.Context, ca *authority, base baseImage) (string, error) {
	return r.ensureImage(ctx, r.nodeRecipe(ca), base)
}

// nodeImage is the name of the nodes' image that Prepare has chosen.
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

// hub says whether this sandbox takes its images from Docker Hub. That is found
// out once in its life: asking takes time where packets are dropped, and its
// nodes should not change with the weather.
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

// lockImages waits until no other sandbox of this machine makes images.
func (r *Room) lockImages(ctx context.Context) (unlock func(), err error) {
	file := filepath.Join(r.cacheDir, "images", ".lock")
	for told := false; ; told = true {
		held, err := engine.TryLock(file)
		if err != nil {
			return nil, err
		}
		if held != nil {
			return func() { held.Close() }, nil
		}
		if !told {
			r.log("waiting for another sandbox that is making images")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// loadModules loads what an engine in a node needs of the kernel and cannot
// load itself. A kernel that has it built in, or not at all, says so here, and
// it does not matter.
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

func (r *Room) nodeRecipe(ca *authority) recipe {
	rec := recipe{
		kind: "node", files: imageFiles("node"),
		mode: map[string]int64{libDir + "boot": 0o755, "mesh-agent": 0o755, "balancer": 0o755},
		programs: map[string]program{
			"mesh-agent": {"averazure/sandbox/mesh", mesh.Sources, "agent"},
			"balancer":   {"averazure/sandbox/fabric", fabric.Sources, "balancer"},
		},
	}
	rec.files["files/usr/local/share/ca-certificates/averazure-sandbox.crt"] = ca.pem
	return rec
}
