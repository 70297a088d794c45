package stackfile

import "testing"

func TestBackupLabel(t *testing.T) {
	const volume = "    volumes: [data:/data]\n"
	for _, test := range []struct{ service, says string }{
		{volume + "    deploy: {labels: {averazure.backup: 'true'}}\n", ""},
		{volume + "    deploy: {labels: {averazure.backup: live}}\n", ""},
		{"    deploy: {labels: {averazure.backup: 'false'}}\n", ""},
		{volume + "    deploy: {labels: ['averazure.backup=true']}\n", ""},
		{volume + "    deploy: {labels: {averazure.backup: 'yes'}}\n", `"yes" true live false`},
		{volume + "    labels: {averazure.backup: 'true'}\n", `deploy.labels`},
		{"    volumes: [/data]\n    deploy: {labels: {averazure.backup: 'true'}}\n", `"db" averazure.backup volume`},
		{"    volumes: ['/srv:/data']\n    deploy: {labels: {averazure.backup: 'true'}}\n", `"db" averazure.backup volume`},
	} {
		text := "services:\n  db:\n    image: db:1\n" + test.service + "volumes: {data: {}}\n"
		_, err := Parse(Input{Files: []Source{{Name: "stack.yml", Text: text}}})
		if (err == nil) != (test.says == "") || err != nil && !hasWords(err.Error(), "stack.yml: "+test.says) {
			t.Errorf("%q: %v", test.service, err)
		}
	}
}
