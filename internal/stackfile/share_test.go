package stackfile

import "testing"

func TestShareLabel(t *testing.T) {
	const volume, managers = "    volumes: [data:/data]\n", "placement: {constraints: [node.role == manager]}"
	for _, test := range []struct{ service, says string }{
		{volume + "    deploy: {labels: {averazure.share: 'true'}, " + managers + "}\n", ""},
		{volume + "    deploy: {replicas: 1, labels: ['averazure.share=true'], " + managers + "}\n", ""},
		{"    deploy: {labels: {averazure.share: 'false'}}\n", ""},
		{volume + "    deploy: {labels: {averazure.share: 'yes'}, " + managers + "}\n", `"yes" true false`},
		{volume + "    labels: {averazure.share: 'true'}\n", `deploy.labels`},
		{"    volumes: ['/srv:/data']\n    deploy: {labels: {averazure.share: 'true'}, " + managers + "}\n", `"db" averazure.share volume`},
		{volume + "    deploy: {replicas: 2, labels: {averazure.share: 'true'}, " + managers + "}\n", `"db" averazure.share one`},
		{volume + "    deploy: {labels: {averazure.share: 'true'}}\n", `"db" averazure.share node.role`},
		{volume + "    deploy: {mode: global, labels: {averazure.share: 'true'}, " + managers + "}\n", `"db" averazure.share one`},
	} {
		text := "services:\n  db:\n    image: db:1\n" + test.service + "volumes: {data: {}}\n"
		_, err := Parse(Input{Files: []Source{{Name: "stack.yml", Text: text}}})
		if (err == nil) != (test.says == "") || err != nil && !hasWords(err.Error(), "stack.yml: "+test.says) {
			t.Errorf("%q: %v", test.service, err)
		}
	}
}
