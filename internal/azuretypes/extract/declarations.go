package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// declaration is an interface or a class: its members' types by their names, which
// end in a question mark where the member is optional.
type declaration map[string]string

var (
	opensNamespace = regexp.MustCompile(`^(?:export )?(?:declare )?namespace (\w+) \{$`)
	opensType      = regexp.MustCompile(`^(?:export )?(?:declare )?(?:interface|class) (\w+) .*\{$`)
	member         = regexp.MustCompile(`^(?:readonly )?(\w+\??): (.*);$`)
)

// declarations reads the interfaces and classes of a declaration file, as the
// provider's generator writes it: one member a line, a map's over three. Their names
// have their namespaces in front.
func declarations(path string) (map[string]declaration, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	all := map[string]declaration{}
	var namespaces []string
	var current declaration
	var statement string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "/*") || strings.HasPrefix(line, "*") {
			continue
		}
		if current == nil {
			if opened := opensNamespace.FindStringSubmatch(line); opened != nil {
				namespaces = append(namespaces, opened[1])
			} else if opened := opensType.FindStringSubmatch(line); opened != nil {
				current = declaration{}
				all[strings.Join(append(namespaces[:len(namespaces):len(namespaces)], opened[1]), ".")] = current
			} else if line == "}" && len(namespaces) > 0 {
				namespaces = namespaces[:len(namespaces)-1]
			}
			continue
		}
		if statement += line; strings.Count(statement, "{") != strings.Count(statement, "}") && line != "}" {
			continue
		}
		if statement == "}" {
			current = nil
		} else if m := member.FindStringSubmatch(statement); m != nil {
			current[m[1]] = m[2]
		}
		statement = ""
	}
	return all, lines.Err()
}

var enumValue = regexp.MustCompile(`^\s+readonly \w+: "?([^"]*)"?;$`)

// enumeration reads the values of one enumeration of a declaration file.
func enumeration(path, name string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, after, found := strings.Cut(string(content), "export declare const "+name+": {\n")
	if !found {
		return nil, fmt.Errorf("%s has no enumeration %s", path, name)
	}
	body, _, _ := strings.Cut(after, "\n};")
	var values []string
	for _, line := range strings.Split(body, "\n") {
		if value := enumValue.FindStringSubmatch(line); value != nil {
			values = append(values, value[1])
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("%s: no value of enumeration %s was found", path, name)
	}
	return values, nil
}
