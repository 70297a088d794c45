package release

import (
	"context"
	"fmt"
	"testing"

	"averazure/internal/stackfile"
)

// In the scope images, a secret's file must be as `pulumi up` announced it, whatever its
// name: other content would be another value for the same image.
func TestDeployKeyChangesNoSecretInScopeImages(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		first := s.file("one", "db1", "p1")
		other := s.file("one", "db2", "p1")
		expect(t, s.d.Deploy(t.Context(), stack, Order{File: first, From: FromPulumi, By: ByPulumi}), Runs, 1)
		push := func(file *stackfile.File, scope string) Result {
			return s.d.Deploy(t.Context(), stack, Order{File: file, From: FromStackRepo, By: ByStackRepo, Scope: scope})
		}
		if result := push(other, ScopeImages); result.Outcome != Refused || len(result.Problems) != 1 || result.Problems[0].Field != "secret shop_sealed" {
			t.Errorf("%+v", result)
		}
		s.expect("Swarm", s.has(), []string{"config one", "secret db1", "secret p1"})
		expect(t, push(first, ScopeImages), Runs, 2)
		expect(t, s.d.Trust(t.Context(), stack, Order{File: other}), Runs, 0)
		expect(t, push(other, ScopeImages), Runs, 3)
		expect(t, push(s.file("two", "db3", "p2"), ScopeStack), Runs, 4)
	})
}

// If the announced file only names a secret of the Swarm, the deploy key may not make that
// secret from a file.
func TestDeployKeyMakesNoSecretOfTheProgram(t *testing.T) {
	text := "services: {db: {image: run, secrets: [s]}}\nsecrets: {s: {name: token, %s}}\n"
	parse := func(what string) (stackfile.Specs, announced) {
		file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: fmt.Sprintf(text, what)}}, Beside: map[string][]byte{"p": []byte("x")}})
		if err != nil {
			t.Fatal(err)
		}
		specs, err := file.Specs(stack, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return specs, announce(specs, file, stack)
	}
	_, was := parse("external: true")
	asked, is := parse("file: p")
	if problems := append(Guard(ScopeImages, was, asked), guardContents(ScopeImages, was, is)...); len(problems) != 1 || problems[0].Field != "secret token" {
		t.Errorf("%+v", problems)
	}
}

// Files from elsewhere are read with the variables that `pulumi up` brings.
func TestVariablesAreNoted(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		get := func() map[string]string {
			variables, err := s.d.Variables(context.Background(), stack)
			if err != nil {
				t.Fatal(err)
			}
			return variables
		}
		if got := get(); got != nil {
			t.Errorf("before anything: %v", got)
		}
		bring := func(value string, do func(context.Context, string, Order) Result) {
			file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: "services: {edge: {image: run}}\n"}}, Variables: map[string]string{"A": value}})
			if err != nil {
				t.Fatal(err)
			}
			if result := do(context.Background(), stack, Order{File: file, From: FromPulumi, By: ByPulumi}); result.Outcome != Runs {
				t.Fatalf("%+v", result)
			}
			if got := get(); got["A"] != value {
				t.Errorf("got %v, want %s", got, value)
			}
		}
		bring("1", s.d.Deploy)
		bring("2", s.d.Trust)
		bring("3", s.d.Deploy)
		if got := len(s.m.configs); got != 3 { // release, trusted, variables
			t.Errorf("%d configs", got)
		}
	})
}

// A secret that a plugin on the nodes makes can only come through `pulumi up`, in every
// scope.
func TestDeployKeyBringsNoDriver(t *testing.T) {
	made := func(secret string) announced {
		file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: "services: {db: {image: run, secrets: [s]}}\nsecrets: {s: " + secret + "}\n"}},
			Beside: map[string][]byte{"f.age": []byte("x")}})
		if err != nil {
			t.Fatal(err)
		}
		specs, err := file.Specs(stack, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return announce(specs, file, stack)
	}
	vault, other, file := made("{driver: vault}"), made("{driver: other}"), made("{file: f.age}")
	for name, test := range map[string]struct {
		scope          string
		trusted, asked announced
		refused        bool
	}{
		"announced":         {ScopeStack, vault, vault, false},
		"another driver":    {ScopeStack, vault, other, true},
		"a driver for file": {ScopeStack, file, vault, true},
		"a file for driver": {ScopeStack, vault, file, false},
		"images":            {ScopeImages, vault, file, true},
	} {
		if got := guardContents(test.scope, test.trusted, test.asked); (len(got) > 0) != test.refused {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A secret of a service that reaches out of its container stays as `pulumi up` deployed it,
// in every scope. No file may choose among the versions of a secret.
func TestDeployKeyGivesNoSecretToWhatReachesOut(t *testing.T) {
	const reaching, plain = "{image: run, cap_add: [NET_ADMIN], secrets: [s]}", "{image: run, secrets: [s]}"
	made := func(service, secret, content string) announced {
		file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: "services: {db: " + service + "}\nsecrets: {s: " + secret + "}\n"}},
			Beside: map[string][]byte{"f.age": []byte(content)}})
		if err != nil {
			t.Fatal(err)
		}
		specs, err := file.Specs(stack, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return announce(specs, file, stack)
	}
	for name, test := range map[string]struct {
		trusted, asked announced
		refused        bool
	}{
		"the same":                     {made(reaching, "{file: f.age}", "x"), made(reaching, "{file: f.age}", "x"), false},
		"other content":                {made(reaching, "{file: f.age}", "x"), made(reaching, "{file: f.age}", "y"), true},
		"other content of a plain one": {made(plain, "{file: f.age}", "x"), made(plain, "{file: f.age}", "y"), false},
		"a file for a stored one":      {made(reaching, "{external: true, name: db}", ""), made(reaching, "{file: f.age, name: db}", "y"), true},
		"a stored one for a file":      {made(reaching, "{file: f.age, name: db}", "x"), made(reaching, "{external: true, name: db}", ""), true},
		"a version":                    {made(plain, "{external: true, name: db}", ""), made(plain, "{external: true, name: db-0123456789ab}", ""), true},
		"the version that is trusted":  {made(plain, "{external: true, name: db-0123456789ab}", ""), made(plain, "{external: true, name: db-0123456789ab}", ""), false},
	} {
		problems := append(Guard(ScopeStack, test.trusted, test.asked.Specs), guardContents(ScopeStack, test.trusted, test.asked)...)
		if (len(problems) > 0) != test.refused {
			t.Errorf("%s: %+v", name, problems)
		}
	}
}
