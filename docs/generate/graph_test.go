package main

import (
	"encoding/xml"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const small = `averazure:cluster:Cluster p in -
averazure:infra:Infra p in -
averazure:stack:Stack p in -
azure-native:compute/v1:VirtualMachine p-a in averazure:infra:Infra p
  azure-native:resources:ResourceGroup p-group
azure-native:compute/v1:VirtualMachine p-b in averazure:infra:Infra p
  azure-native:resources:ResourceGroup p-group
azure-native:resources:ResourceGroup p-group in averazure:infra:Infra p
azuread:index/password:Password p-secret-DATE in averazure:infra:Infra p
azuread:index/password:Password p-secret-DATE in averazure:infra:Infra p
command:remote:Command p-a-init in averazure:cluster:Cluster p
  azure-native:compute/v1:VirtualMachine p-a
command:remote:Command p-a-settings in averazure:cluster:Cluster p
  command:remote:Command p-a-init
command:remote:Command p-b-settings in averazure:cluster:Cluster p
  azure-native:compute/v1:VirtualMachine p-b
  command:remote:Command p-a-settings
tls:index:Key p-one in averazure:infra:Infra p
tls:index:Key p-two in averazure:infra:Infra p
`

// Resources that every node has, that are renewed, or that differ only by name become one
// box. A dependency that a settings command of any node has is left out if it follows from
// the others.
func TestBoxesOfAGraph(t *testing.T) {
	p, err := read(small)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range p.sorted() {
		b := p.boxes[name]
		waits := ""
		for _, other := range p.sorted() {
			if b.waits[other] {
				waits += " after " + strings.Join(p.boxes[other].names, "+")
			}
		}
		got = append(got, b.layer+" "+b.kind+" "+strings.Join(b.names, "+")+" "+strconv.Itoa(b.count)+waits)
	}
	want := []string{
		"Infra VirtualMachine node 2 after group", "Infra ResourceGroup group 1", "Infra Password secret 2",
		"Cluster Command init 1 after node", "Cluster Command settings 2 after init", "Infra Key one+two 2",
	}
	if !slices.Equal(got, want) || !slices.Equal(p.layers, []string{"Infra", "Cluster", "Stack"}) {
		t.Errorf("layers %q, boxes\n%q, want\n%q", p.layers, got, want)
	}
}

func TestGraphThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"  a b\n", "a b in c d\n  x y\n"} {
		if _, err := read(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// drawn returns the titles in docs/graph.svg: type and name for a box, FROM->TO for an
// arrow.
func drawn(t *testing.T) (titles []string, text string) {
	t.Helper()
	content, err := os.ReadFile("../graph.svg")
	if err != nil {
		t.Fatal(err)
	}
	var image struct {
		Groups []struct {
			Class string `xml:"class,attr"`
			Title string `xml:"title"`
		} `xml:"g>g"`
	}
	if err := xml.Unmarshal(content, &image); err != nil {
		t.Fatal(err)
	}
	for _, g := range image.Groups {
		if g.Class != "cluster" {
			titles = append(titles, g.Title)
		}
	}
	return titles, string(content)
}

// TestGraphShowsEveryResource compares the picture with the resources that the program
// registers with the sandbox's settings.
func TestGraphShowsEveryResource(t *testing.T) {
	graph, err := os.ReadFile("../../testdata/sandbox.graph")
	if err != nil {
		t.Fatal(err)
	}
	p, err := read(string(graph))
	if err != nil {
		t.Fatal(err)
	}
	inventory, err := os.ReadFile("../../testdata/sandbox.inventory")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	count := len(p.layers)
	for name, b := range p.boxes {
		count += b.count
		want = append(want, name)
		for other := range b.waits {
			want = append(want, other+"->"+name)
		}
	}
	if lines := strings.Count(string(inventory), "\n") - 1; lines != count || lines < 50 {
		t.Errorf("the picture has %d resources, the inventory %d", count, lines)
	}
	got, svg := drawn(t)
	got = slices.DeleteFunc(got, func(title string) bool { return title == "Delivery" })
	for i, title := range got { // arrows of a column are drawn backwards
		if to, from, arrow := strings.Cut(title, "->"); arrow && !slices.Contains(want, title) {
			got[i] = from + "->" + to
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("docs/graph.svg does not show testdata/sandbox.graph, run `make docs`:\n%q, want\n%q", got, want)
	}
	for _, b := range p.boxes {
		for _, name := range b.names {
			if !strings.Contains(svg, strings.ReplaceAll(name, "-", "&#45;")) {
				t.Errorf("docs/graph.svg does not name %s", name)
			}
		}
	}
}

// TestGraphIsReadable: no label is smaller than ten pixels on a page of 1,200.
func TestGraphIsReadable(t *testing.T) {
	_, svg := drawn(t)
	width, err := strconv.ParseFloat(regexp.MustCompile(`<svg width="(\d+)pt"`).FindStringSubmatch(svg)[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	sizes := regexp.MustCompile(`font-size="([0-9.]+)"`).FindAllStringSubmatch(svg, -1)
	for _, size := range sizes {
		if points, err := strconv.ParseFloat(size[1], 64); err != nil || points*1200/width < 10 {
			t.Fatalf("a label of %s on a picture of %.0f points: %v", size[1], width, err)
		}
	}
	if len(sizes) == 0 {
		t.Error("the picture has no label")
	}
}
