package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// key is one entry of Pulumi.yaml's config.
type key struct {
	Type        string
	Items       struct{ Type string }
	Default     *any
	Description string
}

const header = `# Configuration

Written by ` + "`make docs`" + ` from Pulumi.yaml, which is where to change it.
Set a key with ` + "`pulumi config set KEY VALUE`" + `, a list's first element with
` + "`pulumi config set --path 'KEY[0]' VALUE`" + `, an object's entry with
` + "`pulumi config set --path 'KEY.NAME' VALUE`" + `, a secret with
` + "`pulumi config set --secret KEY`" + `, which asks for the value.

| key | type | default | what it says |
|---|---|---|---|
`

// Reference renders the keys in the order in which Pulumi.yaml declares them.
func Reference(project []byte) ([]byte, error) {
	var file struct{ Config yaml.Node }
	if err := yaml.Unmarshal(project, &file); err != nil {
		return nil, err
	}
	page := bytes.NewBufferString(header)
	for i := 0; i+1 < len(file.Config.Content); i += 2 {
		var k key
		if err := file.Config.Content[i+1].Decode(&k); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Config.Content[i].Value, err)
		}
		row, err := k.row(file.Config.Content[i].Value)
		if err != nil {
			return nil, err
		}
		page.WriteString(row)
	}
	return page.Bytes(), nil
}

func (k key) row(name string) (string, error) {
	kind := k.Type
	if k.Items.Type != "" {
		kind = "list of " + k.Items.Type
	}
	if strings.HasPrefix(k.Description, "Secret:") {
		kind += ", secret"
	}
	value := "required"
	if k.Default != nil {
		text, err := json.Marshal(*k.Default)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		value = "`" + string(text) + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, kind, value, k.Description), nil
}
