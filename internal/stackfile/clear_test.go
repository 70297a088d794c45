package stackfile

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestLooksSecret(t *testing.T) {
	for pair, want := range map[string]bool{
		"POSTGRES_PASSWORD=hunter2hunter2": true, "db_password=x-y-z": true, "API_KEY=0123456789abcdef": true, "TOKEN=abc": true,
		"JWT_SECRET=s3cr3t": true, "DATABASE_URL=postgres://app:pw@db/app": true, "X=ghp_0123456789abcdefghijABCDEFGHIJ": true,
		"STORAGE=DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abcd1234==": true, "K=-----BEGIN OPENSSH PRIVATE KEY-----": true,
		"POSTGRES_PASSWORD=": false, "POSTGRES_PASSWORD_FILE=/run/secrets/db": false, "PASSWORD=/run/secrets/db": false,
		"SEQ_FIRSTRUN_NOAUTHENTICATION=true": false, "ACCEPT_EULA=Y": false, "SECRET_NAME=db": false, "TOKEN_TTL=1h": false,
		"DATABASE_URL=postgres://db/app": false, "TOKEN_URL=https://login.example/token": false, "PASSWORD_REQUIRED=maybe": false,
		"KEYBOARD=de": false, "COMPASS=north": false, "PUBLIC_KEY=ssh-ed25519": false, "TOKENIZER=fast": false, "USE_TOKEN=true": false,
	} {
		name, value, _ := strings.Cut(pair, "=")
		if got := looksSecret(name, value); got != want {
			t.Errorf("%s: %v", pair, got)
		}
	}
}

// TestSecretsInPlainTextAreReported expects a warning with the line, in every form of an
// environment, and never with the value.
func TestSecretsInPlainTextAreReported(t *testing.T) {
	file, err := Parse(Input{
		Files: []Source{{"stack.yml", `services:
  list:
    image: nginx
    environment:
      - LEVEL=debug
      - DB_PASSWORD=the-value
  map:
    image: nginx
    environment:
      LEVEL: debug
      API_TOKEN: ${GIVEN}
  beside:
    image: nginx
    env_file: web.env
  well:
    image: nginx
    environment: {DB_PASSWORD_FILE: /run/secrets/db}
`}},
		Beside:    map[string][]byte{"web.env": []byte("SMTP_PASSWORD=the-value\n")},
		Variables: map[string]string{"GIVEN": "the-value"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, warning := range file.Warnings(nil) {
		place, rest, _ := strings.Cut(warning, ": ")
		lines = append(lines, place)
		if strings.Contains(rest, "the-value") {
			t.Errorf("the value is said: %s", warning)
		}
	}
	if want := []string{"stack.yml:14", "stack.yml:6", "stack.yml:11"}; !slices.Equal(lines, want) {
		t.Errorf("warned at %q, want %q", lines, want)
	}
}

func TestPlaceholders(t *testing.T) {
	for image, want := range map[string]bool{
		"ghcr.io/your-org/aver-api:latest": true, "your-name/api": true, "yours/api": false, "registry.example.com/api:1": true, "example/api": true,
		"nginx": false, "yourls": false, "ghcr.io/acme/api": false, "198.18.0.2:5000/aver-api": false, "example-voting-app": false,
	} {
		text := "services:\n  api:\n    image: " + strconv.Quote(image) + "\n"
		file := load(t, text)
		for given, want := range map[string]bool{"": want, "api": false} {
			if got := len(file.Warnings(map[string]string{given: "x"})) > 0; got != want {
				t.Errorf("%s, with %q put in: %v", image, given, got)
			}
		}
		if notes := file.Replaced(map[string]string{"api": "x"}); len(notes) != 1 || !strings.Contains(notes[0], ".yml:3: ") {
			t.Errorf("%s: noted %q", image, notes)
		}
	}
	if notes := load(t, "services:\n  api: {image: nginx}\n").Replaced(map[string]string{"web": "x"}); len(notes) > 0 {
		t.Errorf("noted %q", notes)
	}
}
