package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// look is how the layers are drawn.
var look = map[string]struct{ title, fill, line string }{
	"Infra":    {"1 infra: Azure", "#e8f1fb", "#2f6fb0"},
	"Cluster":  {"2 cluster: over SSH", "#e6f5ee", "#23855a"},
	"Stack":    {"3 stack", "#fdf1e1", "#b76a12"},
	"Delivery": {"delivery", "#f3ecfa", "#7a4bad"},
}

// The picture has a background of its own, for dark pages.
const head = `digraph averazure {
rankdir=LR newrank=true bgcolor=white pad=0.15 nodesep=0.17 ranksep=0.22 fontname="Helvetica,Arial,sans-serif"
labelloc=b labeljust=l fontsize=11.5 fontcolor="#3d444d"
label="From the sandbox's settings: one manager, two workers. An arrow goes from a resource to one that waits for it; what follows from other arrows is left out.\l×3: so many of the same kind in one box, such as one for each node.\l"
node [shape=box style="filled,rounded" fillcolor=white margin="0.06,0.05" height=0.1 width=1.3 fontname="Helvetica,Arial,sans-serif" fontsize=11]
edge [arrowsize=0.5 penwidth=0.9]
`

// dot describes the picture to graphviz: a box for each layer, the later ones right of
// infra, each with one column.
func (p *picture) dot() string {
	var text strings.Builder
	text.WriteString(head)
	for _, layer := range slices.Backward(p.layers) { // within a column, graphviz puts the first box lowest
		p.layer(&text, layer)
	}
	for _, name := range p.sorted() {
		for _, other := range p.sorted() {
			if p.boxes[name].waits[other] {
				p.edge(&text, other, name)
			}
		}
	}
	p.place(&text)
	text.WriteString("}\n")
	return text.String()
}

func (p *picture) layer(text *strings.Builder, layer string) {
	l := look[layer]
	fmt.Fprintf(text, "subgraph cluster_%s {\nlabel=<<B>%s</B>> fontsize=13 fontcolor=%q color=%q bgcolor=%q labelloc=t style=rounded margin=8\nnode [color=%q]\n",
		layer, l.title, l.line, l.line, l.fill, l.line)
	for _, name := range p.of(layer) {
		fmt.Fprintf(text, "%q [label=<%s>]\n", name, p.boxes[name].label())
	}
	if len(p.of(layer)) == 0 {
		fmt.Fprintf(text, "%q [label=\"the outputs;\\nno resource without\\naverazure:githubOwner\" color=none fillcolor=none]\n", layer)
	}
	text.WriteString("}\n")
}

// edge is one dependency. Inside a column graphviz draws upwards, so it gets the edge
// backwards.
func (p *picture) edge(text *strings.Builder, from, to string) {
	color := look[p.boxes[from].layer].line
	if l := p.boxes[to].layer; l != "Infra" && l == p.boxes[from].layer {
		fmt.Fprintf(text, "%q -> %q [color=%q dir=back]\n", to, from, color)
		return
	}
	fmt.Fprintf(text, "%q -> %q [color=%q]\n", from, to, color)
}

// place puts the boxes of infra that no other box of infra waits for to the left of the
// cluster, and delivery below the stack. The edges that do this are invisible.
func (p *picture) place(text *strings.Builder) {
	inner := map[string]bool{}
	for _, name := range p.of("Infra") {
		for other := range p.boxes[name].waits {
			inner[other] = true
		}
	}
	for _, name := range p.of("Infra") {
		if cluster := p.of("Cluster"); !inner[name] && len(cluster) > 0 {
			fmt.Fprintf(text, "%q -> %q [style=invis]\n", name, cluster[0])
		}
	}
	fmt.Fprintf(text, "{rank=same \"%s\"}\n", strings.Join(p.of("Cluster"), `" "`))
	fmt.Fprintf(text, "{rank=same \"%s\" \"Delivery\"}\n", strings.Join(p.of("Stack"), `" "`))
	for _, name := range p.of("Stack") {
		fmt.Fprintf(text, "\"Delivery\" -> %q [style=invis]\n", name)
	}
}

// of are the keys of a layer's boxes.
func (p *picture) of(layer string) []string {
	var found []string
	for _, name := range p.sorted() {
		if p.boxes[name].layer == layer {
			found = append(found, name)
		}
	}
	return found
}

// label has the names, and below them the kind.
func (b *box) label() string {
	lines := []string{}
	for _, name := range b.names {
		if n := len(lines); n > 0 && len(lines[n-1])+len(name) < 22 {
			lines[n-1] += ", " + name
			continue
		}
		lines = append(lines, name)
	}
	count := ""
	if b.count > 1 {
		count = fmt.Sprintf(" <B>×%d</B>", b.count)
	}
	return strings.Join(lines, ",<BR/>") + `<BR/><FONT POINT-SIZE="10.5" COLOR="#5b6570">` + b.kind + "</FONT>" + count
}

// draw has graphviz draw the picture.
func draw(p *picture, file string) error {
	var out bytes.Buffer
	dot := exec.Command("dot", "-Tsvg")
	dot.Stdin, dot.Stdout, dot.Stderr = strings.NewReader(p.dot()), &out, os.Stderr
	if err := dot.Run(); err != nil {
		return fmt.Errorf("draw %s with graphviz: %w", file, err)
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}
