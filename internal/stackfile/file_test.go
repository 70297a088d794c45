package stackfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts stack files into a directory of their own and returns their paths.
func write(t *testing.T, contents ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, content := range contents {
		path := filepath.Join(dir, string(rune('a'+i))+".yml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func load(t *testing.T, contents ...string) *File {
	t.Helper()
	file, err := Load(write(t, contents...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

const minimal = `services:
  api:
    image: nginx
`

func TestLoadNamesFileAndLine(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"not YAML":            {"services:\n  api:\n  image: [\n", "a.yml:"},
		"a tab":               {"services:\n\tapi: {}\n", "a.yml:2: not valid YAML"},
		"wrong, key twice":    {minimal + "    image: httpd\n    image: Nginx\n", `a.yml:5: service "api" has the image "Nginx"`},
		"unknown, key twice":  {minimal + "    deploy: {}\n    deploy: {a: b}\n", `a.yml:5: services.api.deploy Additional property a is not allowed`},
		"not a mapping":       {"- services\n", "a.yml: not valid YAML: top-level object must be a mapping"},
		"empty":               {"", "a.yml: not valid YAML: top-level object must be a mapping"},
		"no services":         {"services: {}\n", "a.yml:1: the file has no services"},
		"unknown key":         {minimal + "    imagee: x\n", "a.yml:4: services.api Additional property imagee is not allowed"},
		"unknown section":     {minimal + "servics: {}\n", "a.yml:4: (root) Additional property servics is not allowed"},
		"wrong type":          {"services:\n  api:\n    image: nginx\n    deploy: 3\n", "a.yml:4: services.api.deploy must be a mapping"},
		"wrong port":          {minimal + "    ports:\n      - \"80:http\"\n", "a.yml:5: "},
		"wrong duration":      {minimal + "    stop_grace_period: 3 weeks\n", "a.yml:4: services.api.stop_grace_period"},
		"old version":         {"version: \"2.4\"\n" + minimal, "a.yml:1: version 2.4 is not one that docker stack deploy knows"},
		"forbidden":           {minimal + "    mem_limit: 1g\n", "a.yml:4: service \"api\" sets mem_limit, which docker stack deploy does not support: "},
		"newer than the node": {minimal + "    oom_score_adj: 5\n", "a.yml:4: services.api Additional property oom_score_adj is not allowed"},
		"variable":            {"services:\n  api:\n    image: nginx:${TAG}\n", "a.yml:3: TAG has no value; set averazure:stackVariables, or give it a default as ${TAG:-value}"},
		"variable, short":     {"services:\n  api:\n    image: nginx:$TAG\n", "a.yml:3: TAG has no value; set averazure:stackVariables, or give it a default as ${TAG:-value}"},
		"no image":            {"services:\n  api:\n    build: .\n", "a.yml:2: service \"api\" names no image"},
		"bad image":           {"services:\n  api:\n    image: Nginx\n", "a.yml:3: service \"api\" has the image"},
		"unknown constraint":  {minimal + "    deploy:\n      placement:\n        constraints: [node.role==manager, node.label.disk != ssd]\n", "a.yml:6: service \"api\" has the constraint \"node.label.disk != ssd\""},
		"no constraint":       {minimal + "    deploy:\n      placement:\n        constraints: [node.role=manager]\n", "a.yml:6: service \"api\" has the constraint"},
		"unknown network":     {minimal + "    networks: [front]\n", "a.yml:4: service \"api\" is on the network \"front\""},
		"unknown secret":      {minimal + "    secrets: [token]\n", "a.yml:4: service \"api\" uses the secret \"token\""},
		"unknown config":      {minimal + "    configs: [conf]\n", "a.yml:4: service \"api\" uses the config \"conf\""},
		"unknown volume":      {minimal + "    volumes: [\"data:/data\"]\n", "a.yml:4: service \"api\" mounts the volume \"data\""},
		"one-letter volume":   {minimal + "    volumes: [\"v:/v\"]\nvolumes: {v: {}}\n", "mounts something at \"v:/v\", which is not an absolute path"},
		"relative bind":       {minimal + "    volumes: [\"./conf:/conf\"]\n", "a.yml:4: service \"api\" mounts "},
		"config from a file":  {minimal + "configs:\n  conf:\n    file: ./conf\n", "a.yml:6: config \"conf\" is the file conf, which does not lie beside the stack file"},
		"secret from a file":  {minimal + "secrets:\n  token:\n    file: ./token\n", "a.yml:6: secret \"token\" is the file token, which does not lie beside the stack file"},
		"env_file":            {minimal + "    env_file: none.env\n", "a.yml:4: env_file of service \"api\" is the file none.env, which does not lie beside the stack file"},
		"env_file, merged":    {"x-a: &a\n  env_file: none.env\nservices:\n  api:\n    <<: *a\n    image: nginx\n", "a.yml:2: env_file of service \"api\" is the file none.env, which does not lie beside the stack file"},
		"variable from afar":  {minimal + "    environment:\n      A: \"\"\n      TOKEN:\n", "a.yml:6: service \"api\" passes on TOKEN, which has no value; set averazure:stackVariables"},
		"the same in a list":  {minimal + "    environment:\n      - A=\n      - TOKEN\n", "a.yml:4: service \"api\" passes on TOKEN, which has no value; set averazure:stackVariables"},
		"no value, merged":    {"x-a: &a\n  TOKEN:\nservices:\n  api:\n    image: nginx\n    environment:\n      <<: *a\n", "a.yml:2: service \"api\" passes on TOKEN, which has no value; set averazure:stackVariables"},
		"env_file in base64":  {minimal + "    !!binary ZW52X2ZpbGU=: /etc/passwd\n", "a.yml:2: env_file of service \"api\" is /etc/passwd, which does not lie below the stack file's folder"},
		"variable, merged":    {"x-a: &a [\"$TAG\"]\nservices:\n  api:\n    image: nginx\n    command: *a\n", "a.yml:1: TAG has no value; set averazure:stackVariables"},
		"variable, required":  {"services:\n  api:\n    image: \"nginx:${TAG:?none}\"\n", "a.yml:3: TAG has no value (none); set averazure:stackVariables"},
		"an unknown alias":    {"services:\n  api: *a\n", "a.yml:2: not valid YAML: unknown anchor 'a' referenced"},
		"a key of no text":    {minimal + "    labels:\n      on: b\n", "a.yml:4: services.api.labels has the key true, which is not a text"},
		"little memory":       {minimal + "    deploy: {resources: {limits: {memory: 3M}}}\n", "a.yml:4: service \"api\" has 3145728 bytes of memory"},
		"little reserved":     {minimal + "    deploy: {resources: {reservations: {memory: 100k}}}\n", "a.yml:4: service \"api\" has 102400 bytes of memory"},
		"little CPU":          {minimal + "    deploy: {resources: {limits: {cpus: '0.0001'}}}\n", "a.yml:4: service \"api\" has 0.0001 CPUs"},
		"a network's dot":     {minimal + "    networks: [a.b]\nnetworks: {a.b: {}}\n", "a.yml:5: the network \"a.b\" has a name that Docker refuses"},
		"global and replicas": {minimal + "    deploy: {mode: global, replicas: 2}\n", "a.yml:2: service api: replicas can only be used with"},
		"name with a dot":     {"services:\n  a.b:\n    image: nginx\n", "a.yml:2: service \"a.b\" has a name that Docker refuses"},
		"credential_spec":     {minimal + "    credential_spec: {file: a}\n", "a.yml:4: service \"api\" has a credential_spec"},
		"an image mounted":    {minimal + "    volumes:\n      - {type: image, source: a, target: /a}\n", "a.yml:5: service \"api\" mounts an image"},
		"a subpath mounted":   {minimal + "    volumes:\n      - {type: volume, source: a, target: /a, volume: {subpath: b}}\n", "a.yml:5: service \"api\" mounts a subpath"},
		"too many ports":      {minimal + "    ports:\n      - 1000-2000\n      - \"3000-3999:3000-3999\"\n", "a.yml:6: service \"api\" publishes 3000-3999:3000-3999, and the file more than 2000 ports"},
		"a secret of nothing": {minimal + "secrets:\n  token: {}\n", "a.yml:5: secrets.token names no file"},
		"a config's driver":   {minimal + "configs:\n  conf: {driver: vault}\n", "a.yml:5: configs.conf Additional property driver"},
		"another operator":    {"services:\n  api:\n    image: nginx:${TAG:+x}\n", "a.yml:3: ${TAG:+...} is not known to docker stack deploy"},
		"a number too large":  {minimal + "    ulimits: {core: {soft: 99999999999999999999, hard: 1}}\n", "a.yml: Docker cannot read this: interface conversion"},
		"wrong, merged":       {"x-a: &a {imagee: b}\nservices:\n  api:\n    <<: *a\n    image: nginx\n", "a.yml:1: services.api Additional property imagee is not allowed"},
		"too deep":            {"x-a: " + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + "\n" + minimal, "a.yml:1: is nested more than 60 deep"},
		"too many services":   {"services:\n" + limited("  s%d: {image: a}\n", maxServices+1), "a.yml:1: there are 1001 services in it"},
		"too long, aliases":   {"x-a: &a " + strings.Repeat("b", 1000) + "\nx-b: [" + strings.Repeat("*a,", maxText/1000+2) + "]\n" + minimal, "a.yml:2: makes the stack file longer than"},
		"too much in mounts":  {mounts(5000), "a.yml:4: service \"api\" mounts the volume \"vol\", and with it the labels and options of all mounts are longer"},
		"not UTF-8":           {minimal + "    command: \xff\n", "a.yml: is not text in UTF-8"},
		"too large":           {minimal + strings.Repeat("#", MaxBytes), "a.yml: the stack file is larger than 409600 bytes"},
		"port of the node":    {minimal + "    ports:\n      - \"2377:80\"\n", "a.yml:5: service \"api\" publishes 2377/tcp, which on every node belongs to the Swarm's management"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(write(t, test.content), nil)
			if err == nil {
				t.Fatal("was accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestLoadReportsEveryFile(t *testing.T) {
	_, err := Load(write(t, minimal+"    imagee: x\n", minimal+"    deploy: 3\n"), nil)
	if err == nil || !strings.Contains(err.Error(), "a.yml:4:") || !strings.Contains(err.Error(), "b.yml:4:") {
		t.Errorf("want both files named, got %v", err)
	}
	if _, err := Load([]string{"/nonexistent/stack.yml"}, nil); err == nil || !strings.Contains(err.Error(), "/nonexistent/stack.yml: cannot be read") {
		t.Errorf("missing file: %v", err)
	}
	older := "version: \"3.3\"\n" + minimal
	if _, err := Load(write(t, older, "version: \"3.8\"\n"+minimal), nil); err != nil {
		t.Errorf("two versions: %v", err)
	}
	if _, err := Load(nil, nil); err == nil {
		t.Error("no file at all was accepted")
	}
}

// One mistake in every line is told a few times.
func TestLoadReportsNotTooMuch(t *testing.T) {
	_, err := Load(write(t, minimal+"    environment: ["+limited("B%d, ", 101)+"]\n"), nil)
	if lines := strings.Split(err.Error(), "\n"); len(lines) != maxProblems+1 || !strings.Contains(lines[maxProblems], "a.yml: and 81 more of them") {
		t.Errorf("got %d lines:\n%v", len(lines), err)
	}
}

// The bounds hold for all files together.
func TestLoadBoundsAllFiles(t *testing.T) {
	half := "x-a: [" + strings.Repeat("a,", maxValues/2) + "]\n" + minimal
	if _, err := Load(write(t, half), nil); err != nil {
		t.Error(err)
	}
	if _, err := Load(write(t, half, half), nil); err == nil || !strings.Contains(err.Error(), "b.yml:1: makes the stack file more than 50000 values") {
		t.Errorf("twice half: %v", err)
	}
	if _, err := Load(write(t, minimal+strings.Repeat("#", MaxBytes/2), minimal+strings.Repeat("#", MaxBytes/2)), nil); err == nil || !strings.Contains(err.Error(), "is larger than") {
		t.Errorf("twice half the size: %v", err)
	}
}

// Two previews of one file say the same.
func TestLoadReportsInOneOrder(t *testing.T) {
	text := "services:\n"
	for _, name := range []string{"f", "b", "e", "a", "d", "c"} {
		text += "  " + name + ": {image: x, environment: [B, A]}\n"
	}
	path := write(t, text)
	_, first := Load(path, nil)
	for range 20 {
		if _, err := Load(path, nil); err == nil || err.Error() != first.Error() {
			t.Fatalf("first\n%v\nthen\n%v", first, err)
		}
	}
}

func TestLoadAcceptsWhatDockerAccepts(t *testing.T) {
	for name, content := range map[string]string{
		"version 3":           "version: \"3\"\n" + minimal,
		"version 3.8":         "version: \"3.8\"\n" + minimal,
		"default of variable": "services:\n  api:\n    image: nginx:${TAG:-1.27}\n",
		"a dollar sign":       minimal + "    command: echo $$HOME $${X}\n",
		"default network":     minimal + "    networks: [default]\n",
		"extension and merge": "x-log: &log\n  driver: json-file\nservices:\n  api:\n    image: nginx\n    logging:\n      <<: *log\n",
		"absolute bind":       minimal + "    volumes: [\"/etc/localtime:/etc/localtime:ro\"]\n",
		"anonymous volume":    minimal + "    volumes: [\"/cache\"]\n",
	} {
		if _, err := Load(write(t, content), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
