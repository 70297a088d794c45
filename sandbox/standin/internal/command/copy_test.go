package command

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"averazure/sandbox/plugin"
	"averazure/sandbox/plugin/plugintest"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// fileAsset is a file of the project with its hash, as the engine sends it.
func fileAsset(t *testing.T, dir, name, content string) resource.PropertyValue {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := asset.FromPathWithWD(name, dir)
	if err != nil {
		t.Fatal(err)
	}
	return resource.NewProperty(file)
}

func textAsset(t *testing.T, content string) resource.PropertyValue {
	t.Helper()
	text, err := asset.FromText(content)
	if err != nil {
		t.Fatal(err)
	}
	return resource.NewProperty(text)
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A relative local path starts in the project, and a relative remote path in the user's
// home directory. A missing remote directory is created. If the remote path is an existing
// directory, the file is copied into it.
func TestCopyPutsAFileWhereItBelongs(t *testing.T) {
	s, project := startServer(t), t.TempDir()
	large := strings.Repeat("0123456789abcdef", 1<<17) // more than one window
	file := fileAsset(t, project, "tool", large)
	if err := os.Mkdir(filepath.Join(s.home, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	for remote, want := range map[string]string{"tool.new": "tool.new", "made/deep/tool": "made/deep/tool", "there": "there/tool"} {
		id, _, err := copier{project}.create(context.Background(), urn, resource.PropertyMap{
			"connection": s.connection(nil), "source": file, "remotePath": str(remote),
		}, false)
		if err != nil || id == "" {
			t.Fatalf("%s: id %q, %v", remote, id, err)
		}
		if content(t, s.home, want) != large {
			t.Errorf("%s: the copy differs", want)
		}
	}
	_, _, err := copier{project}.create(context.Background(), urn, resource.PropertyMap{
		"connection": s.connection(nil), "source": textAsset(t, "x"), "remotePath": str("there"),
	}, false)
	if err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a text over a directory: %v", err)
	}
}

// As in the original, an update copies again if the content or the remote path changes, but
// not in a preview. The test looks at the remote file.
func TestCopyUpdatesWhatDiffers(t *testing.T) {
	s, project := startServer(t), t.TempDir()
	old := resource.PropertyMap{"connection": s.connection(nil), "source": fileAsset(t, project, "a", "one"), "remotePath": str("tool")}
	for _, c := range []struct {
		name, key string
		value     resource.PropertyValue
		preview   bool
		want      string // the remote file's content; before the update it is "by hand"
	}{
		{"nothing", "remotePath", str("tool"), false, "by hand"},
		{"another user", "connection", s.connection(resource.PropertyMap{"user": str("other")}), false, "by hand"},
		{"another path of the same content", "source", fileAsset(t, project, "b", "one"), false, "by hand"},
		{"another content", "source", fileAsset(t, project, "c", "two"), false, "two"},
		{"another content in a preview", "source", fileAsset(t, project, "d", "two"), true, "by hand"},
		{"a text", "source", textAsset(t, "three"), false, "three"},
	} {
		if err := os.WriteFile(filepath.Join(s.home, "tool"), []byte("by hand"), 0o644); err != nil {
			t.Fatal(err)
		}
		news := old.Copy()
		news[resource.PropertyKey(c.key)] = c.value
		if _, err := (copier{project}).update(context.Background(), urn, "id", old, old, news, c.preview); err != nil {
			t.Fatal(err)
		}
		if got := content(t, s.home, "tool"); got != c.want {
			t.Errorf("%s: the file holds %q, want %q", c.name, got, c.want)
		}
	}
	moved := old.Copy()
	moved["remotePath"] = str("elsewhere")
	if _, err := (copier{project}).update(context.Background(), urn, "id", old, old, moved, false); err != nil || content(t, s.home, "elsewhere") != "one" {
		t.Errorf("another place: %v", err)
	}
}

func TestCopyChecksItsInputs(t *testing.T) {
	folder, err := archive.FromPath(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for property, spoil := range map[string]func(resource.PropertyMap){
		"":           func(resource.PropertyMap) {},
		"connection": func(m resource.PropertyMap) { delete(m, "connection") },
		"remotePath": func(m resource.PropertyMap) { delete(m, "remotePath") },
		"asset":      func(m resource.PropertyMap) { m["source"] = plugin.Unknown() },
		"archive":    func(m resource.PropertyMap) { m["source"] = resource.NewProperty(folder) },
	} {
		inputs := resource.PropertyMap{
			"connection": resource.NewObjectProperty(resource.PropertyMap{"host": str("h")}),
			"source":     textAsset(t, "x"), "remotePath": str("tool"),
		}
		spoil(inputs)
		_, failures, err := checkCopy(context.Background(), urn, nil, inputs)
		if err != nil || (property == "") != (len(failures) == 0) || property != "" && failures[0].Property != property {
			t.Errorf("%q: %v, %v", property, failures, err)
		}
	}
}

// Over the engine's protocol, the state has only the content's hash, the connection is
// secret, and a changed trigger replaces the resource.
func TestCopyOverTheWire(t *testing.T) {
	s, project, ctx := startServer(t), t.TempDir(), context.Background()
	port, stop, err := plugin.Serve(ctx, Plugin(project))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c := plugintest.Connect(t, port)
	const urn = "urn:pulumi:dev::p::command:remote:CopyToRemote::tool"
	wanted := func(content, machine string) *pulumirpc.CheckResponse {
		news, err := engine.MarshalProperties(resource.PropertyMap{
			"connection": s.connection(nil), "remotePath": str("tool"), "source": fileAsset(t, project, "tool", content),
			"triggers": resource.NewArrayProperty([]resource.PropertyValue{str(machine)}),
		}, engine.MarshalOptions{KeepSecrets: true})
		if err != nil {
			t.Fatal(err)
		}
		checked, err := c.Check(ctx, &pulumirpc.CheckRequest{Urn: urn, News: news})
		if err != nil || len(checked.GetFailures()) > 0 {
			t.Fatal(checked, err)
		}
		return checked
	}
	inputs := wanted("first content", "vm-1").GetInputs()
	made, err := c.Create(ctx, &pulumirpc.CreateRequest{Urn: urn, Properties: inputs})
	if err != nil || content(t, s.home, "tool") != "first content" {
		t.Fatal(err)
	}
	state, err := engine.UnmarshalProperties(made.GetProperties(), engine.MarshalOptions{KeepSecrets: true})
	if err != nil || !state["connection"].IsSecret() || state["source"].AssetValue().Hash == "" || strings.Contains(made.String(), "first content") {
		t.Errorf("the state is %v, %v", state, err)
	}
	for _, d := range []struct {
		content, machine string
		diffs, replaces  int
	}{{"first content", "vm-1", 0, 0}, {"second content", "vm-1", 1, 0}, {"first content", "vm-2", 1, 1}} {
		diff, err := c.Diff(ctx, &pulumirpc.DiffRequest{Urn: urn, Id: made.GetId(), OldInputs: inputs, Olds: made.GetProperties(), News: wanted(d.content, d.machine).GetInputs()})
		if err != nil || len(diff.GetDetailedDiff()) != d.diffs || len(diff.GetReplaces()) != d.replaces {
			t.Errorf("%+v: %v, %v", d, diff, err)
		}
	}
	if _, err := c.Delete(ctx, &pulumirpc.DeleteRequest{Urn: urn, Id: made.GetId(), Properties: made.GetProperties(), OldInputs: inputs}); err != nil || content(t, s.home, "tool") == "" {
		t.Errorf("deletion touches the host: %v", err)
	}
}
