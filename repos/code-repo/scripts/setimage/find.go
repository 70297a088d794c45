package main

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// place is where a service has its image from.
type place struct {
	service string
	own     bool       // the service is written under its own name, not an alias of another
	mapping *yaml.Node // what the service says
	value   *yaml.Node // its own image; nil where << brings one
	scalar  *yaml.Node // the text itself, behind an alias or a merge
}

// find finds the image of a service.
func (d *document) find(service string) (place, error) {
	services, _, err := get(d.root, "services")
	if err != nil {
		return place{}, err
	}
	written, own, err := get(services, service)
	if err != nil {
		return place{}, err
	}
	p := place{service: service, own: own && written.Kind == yaml.MappingNode, mapping: target(written)}
	if p.mapping == nil || p.mapping.Kind != yaml.MappingNode {
		return place{}, fmt.Errorf("unknown service %s", service)
	}
	value, own, err := get(p.mapping, "image")
	switch {
	case err != nil:
		return place{}, err
	case value == nil:
		return place{}, at(p.mapping, "service %s has no image; give it one, such as `image: NAME:TAG`", service)
	}
	if own {
		p.value = value
	}
	if p.scalar = target(value); p.scalar.Kind != yaml.ScalarNode {
		return place{}, at(value, "the image of %s is not a text", service)
	}
	return p, nil
}

// target is what an alias stands for.
func target(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// get finds a key of a mapping. The mapping's own key has precedence over keys that <<
// brings. In Docker 26 the order of the two matters, in newer versions it does not, so a
// file that they read differently is refused.
func get(mapping *yaml.Node, key string) (value *yaml.Node, own bool, err error) {
	mapping = target(mapping)
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil, false, nil
	}
	var merged *yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, below := target(mapping.Content[i]), mapping.Content[i+1]
		switch {
		case name.Tag == "!!merge":
			if merged, err = getMerged(below, key); err != nil {
				return nil, false, err
			}
			if merged != nil && value != nil {
				return nil, false, at(value, "%s stands before << which brings one too, and Docker's versions differ in which counts; write it behind", key)
			}
		case name.Kind == yaml.ScalarNode && name.Value == key:
			value = below
		}
	}
	if value != nil {
		return value, true, nil
	}
	return merged, false, nil
}

// getMerged finds a key in what << names, one mapping or a list of them.
func getMerged(node *yaml.Node, key string) (*yaml.Node, error) {
	node = target(node)
	if node.Kind != yaml.SequenceNode {
		value, _, err := get(node, key)
		return value, err
	}
	for _, each := range node.Content {
		if value, _, err := get(each, key); value != nil || err != nil {
			return value, err
		}
	}
	return nil, nil
}

// images returns the current images of services.
func images(text string, services []string) ([]string, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, service := range services {
		p, err := d.find(service)
		if err != nil {
			return nil, err
		}
		found = append(found, p.scalar.Value)
	}
	return found, nil
}
