package stack

import (
	"path/filepath"
	"strings"
	"testing"

	"averazure/internal/recorder"
)

const shipped = "../repos/stack-repo/stack.yml"

var digest = "@sha256:" + strings.Repeat("ab", 32)

func TestRenderShippedFile(t *testing.T) {
	file, err := Load([]string{shipped})
	if err != nil {
		t.Fatal(err)
	}
	changes := Changes{
		Images:  map[string]string{"api": "ghcr.io/your-org/aver-api" + digest},
		Secrets: map[string]string{"azure_tenant_id": "azure_tenant_id-0123456789ab", "azure_client_id": "azure_client_id-0123456789ab", "unused": "x"},
	}
	text, err := file.Render(changes)
	if err != nil {
		t.Fatal(err)
	}
	recorder.Golden(t, "shipped.yml", text)
	again, err := file.Render(changes)
	if err != nil || again != text {
		t.Errorf("a second rendering differs (%v)", err)
	}
	untouched, err := file.Render(Changes{})
	if err != nil || strings.Contains(untouched, "sha256") || strings.Contains(untouched, "-0123456789ab") {
		t.Errorf("rendering changed the file that was loaded (%v):\n%s", err, untouched)
	}
	if warnings := append(file.PortWarnings([]int{8080, 15672, 8081}, nil), file.Ignored()...); len(warnings) > 0 {
		t.Errorf("the shipped file has warnings: %q", warnings)
	}
}

// Everything that the loader reads must come out again: one file with as many
// keys as a stack may have.
func TestRenderKeepsEverything(t *testing.T) {
	file, err := Load([]string{filepath.Join("testdata", "everything.in.yml")})
	if err != nil {
		t.Fatal(err)
	}
	text, err := file.Render(Changes{Secrets: map[string]string{"outer": "outer-aaaaaaaaaaaa"}})
	if err != nil {
		t.Fatal(err)
	}
	recorder.Golden(t, "everything.yml", text)
	path := write(t, text)
	reread, err := Load(path)
	if err != nil {
		t.Fatalf("the rendered file does not load: %v", err)
	}
	second, err := reread.Render(Changes{})
	if err != nil || second != text {
		t.Errorf("rendering what was rendered differs (%v):\n%s", err, second)
	}
}

func TestRenderMergesLikeDocker(t *testing.T) {
	file := load(t, minimal+"    environment: {A: one, B: two}\n    ports: [\"80:80\"]\n",
		"services:\n  api:\n    image: httpd\n    environment: {B: three}\n    ports: [\"81:81\"]\n  db:\n    image: redis\n")
	text, err := file.Render(Changes{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"image: httpd", "A: one", "B: three", "published: 80\n", "published: 81\n", "image: redis"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
}

func TestRenderEscapesDollarSigns(t *testing.T) {
	file := load(t, minimal+"    command: [\"sh\", \"-c\", \"echo $$HOME\"]\n    environment:\n      TAG: ${TAG:-a$$b}\n")
	text, err := file.Render(Changes{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "echo $$HOME") {
		t.Errorf("Docker would put a variable in:\n%s", text)
	}
}

func TestRenderRefusesAnUnknownService(t *testing.T) {
	_, err := load(t, minimal).Render(Changes{Images: map[string]string{"web": "nginx" + digest}})
	if err == nil || !strings.Contains(err.Error(), `no service "web", only api`) {
		t.Errorf("got %v", err)
	}
}
