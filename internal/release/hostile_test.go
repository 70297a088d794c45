package release

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"averazure/internal/stackfile"
	"averazure/internal/stackfile/costtest"
)

// costly are archives from the deploy key that are valid stack files, each near the largest
// size, and that the guard refuses because of one service. Archives that are refused
// earlier are tested where files are read.
func costly(t *testing.T) map[string][]byte {
	const head = "services:\n  bad: {image: a, cap_add: [SYS_ADMIN]}\n"
	many := func(format string, n int) string {
		var text strings.Builder
		for i := 0; i < n && text.Len() < stackfile.MaxBytes-1000; i++ {
			fmt.Fprintf(&text, format, i)
		}
		return text.String()
	}
	const api = "  api:\n    image: a\n"
	texts := map[string]string{
		"services":  head + many("  s%d: {image: a}\n", 900),
		"labels":    head + api + "    labels:\n" + many("      A%d: b\n", 9000),
		"variables": head + api + "    environment:\n" + many("      A%d: b\n", 9000),
		"command":   head + api + "    command:\n" + many("      - a%d\n", 15000),
		"ports":     head + api + "    ports: ['5001-6900:5001-6900']\n",
		"a text":    head + api + "    command: '" + strings.Repeat("a ", stackfile.MaxBytes/2-500) + "'\n",
		"mounts":    head + api + "    volumes:\n" + many("      - vol:/%d\n", 2000) + "volumes:\n  vol:\n    labels:\n" + many("      a%d: b\n", 50),
		"alike":     "x-a: &a\n  image: a\n  environment:\n" + many("    A%d: b\n", 20) + head + many("  s%d: *a\n", 900),
		"networks":  head + many("  s%d: {image: a, networks: [net, more]}\n", 900) + "networks: {net: , more: }\n",
	}
	files := map[string][]byte{}
	for name, text := range texts {
		files[name] = packed(t, map[string]string{"stack.yml": text})
	}
	// Files that the file names, as large as they may be together.
	beside := map[string]string{}
	text := head + api + "    configs: [" + many("c%d,", 400) + "]\nconfigs:\n" + many("  c%[1]d: {file: ./f%[1]d}\n", 400)
	for i := range 400 {
		beside[fmt.Sprintf("f%d", i)] = strings.Repeat("x", 2500)
	}
	beside["stack.yml"] = text
	files["configs"] = packed(t, beside)
	return files
}

func packed(t *testing.T, contents map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for name, content := range contents {
		if err := writer.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// hostileBytes is the most memory that a stranger's file may take.
const hostileBytes = 100 << 20

// TestRequestsOfTheDeployKeyCostsLittle goes through everything that the deploy key can reach:
// reading the archive, the text of a diff, and the guard of a deployment. Each archive is
// read in a separate process, to measure its peak memory.
func TestRequestsOfTheDeployKeyCostsLittle(t *testing.T) {
	if path := costtest.File(); path != "" {
		takeHostile(t, path)
		return
	}
	for name, data := range costly(t) {
		t.Run(name, func(t *testing.T) {
			memory, _ := costtest.Measure(t, data)
			t.Logf("%d bytes: %d MB", len(data), memory>>20)
			if memory > hostileBytes && !costtest.RaceDetector() {
				t.Errorf("took %d MB", memory>>20)
			}
		})
	}
}

// takeHostile prints the peak memory of this process.
func takeHostile(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := newDeployer(t, newMemory("manager", "worker"))
	trusted, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: "services: {api: {image: a}}\n"}}})
	if err != nil {
		t.Fatal(err)
	}
	if result := d.Trust(t.Context(), stack, Order{File: trusted, From: FromPulumi, By: ByPulumi}); result.Outcome != Runs {
		t.Fatalf("%+v", result)
	}
	input, err := stackfile.ReadArchive(data, []string{"stack.yml"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := stackfile.Names(input); err != nil {
		t.Fatal(err)
	}
	file, err := stackfile.Parse(input)
	if err != nil {
		t.Fatal(err)
	}
	order := Order{File: file, From: FromStackRepo, By: ByStackRepo, Scope: ScopeStack}
	diff, err := d.Diff(t.Context(), stack, order)
	if err != nil || len(diff.Refused) == 0 {
		t.Fatalf("the diff refuses %d, %v", len(diff.Refused), err)
	}
	if result := d.Deploy(t.Context(), stack, order); result.Outcome != Refused {
		t.Fatalf("%.300s", fmt.Sprintf("%+v", result))
	}
	costtest.Report(t)
}
