package stack

import (
	"os"
	"strings"
	"testing"
)

// problems are all that reading and validating a configuration find.
func problems(c Config) []error {
	file, err := c.Read()
	if err != nil {
		return append(c.Validate(nil), err)
	}
	return c.Validate(file)
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
	put(t, ".", "long.yml", "services:\n  api: {image: nginx}\n  "+strings.Repeat("x", 59)+": {image: nginx}\n")
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"stack name":     {func(c *Config) { c.StackName = "Aver; rm" }, "averazure:stackName: "},
		"no file":        {func(c *Config) { c.StackFiles = nil }, "averazure:stackFiles: no stack file"},
		"missing file":   {func(c *Config) { c.StackFiles = []string{"none.yml"} }, "averazure:stackFiles: none.yml: cannot be read"},
		"broken file":    {func(c *Config) { c.StackFiles = []string{"broken.yml"} }, "averazure:stackFiles: broken.yml:4: "},
		"long name":      {func(c *Config) { c.StackFiles = []string{"long.yml"} }, "averazure:stackFiles: long.yml:3: aver_xxx"},
		"service":        {func(c *Config) { c.AppService = "web" }, "averazure:appService: the stack files have no service \"web\", only api"},
		"image with tag": {func(c *Config) { c.AppImage = "api:latest" }, "averazure:appImage: "},
		"image upper":    {func(c *Config) { c.AppImage = "Api" }, "averazure:appImage: "},
		"no context":     {func(c *Config) { c.AppContext = "none" }, "averazure:appContext: none is no directory"},
		"no Dockerfile":  {func(c *Config) { c.AppContext = "empty" }, "averazure:appContext: empty has no Dockerfile"},
		"absolute":       {func(c *Config) { c.AppContext = "/srv" }, "averazure:appContext: /srv is an absolute path"},
	} {
		config := good
		test.change(&config)
		problems := problems(config)
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, problems, test.want)
		}
	}
	config := good
	config.StackName, config.AppContext, config.StackFiles = "", "none", nil
	if problems := problems(config); len(problems) != 3 {
		t.Errorf("want three problems at once, got %v", problems)
	}
}
