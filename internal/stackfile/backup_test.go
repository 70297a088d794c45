package stackfile

import (
	"strings"
	"testing"
)

func TestBackupLabel(t *testing.T) {
	const volume = "    volumes: [data:/data]\n"
	for _, test := range []struct{ service, says string }{
		{volume + "    deploy: {labels: {averazure.backup: 'true'}}\n", ""},
		{volume + "    deploy: {labels: {averazure.backup: live}}\n", ""},
		{"    deploy: {labels: {averazure.backup: 'false'}}\n", ""},
		{volume + "    deploy: {labels: ['averazure.backup=true']}\n", ""},
		{volume + "    deploy: {labels: {averazure.backup: 'yes'}}\n", `it is true, live, or false`},
		{volume + "    labels: {averazure.backup: 'true'}\n", `in deploy.labels`},
		{"    volumes: [/data]\n    deploy: {labels: {averazure.backup: 'true'}}\n", `nothing to back up`},
		{"    volumes: ['/srv:/data']\n    deploy: {labels: {averazure.backup: 'true'}}\n", `nothing to back up`},
	} {
		text := "services:\n  db:\n    image: db:1\n" + test.service + "volumes: {data: {}}\n"
		_, err := Parse(Input{Files: []Source{{Name: "stack.yml", Text: text}}})
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: %v", test.service, err)
		}
	}
}
