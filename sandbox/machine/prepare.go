package machine

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/docker/docker/api/types/volume"

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
	if _, err := r.docker.VolumeCreate(ctx, volume.CreateOptions{Name: r.meshVolume(), Labels: r.labels("mesh")}); err != nil {
		return err
	}
	if err := r.trustHere(ca); err != nil {
		return fmt.Errorf("let the engine trust the sandbox's registry: %w", err)
	}
	hub := hubReachable(ctx)
	base := r.base(hub)
	if _, err := r.ensureNodeImage(ctx, ca, base); err != nil {
		return err
	}
	if err := r.ensureRegistry(ctx, ca, base); err != nil {
		return err
	}
	if hub {
		return nil
	}
	if err := r.ensureStandIns(ctx, ca, base); err != nil {
		return err
	}
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
	return r.ensureNodeImage(ctx, ca, r.base(hubReachable(ctx)))
}

const libDir = "files/usr/local/lib/averazure/"

func (r *Room) nodeRecipe(ca *authority) recipe {
	rec := recipe{
		kind: "node", files: imageFiles("node"),
		mode:     map[string]int64{libDir + "boot": 0o755, "mesh-agent": 0o755},
		programs: map[string]program{"mesh-agent": {"averazure/sandbox/mesh", mesh.Sources, "agent"}},
	}
	rec.files["files/usr/local/share/ca-certificates/averazure-sandbox.crt"] = ca.pem
	return rec
}
