package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"averazure/sandbox/plugin"

	"github.com/pkg/sftp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

// copier emulates command:remote:CopyToRemote for a file or a text. Relative paths start
// from the project's directory, where the original runs.
type copier struct{ dir string }

// copyType is the resource's behaviour. It has no Delete: the copy stays.
func (c copier) copyType() plugin.Type {
	return plugin.Type{
		Check:    checkCopy,
		Create:   c.create,
		Update:   c.update,
		Replaces: []string{"triggers"},
		// As in a Command. The state has the asset's hash and path, not its content.
		SecretsCount: true,
		Secrets:      secretInputs, SecretsInLists: true,
	}
}

// checkCopy is the Check of remote/copyController.go, with the framework's errors for
// missing inputs.
func checkCopy(_ context.Context, _ resource.URN, _, news resource.PropertyMap) (resource.PropertyMap, []plugin.Failure, error) {
	source, ok := news["source"]
	others := news.Copy()
	delete(others, "source")
	failures := misfits[copyInputs](others)
	switch {
	case !ok || source.IsNull():
		failures = append(failures, plugin.Failure{Property: "asset", Reason: "either asset or archive must be set"})
	case source.IsArchive():
		failures = append(failures, plugin.Failure{Property: "archive", Reason: "the sandbox plays assets only (see sandbox/README.md)"})
	case source.IsAsset() && !source.AssetValue().IsPath() && !source.AssetValue().IsText():
		failures = append(failures, plugin.Failure{Property: "asset", Reason: "asset must be a path-based file asset or a text asset"})
	case !source.IsAsset(): // 1.2.1 fails if a preview does not know the source
		failures = append(failures, plugin.Failure{Property: "asset", Reason: "either asset or archive must be set"})
	}
	fill(news)
	return news, failures, nil
}

func (c copier) create(ctx context.Context, _ resource.URN, inputs resource.PropertyMap, preview bool) (string, resource.PropertyMap, error) {
	id, err := resource.NewUniqueHex("", 8, 0)
	if err != nil || preview {
		return id, inputs, err
	}
	return id, inputs, c.copy(ctx, inputs)
}

// update copies again if the content or the path changes, but not if only the connection
// does, such as a host's address.
func (c copier) update(ctx context.Context, _ resource.URN, _ string, _, old, news resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
	before, _ := text(old, "remotePath")
	after, _ := text(news, "remotePath")
	same := old["source"].IsAsset() && old["source"].AssetValue().Hash == news["source"].AssetValue().Hash && before == after
	if preview || same {
		return news, nil
	}
	return news, c.copy(ctx, news)
}

func (c copier) copy(ctx context.Context, inputs resource.PropertyMap) error {
	client, closeAll, err := connect(ctx, inputs)
	if err != nil {
		return err
	}
	defer closeAll()
	defer whenAbandoned(ctx, closeAll)()
	files, err := sftp.NewClient(client, sftp.UseConcurrentWrites(true))
	if err != nil {
		return err
	}
	defer files.Close()
	target, _ := text(inputs, "remotePath")
	return c.copyAsset(files, inputs["source"].AssetValue(), target)
}

// copyAsset copies a file into an existing directory under its own name. Otherwise it
// writes the target file and overwrites an existing one.
func (c copier) copyAsset(files *sftp.Client, source *asset.Asset, target string) error {
	found, err := files.Stat(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("failed to stat remote path %s: %w", target, err)
	}
	content := io.Reader(strings.NewReader(source.Text))
	if source.IsPath() {
		local, err := os.Open(c.local(source.Path))
		if err != nil {
			return err
		}
		defer local.Close()
		content = local
		if found != nil && found.IsDir() {
			target = path.Join(target, filepath.Base(source.Path))
		}
	} else if found != nil && found.IsDir() {
		return fmt.Errorf("remote path %s is a directory; when using a text asset, remotePath must be a file path", target)
	}
	if found == nil {
		if err := files.MkdirAll(path.Dir(target)); err != nil {
			return fmt.Errorf("failed to create parent directories for %s: %w", target, err)
		}
	}
	return send(files, content, target)
}

func (c copier) local(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.dir, name)
}

func send(files *sftp.Client, content io.Reader, target string) error {
	remote, err := files.Create(target)
	if err != nil {
		return fmt.Errorf("failed to create remote file %s: %w", target, err)
	}
	defer remote.Close()
	if _, err := remote.ReadFrom(content); err != nil {
		return fmt.Errorf("failed to copy to remote path %s: %w", target, err)
	}
	return nil
}
