package repos

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	yaml1 "gopkg.in/yaml.v2"
	"gopkg.in/yaml.v3"
)

// stackFiles are all stack files of this repository.
func stackFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yml" {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "services:") && !strings.Contains(path, ".github") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d stack files, %v", len(files), err)
	}
	return files
}

// read parses a stack file with the library that the nodes' Docker has. It returns the
// content without keys that begin with x- and without images, and the images.
func read(text []byte) (rest map[any]any, images map[string]any) {
	rest, images = map[any]any{}, map[string]any{}
	if yaml1.Unmarshal(text, &rest) != nil {
		return nil, nil
	}
	maps.DeleteFunc(rest, func(key, _ any) bool { return strings.HasPrefix(key.(string), "x-") })
	services, _ := rest["services"].(map[any]any)
	for name, service := range services {
		if service, ok := service.(map[any]any); ok {
			images[name.(string)] = service["image"]
			service = maps.Clone(service) // a copy, since aliases share one mapping
			delete(service, "image")
			services[name] = service
		}
	}
	return rest, images
}

// code-repo's editor and the manager parse a file with different libraries. The manager
// must see every change that the editor makes, and no other change.
func TestSetImageChangesWhatTheManagerReads(t *testing.T) {
	program := filepath.Join(t.TempDir(), "setimage")
	if output, err := exec.Command("go", "-C", "code-repo/scripts/setimage", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	changed := 0
	for _, path := range stackFiles(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if yaml.Unmarshal(text, &value) != nil {
			continue // newer versions of Docker do not read it either
		}
		_, images := read(text)
		for name, now := range images {
			if _, ok := now.(string); ok {
				t.Run(path+" "+name, func(t *testing.T) { setsOne(t, program, text, name) })
				changed++
			}
		}
	}
	if changed < 20 {
		t.Errorf("%d images were changed", changed)
	}
}

// setsOne sets the image of one service. The editor must name every service that changes
// with it.
func setsOne(t *testing.T, program string, text []byte, name string) {
	const image = "ghcr.io/your-org/app:abcdef1"
	file := filepath.Join(t.TempDir(), "stack.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(program, file, name, image).CombinedOutput()
	if err != nil {
		t.Fatalf("%s", output)
	}
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest, images := read(text)
	others, became := read(after)
	if images[name] = image; !reflect.DeepEqual(rest, others) {
		t.Errorf("more differs:\n%s", after)
	}
	for other, now := range became {
		along := now == image && strings.Contains(string(output), other)
		if now != images[other] && !along {
			t.Errorf("%s has %v, want %v\n%s", other, now, images[other], output)
		}
	}
}
