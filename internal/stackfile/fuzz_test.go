package stackfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"averazure/internal/ports"
)

// stolen is a value in the environment and in files that a stack file may try to read.
const stolen = "stolen-from-the-manager"

// FuzzParse reads files from strangers. Whatever is in them, reading them ends, with an
// error or with specs, and neither contains an environment variable or a file of this
// machine.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"HOME", "USER", "A", "TAG", "TOKEN"} {
		f.Setenv(name, stolen)
	}
	file := filepath.Join(f.TempDir(), "a.env")
	if err := os.WriteFile(file, []byte("TOKEN="+stolen+"\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	for _, seed := range seeds(f, file) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, stolen) {
			t.Skip()
		}
		said := ""
		input := Input{Files: []Source{{"a.yml", text}}, Variables: map[string]string{"LEVEL": "${TOKEN}$$", "NONE": ""},
			Beside: map[string][]byte{"a.env": []byte("A=${TOKEN}\nHOME\nLEVEL\nB='x'\n"), "b.env": []byte("\xef\xbb\xbfX=1\r\n"), "c.age": []byte("x")}}
		if parsed, err := Parse(input); err != nil {
			said = err.Error()
		} else if _, err := parsed.Specs("stack", nil, nil); err != nil { // names and labels of configs and secrets
			said = err.Error()
		} else {
			said = indented(t, specs(t, parsed)) + strings.Join(parsed.Warnings(nil), "\n")
			if again := indented(t, specs(t, parsed)); !strings.HasPrefix(said, again) {
				t.Errorf("a second conversion differs:\n%s\n%s", said, again)
			}
			parsed.PortWarnings(ports.Open{})
			parsed.NodeWarnings([]string{"a"})
			parsed.Unprovided(nil)
			parsed.PlainSecrets()
			for _, config := range parsed.Configs("stack") {
				said += string(config.Data)
			}
			parsed.Contents("stack")
		}
		if strings.Contains(said, stolen) {
			t.Errorf("read what is the manager's: %s", said)
		}
	})
}

// seeds are the stack files of the tests, and some that try to read variables and files of
// this machine.
func seeds(f *testing.F, file string) []string {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "stacks", "*.yml"))
	if err != nil || len(paths) == 0 {
		f.Fatal(err, paths)
	}
	var texts []string
	for _, path := range append(paths, shipped) {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for _, more := range []string{
		"    env_file: " + file, "    env_file: [" + file + ", {path: x}]", "    !!binary ZW52X2ZpbGU=: " + file, "    'env_file': " + file,
		"    \"\\x65nv_file\": " + file, "    environment: [TOKEN, HOME]", "    environment: {TOKEN: , HOME: ''}",
		"    command: $TOKEN ${HOME} ${A:-b} ${TAG-c} ${TOKEN:?d}", "    volumes: ['~/a:/b', './a:/b', '.:/c']",
		"    ulimits: {a: 99999999999999999999, b: {soft: 1e20, hard: 1}}", "    ports: ['1-65535', 99999999999999999999]",
		"    deploy: {mode: global, replicas: 1}", "    configs: [{source: c, mode: 1.5}]\nconfigs:\n  c: {file: " + file + "}",
		"    secrets: [s]\nsecrets:\n  s: {file: " + file + "}", "    ? [a]\n    : b", "    <<: [{image: b}, {tty: yes}]",
		"    networks: {n: {aliases: [a]}}\nnetworks:\n  n: {external: {name: m}}",
		"    env_file: [a.env, ./b.env]\n    environment: [A=$LEVEL]", "    env_file: $NONE", "    &a env_file: a.env\n  d: {<<: *a}",
		"    env_file: ${LEVEL}", "    configs: [c]\n    secrets: [s]\nconfigs:\n  c: {file: a.env, name: '${LEVEL:-x}'}\nsecrets:\n  s: {file: ./c.age, labels: {averazure.secrets: 9}}",
		"    credential_spec: {config: c}", "    volumes: [{type: image, source: a, target: /b}, {type: volume, volume: {subpath: c}}]",
	} {
		texts = append(texts, minimal+more+"\n")
	}
	return texts
}
