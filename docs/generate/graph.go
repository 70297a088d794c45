package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// box is one box of the picture: a resource, or several of one kind.
type box struct {
	layer, kind string
	names       []string
	count       int
	waits       map[string]bool // the boxes that it waits for, by their keys
}

// edge is a box that waits for another one, by their keys.
type edge struct{ from, to string }

// picture has the boxes by type and name. A layer is a component of the program.
type picture struct {
	layers []string
	boxes  map[string]*box
}

// read makes the picture from the output of recorder.Graph. That has a line for each
// resource, "TYPE NAME in COMPONENT", and below it an indented line for each resource that
// it waits for. A resource that every node has becomes one box.
func read(graph string) (*picture, error) {
	p, key := &picture{boxes: map[string]*box{}}, keys(graph)
	var current *box
	var resource string
	var turns []edge // between resources of two nodes
	for line := range strings.Lines(graph) {
		line = strings.TrimSuffix(line, "\n")
		if other, below := strings.CutPrefix(line, "  "); !below {
			current = p.add(line, key)
			resource, _, _ = strings.Cut(line, " in ")
		} else if current == nil || key[other] == "" {
			return nil, fmt.Errorf("%q is not a resource of the graph, or stands below none", other)
		} else if owner(other, key) != owner(resource, key) {
			turns = append(turns, edge{key[resource], key[other]})
		} else if key[other] != key[resource] {
			current.waits[key[other]] = true
		}
	}
	p.addTurns(turns)
	slices.SortFunc(p.layers, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	p.merge()
	p.reduce()
	return p, nil
}

// addTurns adds what a node's resource waits for at another node. It leaves out that a node
// waits for the one before it: as boxes, each would wait for the other.
func (p *picture) addTurns(turns []edge) {
	turns = slices.DeleteFunc(turns, func(e edge) bool { return e.from == e.to || p.boxes[e.to].waits[e.from] })
	for _, e := range turns {
		p.boxes[e.from].waits[e.to] = true
	}
}

// owner returns the part of a resource's name that precedes the name in its box: its node,
// or the prefix.
func owner(resource string, key map[string]string) string {
	_, name, _ := strings.Cut(key[resource], " ")
	return strings.TrimSuffix(resource[strings.LastIndex(resource, " ")+1:], name)
}

// add counts a resource in its box, or notes a layer, which has none.
func (p *picture) add(line string, key map[string]string) *box {
	resource, parent, _ := strings.Cut(line, " in ")
	if parent == "-" {
		p.layers = append(p.layers, last(strings.Fields(resource)[0]))
		return nil
	}
	if p.boxes[key[resource]] == nil {
		token, name, _ := strings.Cut(key[resource], " ")
		p.boxes[key[resource]] = &box{layer: last(strings.Fields(parent)[0]), kind: last(token), names: []string{name}, waits: map[string]bool{}}
	}
	p.boxes[key[resource]].count++
	return p.boxes[key[resource]]
}

// order is that of the data: each layer takes what those before it made.
var order = []string{"Infra", "Cluster", "Stack", "Delivery"}

// keys map "TYPE NAME" of every resource to the same without the prefix and the node.
func keys(graph string) map[string]string {
	nodes := []string{}
	for _, vm := range regexp.MustCompile(`(?m)^azure-native:compute/\S*:VirtualMachine (\S+) in`).FindAllStringSubmatch(graph, -1) {
		nodes = append(nodes, vm[1])
	}
	prefix := ""
	if component := regexp.MustCompile(`(?m)^averazure:infra:Infra (\S+) in -$`).FindStringSubmatch(graph); component != nil {
		prefix = component[1] + "-"
	}
	found := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^(\S+) (\S+) in \S+ ?\S*$`).FindAllStringSubmatch(graph, -1) {
		name := line[2]
		for _, node := range nodes {
			if name == node {
				name = "node"
			}
			name = strings.TrimPrefix(name, node+"-")
		}
		found[line[1]+" "+line[2]] = line[1] + " " + strings.TrimSuffix(strings.TrimPrefix(name, prefix), "-DATE")
	}
	return found
}

// merge turns boxes of one kind into one box if they wait for the same boxes and the same
// boxes wait for them.
func (p *picture) merge() {
	waiting := map[string][]string{}
	for _, name := range p.sorted() {
		for other := range p.boxes[name].waits {
			waiting[other] = append(waiting[other], name)
		}
	}
	first := map[string]string{}
	for _, name := range p.sorted() {
		b := p.boxes[name]
		alike := fmt.Sprint(b.layer, b.kind, slices.Sorted(maps.Keys(b.waits)), waiting[name])
		into := first[alike]
		if into == "" {
			first[alike] = name
			continue
		}
		p.boxes[into].names = append(p.boxes[into].names, b.names...)
		p.boxes[into].count += b.count
		delete(p.boxes, name)
		for _, other := range p.boxes {
			delete(other.waits, name)
		}
	}
}

// reduce leaves out dependencies that follow from others. With merged boxes these are more
// than with resources.
func (p *picture) reduce() {
	var reaches func(from, to string) bool
	reaches = func(from, to string) bool {
		for next := range p.boxes[from].waits {
			if next == to || reaches(next, to) {
				return true
			}
		}
		return false
	}
	for _, b := range p.boxes {
		for to := range b.waits {
			for other := range b.waits {
				if other != to && reaches(other, to) {
					delete(b.waits, to)
				}
			}
		}
	}
}

func (p *picture) sorted() []string { return slices.Sorted(maps.Keys(p.boxes)) }

// last is what follows the last colon of a type.
func last(token string) string { return token[strings.LastIndex(token, ":")+1:] }
