package stackfile

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"averazure/internal/stackfile/costtest"
)

// hostile are files that cost more than their size suggests, each near the maximum size.
func hostile() map[string]string {
	repeat := func(text string) string { return strings.Repeat(text, (MaxBytes-400)/len(text)) }
	return map[string]string{
		"many values":      "x-a: [" + repeat("a,") + "]\n" + minimal,
		"many keys":        "x-a: {" + repeat("? ,") + "}\n" + minimal,
		"many services":    "services:\n" + numbered(" s%d: {image: a}\n"),
		"many variables":   minimal + "    environment:\n" + numbered("     A%d:\n"),
		"many ports":       minimal + "    ports: [" + repeat("1-65535,") + "]\n",
		"many defaults":    minimal + "    ports: [" + repeat("'${A:-1-65535}',") + "]\n",
		"one deep list":    "x-a: " + repeat("[") + "\n",
		"deep mapping":     deep() + minimal,
		"a long text":      minimal + "    command: '" + repeat("a ") + "'\n",
		"a long key":       minimal + "    labels: {" + repeat("a") + ": b}\n",
		"dollar signs":     minimal + "    command: '" + repeat("$$") + "'\n",
		"tags":             "x-a: [" + repeat("!!str a,") + "]\n" + minimal,
		"aliases":          "x-a: [&a b," + repeat("*a,") + "]\n" + minimal,
		"long aliases":     "x-a: [&a " + strings.Repeat("b", MaxBytes/2) + "," + strings.Repeat("*a,", MaxBytes/8) + "]\n" + minimal,
		"laughs":           laughs() + minimal,
		"merges":           merging(),
		"cycle":            "x-a: &a [*a]\n" + minimal,
		"merged cycle":     "x-a: &a {<<: *a}\n" + minimal,
		"services near":    "services:\n" + limited(" s%d: {image: a}\n", maxValues/4-10),
		"services alias":   "x-a: &a {image: a}\nservices:\n" + limited(" s%d: *a\n", maxValues/4-10),
		"labels near":      minimal + "    labels:\n" + limited("     A%d: b\n", maxValues/2-20),
		"variables near":   minimal + "    environment:\n" + limited("     A%d: b\n", maxValues/2-20),
		"variables wrong":  minimal + "    environment:\n" + limited("     A%d:\n", maxValues/2-20),
		"command near":     minimal + "    command:\n" + limited("     - a%d\n", maxValues-20),
		"volume bomb":      mounts(9000),
		"thousand alike":   "x-a: &a\n  image: a\n  environment:\n" + limited("    A%d: b\n", 20) + "services:\n" + limited(" s%d: *a\n", maxServices),
		"ignored":          "services:\n" + limited(" s%d: {image: a, restart: always}\n", maxValues/6-10),
		"networks near":    "services:\n" + limited(" s%d: {image: a, networks: [net, more]}\n", 5000) + "networks: {net: , more: }\n",
		"wrong every line": minimal + repeat("    a: b\n"),
	}
}

// mounts is a service with n mounts of one volume that has n labels.
func mounts(n int) string {
	return minimal + "    volumes:\n" + limited("     - vol:/%d\n", n) + "volumes:\n  vol:\n    labels:\n" + limited("     a%d: b\n", n)
}

func limited(format string, n int) string {
	var text strings.Builder
	for i := 0; i < n && text.Len() < MaxBytes-500; i++ {
		fmt.Fprintf(&text, format, i)
	}
	return text.String()
}

func numbered(format string) string { return limited(format, MaxBytes) }

func deep() string {
	var text strings.Builder
	for i := range 800 {
		text.WriteString(strings.Repeat(" ", i) + "x-a:\n")
	}
	return text.String() + strings.Repeat(" ", 800) + "b\n"
}

func laughs() string {
	text := "x-0: &a0 b\n"
	for i := 1; i < 20; i++ {
		text += fmt.Sprintf("x-%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10))
	}
	return text
}

// merging makes mappings with more and more keys, which are merged again and again.
func merging() string {
	text := "x-0: &a0 {image: a}\n"
	for i := 1; i < 40; i++ {
		text += fmt.Sprintf("x-%d: &a%d {<<: [*a%d, *a%d], k%d: b}\n", i, i, i-1, i-1, i)
	}
	return text + "services: {api: {<<: *a39}}\n"
}

const (
	hostileBytes = 100 << 20
	hostileTime  = 5 * time.Second // processor time; all files take less than one second
)

// A stranger's file costs a manager little, whatever is in it. A separate process reads
// each file, so that its peak memory can be measured.
func TestHostileFilesCostLittle(t *testing.T) {
	if name := costtest.File(); name != "" {
		readHostile(t, name)
		return
	}
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			memory, took := costtest.Measure(t, []byte(text))
			t.Logf("%d bytes: %d MB, %s", len(text), memory>>20, took.Round(time.Millisecond))
			if !costtest.RaceDetector() && (memory > hostileBytes || took > hostileTime) {
				t.Errorf("took %d MB and %s", memory>>20, took)
			}
		})
	}
}

// readHostile reads a file and prints the peak memory of this process.
func readHostile(t *testing.T, name string) {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if file, err := Parse(Input{Files: []Source{{"a.yml", string(text)}}}); err == nil {
		if _, err := file.Specs("s", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	costtest.Report(t)
}
