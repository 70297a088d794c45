package stackfile

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
		"a network mistyped":  {minimal + "    networks: [frnt]\nnetworks: {front: {}}\n", "a.yml:4: api frnt did you mean front?"},
		"a secret mistyped":   {minimal + "    secrets: [site_tokn]\nsecrets: {site_token: {external: true}}\n", "a.yml:4: api site_tokn did you mean site_token?"},
		"a config mistyped":   {minimal + "    configs: [cady]\nconfigs: {caddy: {external: true}}\n", "a.yml:4: api cady did you mean caddy?"},
		"no size":             {minimal + "    deploy:\n      resources:\n        limits:\n          memory: 128MBB\n", `a.yml:7: "api" deploy.resources.limits.memory "128MBB"`},
		"a negative number":   {minimal + "    healthcheck:\n      retries: -3\n", `a.yml:5: "api" healthcheck.retries -3`},
		"negative, rollback":  {minimal + "    deploy:\n      rollback_config:\n        parallelism: -1\n", `a.yml:6: "api" deploy.rollback_config.parallelism -1`},
		"an empty section":    {minimal + "    volumes:\n      - a:/a\n      - ':/b'\n", `a.yml:6: "api" volumes.1 :/b`},
		"an open quote":       {minimal + "    init: true\n    command: \"'a\"\n", `a.yml:5: "api" command quote`},
		"no CPUs":             {minimal + "    deploy:\n      resources:\n        limits:\n          cpus: one\n", `a.yml:7: "api" "one"`},
		"no mode":             {minimal + "    deploy:\n      mode: some\n", `a.yml:5: "api" "some" replicated-job`},
		"a wrong variable":    {minimal + "    deploy:\n      replicas: ${N:-two}\n", `a.yml:5: services.api.deploy.replicas integer "two"`},
		"a wrong boolean":     {minimal + "    init: true\n    tty: ${N:-two}\n", `a.yml:5: services.api.tty boolean "two"`},
		"an integer":          {minimal + "    deploy: {replicas: two}\n", "a.yml:4: an integer"},
		"in two services":     {minimal + "    shm_size: 1\n  b:\n    image: a\n    deploy: {replicas: -1}\n  c:\n    image: a\n    deploy:\n      replicas: -2\n", `a.yml:7: "b" a.yml:11: "c"`},
		"indented by three":   {"services:\n  a:\n    image: nginx\n  api:\n    image: nginx\n    command: [a]\n   ports: [80:80]\n    init: true\n", "a.yml:7: indented"},
		"indented, the top":   {"services: {}\n x-a: b\n", "a.yml:2:"},
		"indented, a list":    {minimal + "    command:\n      - a\n      - b\n     - c\n", "a.yml:7: indented"},
		"after a value":       {minimal + "    labels:\n      b: c\n    command: \"a\" b\n", "a.yml:6:"},
		"a tab":               {"services:\n\tapi: {}\n", "a.yml:2:"},
		"wrong, key twice":    {minimal + "    image: httpd\n    image: Nginx\n", "a.yml:5: api Nginx"},
		"unknown, key twice":  {minimal + "    deploy: {}\n    deploy: {a: b}\n", "a.yml:5: services.api.deploy"},
		"not a mapping":       {"- services\n", "a.yml: top-level"},
		"empty":               {"", "a.yml: top-level"},
		"no services":         {"services: {}\n", "a.yml:1:"},
		"unknown key":         {minimal + "    imagee: x\n", "a.yml:4: services.api imagee"},
		"unknown section":     {minimal + "servics: {}\n", "a.yml:4: (root) servics"},
		"wrong type":          {"services:\n  api:\n    image: nginx\n    deploy: 3\n", "a.yml:4: services.api.deploy"},
		"wrong port":          {minimal + "    ports:\n      - \"80:http\"\n", "a.yml:5:"},
		"wrong duration":      {minimal + "    stop_grace_period: 3 weeks\n", "a.yml:4: services.api.stop_grace_period"},
		"old version":         {"version: \"2.4\"\n" + minimal, "a.yml:1: 2.4"},
		"forbidden":           {minimal + "    mem_limit: 1g\n", "a.yml:4: api mem_limit"},
		"newer than the node": {minimal + "    oom_score_adj: 5\n", "a.yml:4: services.api oom_score_adj"},
		"variable":            {"services:\n  api:\n    image: nginx:${TAG}\n", "a.yml:3: TAG averazure:stackVariables"},
		"variable, short":     {"services:\n  api:\n    image: nginx:$TAG\n", "a.yml:3: TAG averazure:stackVariables"},
		"no image":            {"services:\n  api:\n    build: .\n", "a.yml:2: api"},
		"bad image":           {"services:\n  api:\n    image: Nginx\n", "a.yml:3: api Nginx"},
		"unknown constraint":  {minimal + "    deploy:\n      placement:\n        constraints: [node.role==manager, node.label.disk != ssd]\n", "a.yml:6: api node.label.disk"},
		"no constraint":       {minimal + "    deploy:\n      placement:\n        constraints: [node.role=manager]\n", "a.yml:6: api node.role=manager"},
		"unknown network":     {minimal + "    networks: [front]\n", "a.yml:4: api front"},
		"unknown secret":      {minimal + "    secrets: [token]\n", "a.yml:4: api token"},
		"unknown config":      {minimal + "    configs: [conf]\n", "a.yml:4: api conf"},
		"unknown volume":      {minimal + "    volumes: [\"data:/data\"]\n", "a.yml:4: api data"},
		"one-letter volume":   {minimal + "    volumes: [\"v:/v\"]\nvolumes: {v: {}}\n", "v:/v"},
		"relative bind":       {minimal + "    volumes: [\"./conf:/conf\"]\n", "a.yml:4: api ./conf"},
		"config from a file":  {minimal + "configs:\n  conf:\n    file: ./conf\n", "a.yml:6: conf"},
		"secret from a file":  {minimal + "secrets:\n  token:\n    file: ./token\n", "a.yml:6: token"},
		"env_file":            {minimal + "    env_file: none.env\n", "a.yml:4: env_file api none.env"},
		"env_file, merged":    {"x-a: &a\n  env_file: none.env\nservices:\n  api:\n    <<: *a\n    image: nginx\n", "a.yml:2: env_file api none.env"},
		"variable from afar":  {minimal + "    environment:\n      A: \"\"\n      TOKEN:\n", "a.yml:6: api TOKEN averazure:stackVariables"},
		"the same in a list":  {minimal + "    environment:\n      - A=\n      - TOKEN\n", "a.yml:4: api TOKEN averazure:stackVariables"},
		"no value, merged":    {"x-a: &a\n  TOKEN:\nservices:\n  api:\n    image: nginx\n    environment:\n      <<: *a\n", "a.yml:2: api TOKEN averazure:stackVariables"},
		"env_file in base64":  {minimal + "    !!binary ZW52X2ZpbGU=: /etc/passwd\n", "a.yml:2: env_file api /etc/passwd"},
		"variable, merged":    {"x-a: &a [\"$TAG\"]\nservices:\n  api:\n    image: nginx\n    command: *a\n", "a.yml:1: TAG averazure:stackVariables"},
		"variable, required":  {"services:\n  api:\n    image: \"nginx:${TAG:?none}\"\n", "a.yml:3: TAG (none) averazure:stackVariables"},
		"an unknown alias":    {"services:\n  api: *a\n", "a.yml:2: 'a'"},
		"a key of no text":    {minimal + "    labels:\n      on: b\n", "a.yml:4: services.api.labels true"},
		"little memory":       {minimal + "    deploy: {resources: {limits: {memory: 3M}}}\n", "a.yml:4: api 3145728"},
		"little reserved":     {minimal + "    deploy: {resources: {reservations: {memory: 100k}}}\n", "a.yml:4: api 102400"},
		"little CPU":          {minimal + "    deploy: {resources: {limits: {cpus: '0.0001'}}}\n", "a.yml:4: api 0.0001"},
		"a network's dot":     {minimal + "    networks: [a.b]\nnetworks: {a.b: {}}\n", "a.yml:5: a.b"},
		"global and replicas": {minimal + "    deploy: {mode: global, replicas: 2}\n", "a.yml:2: api replicas"},
		"name with a dot":     {"services:\n  a.b:\n    image: nginx\n", "a.yml:2: a.b"},
		"credential_spec":     {minimal + "    credential_spec: {file: a}\n", "a.yml:4: api credential_spec"},
		"an image mounted":    {minimal + "    volumes:\n      - {type: image, source: a, target: /a}\n", "a.yml:5: api image"},
		"a subpath mounted":   {minimal + "    volumes:\n      - {type: volume, source: a, target: /a, volume: {subpath: b}}\n", "a.yml:5: api subpath"},
		"too many ports":      {minimal + "    ports:\n      - 1000-2000\n      - \"3000-3999:3000-3999\"\n", "a.yml:6: api 3000-3999:3000-3999 2000"},
		"a secret of nothing": {minimal + "secrets:\n  token: {}\n", "a.yml:5: secrets.token"},
		"a config's driver":   {minimal + "configs:\n  conf: {driver: vault}\n", "a.yml:5: configs.conf driver"},
		"another operator":    {"services:\n  api:\n    image: nginx:${TAG:+x}\n", "a.yml:3: ${TAG:+...}"},
		"a number too large":  {minimal + "    ulimits: {core: {soft: 99999999999999999999, hard: 1}}\n", "a.yml:4: api ulimits"},
		"wrong, merged":       {"x-a: &a {imagee: b}\nservices:\n  api:\n    <<: *a\n    image: nginx\n", "a.yml:1: services.api imagee"},
		"too deep":            {"x-a: " + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + "\n" + minimal, "a.yml:1: 60"},
		"too many services":   {"services:\n" + limited("  s%d: {image: a}\n", maxServices+1), "a.yml:1: 1001 1000"},
		"too long, aliases":   {"x-a: &a " + strings.Repeat("b", 1000) + "\nx-b: [" + strings.Repeat("*a,", maxText/1000+2) + "]\n" + minimal, "a.yml:2: bytes"},
		"too much in mounts":  {mounts(5000), "a.yml:4: api vol bytes"},
		"not UTF-8":           {minimal + "    command: \xff\n", "a.yml: UTF-8"},
		"too large":           {minimal + strings.Repeat("#", MaxBytes), "a.yml: 409600"},
		"port of the node":    {minimal + "    ports:\n      - \"2377:80\"\n", "a.yml:5: api 2377/tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(write(t, test.content), nil)
			if err == nil {
				t.Fatal("was accepted")
			}
			mustName(t, err, test.want)
		})
	}
}

// mustName expects a message to contain each of the words: a place, a key, a value.
func mustName(t *testing.T, err error, words string) {
	t.Helper()
	if !hasWords(errorText(err), words) {
		t.Errorf("got  %v\nwant %s", err, words)
	}
}

// hasWords tells whether a text has each of the words.
func hasWords(text, words string) bool {
	return !slices.ContainsFunc(strings.Fields(words), func(word string) bool { return !strings.Contains(text, word) })
}

func TestLoadReportsEveryFile(t *testing.T) {
	_, err := Load(write(t, minimal+"    imagee: x\n", minimal+"    deploy: 3\n"), nil)
	if err == nil || !strings.Contains(err.Error(), "a.yml:4:") || !strings.Contains(err.Error(), "b.yml:4:") {
		t.Errorf("want both files named, got %v", err)
	}
	_, err = Load([]string{"/nonexistent/stack.yml"}, nil)
	mustName(t, err, "/nonexistent/stack.yml:")
	older := "version: \"3.3\"\n" + minimal
	if _, err := Load(write(t, older, "version: \"3.8\"\n"+minimal), nil); err != nil {
		t.Errorf("two versions: %v", err)
	}
	if _, err := Load(nil, nil); err == nil {
		t.Error("no file at all was accepted")
	}
}

// A mistake that is in every line is reported only a few times.
func TestLoadReportsNotTooMuch(t *testing.T) {
	_, err := Load(write(t, minimal+"    environment: ["+limited("B%d, ", 101)+"]\n"), nil)
	if lines := strings.Split(err.Error(), "\n"); len(lines) != maxProblems+1 || !strings.Contains(lines[maxProblems], " 81 ") {
		t.Errorf("got %d lines:\n%v", len(lines), err)
	}
}

// The bounds hold for all files together.
func TestLoadBoundsAllFiles(t *testing.T) {
	half := "x-a: [" + strings.Repeat("a,", maxValues/2) + "]\n" + minimal
	if _, err := Load(write(t, half), nil); err != nil {
		t.Error(err)
	}
	_, err := Load(write(t, half, half), nil)
	mustName(t, err, "b.yml:1: 50000")
	_, err = Load(write(t, minimal+strings.Repeat("#", MaxBytes/2), minimal+strings.Repeat("#", MaxBytes/2)), nil)
	mustName(t, err, strconv.Itoa(MaxBytes))
}

// Two previews of the same file report the same problems in the same order.
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
