package stack

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// site is where the tests' stacks run.
var site = Site{FirstManager: "aver-manager", Prefix: "aver", Registry: "ghcr.io", EntryNames: []string{"aver-000.example", "aver-111.example"}}

// problems are all that reading and validating a configuration find.
func problems(c Config) []error {
	file, problems := c.Read(site)
	return append(c.Validate(file), problems...)
}

func TestValidateNamesTheKey(t *testing.T) {
	good := project(t)
	if problems := problems(good); len(problems) > 0 {
		t.Fatalf("the good configuration: %v", problems)
	}
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, ".", "broken.yml", "services:\n  api:\n    image: nginx\n    imagee: x\n")
	put(t, ".", "variable.yml", "services:\n  api:\n    image: nginx:${TAG}\n")
	put(t, ".", "long.yml", "services:\n  api: {image: nginx}\n  "+strings.Repeat("x", 59)+": {image: nginx}\n")
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"stack name":     {func(c *Config) { c.StackName = "Aver; rm" }, "averazure:stackName: "},
		"no file":        {func(c *Config) { c.StackFiles = nil }, "averazure:stackFiles: "},
		"missing file":   {func(c *Config) { c.StackFiles = []string{"none.yml"} }, "averazure:stackFiles: none.yml: "},
		"broken file":    {func(c *Config) { c.StackFiles = []string{"broken.yml"} }, "averazure:stackFiles: broken.yml:4: "},
		"long name":      {func(c *Config) { c.StackFiles = []string{"long.yml"} }, "averazure:stackFiles: long.yml:3: "},
		"variable":       {func(c *Config) { c.StackFiles = []string{"variable.yml"} }, "averazure:stackFiles: variable.yml:3: TAG "},
		"name":           {func(c *Config) { c.StackVariables = map[string]string{"a b": "x"} }, "averazure:stackVariables: \"a b\" "},
		"value":          {func(c *Config) { c.StackVariables = map[string]string{"A": strings.Repeat("x", 5000)} }, "averazure:stackVariables: "},
		"given":          {func(c *Config) { c.StackVariables = map[string]string{"APP_IMAGE": "x"} }, "averazure:stackVariables: APP_IMAGE "},
		"service":        {func(c *Config) { c.AppService = "web" }, "averazure:appService: "},
		"image with tag": {func(c *Config) { c.AppImage = "api:latest" }, "averazure:appImage: "},
		"image upper":    {func(c *Config) { c.AppImage = "Api" }, "averazure:appImage: "},
		"no context":     {func(c *Config) { c.AppContext = "none" }, "averazure:appContext: none "},
		"no Dockerfile":  {func(c *Config) { c.AppContext = "empty" }, "averazure:appContext: empty "},
		"ACME server":    {func(c *Config) { c.ACMEServer = "acme-v02.api.letsencrypt.org/directory" }, "averazure:acmeServer: "},
		"ACME over HTTP": {func(c *Config) { c.ACMEServer = "http://acme.example/directory" }, "averazure:acmeServer: "},
		"public address": {func(c *Config) { c.ACMEServer = "http://203.0.113.1/directory" }, "averazure:acmeServer: "},
		"ACME in quotes": {func(c *Config) { c.ACMEServer = "https://acme.example/\"" }, "averazure:acmeServer: "},
		"ACME nowhere":   {func(c *Config) { c.ACMEServer = "https://:443/directory" }, "averazure:acmeServer: "},
		"ACME account":   {func(c *Config) { c.ACMEServer = "https://me:secret@acme.example/directory" }, "averazure:acmeServer: "},
		"ACME split":     {func(c *Config) { c.ACMEServer = "https://acme.example/a\u00a0b" }, "averazure:acmeServer: "},
		"ACME e-mail":    {func(c *Config) { c.ACMEEmail = "me" }, "averazure:acmeEmail: "},
		"given name":     {func(c *Config) { c.StackVariables = map[string]string{"ENTRY_NAME": "x"} }, "averazure:stackVariables: ENTRY_NAME "},
		"absolute":       {func(c *Config) { c.AppContext = "/srv" }, "averazure:appContext: /srv "},
	} {
		config := good
		test.change(&config)
		problems := problems(config)
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, problems, test.want)
		}
	}
	for _, server := range []string{"https://acme.example/directory", "http://10.255.255.254/dir", "http://192.168.1.1:14000/dir"} {
		config := good
		if config.ACMEServer = server; len(problems(config)) > 0 {
			t.Errorf("%s: %v", server, problems(config))
		}
	}
	config := good
	config.StackName, config.AppContext, config.StackFiles = "", "none", nil
	if problems := problems(config); len(problems) != 3 {
		t.Errorf("want three problems at once, got %v", problems)
	}
}

// Stack files may use the variables that the program sets, and those of the configuration.
func TestStackFilesTakeVariables(t *testing.T) {
	config := project(t)
	put(t, ".", "variable.yml", `services:
  api:
    image: ${APP_IMAGE}
    environment: [FIRST_MANAGER, PREFIX, STACK_NAME, REGISTRY, ENTRY_ADDRESS, "TAG=${TAG}"]
`)
	config.StackFiles, config.StackVariables = []string{"variable.yml"}, map[string]string{"TAG": "1.2"}
	file, problems := config.Read(site)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	specs, err := file.Specs("aver", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	container := specs.Services["aver_api"].TaskTemplate.ContainerSpec
	want := []string{"ENTRY_ADDRESS=192.0.2.1", "FIRST_MANAGER=aver-manager", "PREFIX=aver", "REGISTRY=ghcr.io", "STACK_NAME=aver", "TAG=1.2"}
	if slices.Sort(container.Env); container.Image != "ghcr.io/your-org/aver-api:latest" || !slices.Equal(container.Env, want) {
		t.Errorf("image %s, environment %q", container.Image, container.Env)
	}
}

// further are the problems that reading further stacks finds.
func further(t *testing.T, stacks map[string]string, change func(*Config)) ([]Further, []error) {
	t.Helper()
	config := project(t)
	config.Stacks = stacks
	if change != nil {
		change(&config)
	}
	main, problems := config.Read(site)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	put(t, ".", "stacks/web/stack.yml", "services:\n  page:\n    image: nginx\n    hostname: ${STACK_NAME}\n    ports: ['9090:80']\n")
	put(t, ".", "stacks/twice/stack.yml", "services:\n  page: {image: nginx, ports: ['9090:80']}\n")
	put(t, ".", "stacks/main/stack.yml", "services:\n  page: {image: nginx, ports: ['8080:80']}\n")
	return config.ReadFurther(site, main)
}

func TestFurtherStacks(t *testing.T) {
	all, problems := further(t, map[string]string{"web": "stack-repo"}, nil)
	if len(problems) > 0 || len(all) != 1 || all[0].Name != "web" || all[0].Deploy {
		t.Fatal(all, problems)
	}
	specs, err := all[0].File.Specs("web", nil, nil)
	if err != nil || specs.Services["web_page"].TaskTemplate.ContainerSpec.Hostname != "web" {
		t.Errorf("STACK_NAME is not its own: %v %v", specs, err)
	}
	for name, test := range map[string]struct {
		stacks map[string]string
		want   string
	}{
		"no owner":   {map[string]string{"web": "me"}, `averazure:stacks: web: "me" `},
		"no file":    {map[string]string{"none": "pulumi"}, "averazure:stacks: none: stacks/none/stack.yml: "},
		"the main":   {map[string]string{"aver": "pulumi"}, "averazure:stacks: aver: averazure:stackName "},
		"a bad name": {map[string]string{"A B": "pulumi"}, `averazure:stacks: A B: "A B"`},
		"one port":   {map[string]string{"web": "pulumi", "twice": "pulumi"}, `averazure:stacks: stacks/web/stack.yml:5: service "page" ... 9090/tcp`},
		"the main's": {map[string]string{"main": "pulumi"}, `averazure:stacks: stacks/main/stack.yml:2: service "page" ... 8080/tcp`},
	} {
		place, port, _ := strings.Cut(test.want, " ... ")
		if _, problems := further(t, test.stacks, nil); len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), place) || !strings.Contains(problems[0].Error(), port) {
			t.Errorf("%s: got %v, want %s", name, problems, test.want)
		}
	}
}

// One image may run in several services, which move together.
func TestAppServices(t *testing.T) {
	config := project(t)
	put(t, ".", "two.yml", "services:\n  web: {image: nginx}\n  worker: {image: nginx}\n")
	config.StackFiles = []string{"two.yml"}
	for services, want := range map[string]string{"web, worker": "", "web": "", "web,,worker": ` ""`, "web,job": ` "job"`} {
		config.AppService = services
		found := problems(config)
		if (len(found) == 0) != (want == "") || want != "" && !strings.Contains(found[0].Error(), want) {
			t.Errorf("%s: %v", services, found)
		}
	}
}
