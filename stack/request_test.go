package stack

import (
	"maps"
	"slices"
	"testing"

	"averazure/internal/drift"
	"averazure/internal/recorder"
	"averazure/internal/stackfile"
)

// The request contains the values that only an update knows, so that a push is read with
// the same values.
func TestRequestHasTheVariables(t *testing.T) {
	for context, image := range map[string]string{"app": "", "": "ghcr.io/your-org/aver-api:latest"} {
		config := project(t)
		config.AppContext, config.StackVariables = context, map[string]string{"TAG": "1.2"}
		r := &recorder.Recorder{}
		if err := run(t, r, arguments(t, config)); err != nil {
			t.Fatal(err)
		}
		if image == "" {
			image = recorder.At(r.Exports(), "digest").(string)
		}
		request, err := stackfile.ReadRequest("stdin", []byte(recorder.At(r.Get(drift.CommandType, "aver-deploy").Inputs, "stdin").(string)))
		want := map[string]string{
			"TAG": "1.2", "FIRST_MANAGER": "aver-manager", "PREFIX": "aver", "STACK_NAME": "aver", "REGISTRY": "ghcr.io",
			"APP_IMAGE": image, "ENTRY_ADDRESS": "203.0.113.99", "ENTRY_NAME": "aver-lb.example", "ENTRY_NAMES": "aver-lb.example, aver.example",
			"ACME_SERVER": "https://acme-v02.api.letsencrypt.org/directory", "ACME_EMAIL": "",
		}
		if err != nil || !maps.Equal(request.Variables, want) {
			t.Errorf("variables %v, want %v (%v)", request.Variables, want, err)
		}
	}
}

// A secret's file that is not encrypted must be readable neither in the state nor in a
// preview.
func TestPlainSecretStaysSecret(t *testing.T) {
	for name, secret := range map[string]bool{"password.txt": true, "password.age": false} {
		config := project(t)
		put(t, ".", name, "value-of-the-secret")
		put(t, ".", "secret.yml", "services: {api: {image: nginx, secrets: [password]}}\nsecrets:\n  password: {file: "+name+"}\n")
		config.StackFiles = []string{"secret.yml"}
		r := &recorder.Recorder{}
		if err := run(t, r, arguments(t, config)); err != nil {
			t.Fatal(err)
		}
		command := r.Get(drift.CommandType, "aver-deploy")
		request, err := stackfile.ReadRequest("stdin", []byte(recorder.At(command.Inputs, "stdin").(string)))
		if err != nil || string(request.Beside[name]) != "value-of-the-secret" {
			t.Errorf("%s: the request has %q (%v)", name, request.Beside, err)
		}
		if got := recorder.IsSecret(command.Inputs, "stdin"); got != secret {
			t.Errorf("%s: the request is secret: %v", name, got)
		}
		if warned := slices.ContainsFunc(r.Logs(), func(line string) bool { return hasWords(line, `secret.yml:3: "password"`) }); warned != secret {
			t.Errorf("%s: warned is %v: %q", name, warned, r.Logs())
		}
	}
}
