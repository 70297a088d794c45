package release

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"github.com/docker/docker/api/types/swarm"
	"golang.org/x/crypto/ssh"

	"averazure/internal/stackfile"
)

// keyOf is a key pair as the program makes it: OpenSSH's form, and age's recipient.
func keyOf(t *testing.T, seed byte) (private []byte, recipient age.Recipient) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	recipient, err = agessh.ParseRecipient(string(ssh.MarshalAuthorizedKey(public)))
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), recipient
}

// encrypt is what the program age makes of a text.
func encrypt(t *testing.T, recipient age.Recipient, text string, armored bool) []byte {
	t.Helper()
	var out bytes.Buffer
	to := armor.NewWriter(&out)
	writer, err := age.Encrypt(&out, recipient)
	if armored {
		out.Reset()
		writer, err = age.Encrypt(to, recipient)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if armored {
		if err := to.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// site is a stack with a config, a secret that is encrypted and one that is not.
type site struct {
	t         *testing.T
	m         *memory
	d         *Deployer
	recipient age.Recipient
}

func newSite(t *testing.T) *site {
	t.Helper()
	m := newMemory("manager", "worker")
	d := newDeployer(t, m)
	private, recipient := keyOf(t, 1)
	d.Key = func() ([]byte, error) { return private, nil }
	return &site{t, m, d, recipient}
}

const siteText = `services:
  edge: {image: run, configs: [caddy]}
  db: {image: run, secrets: [sealed, plain]}
configs:
  caddy: {file: Caddyfile}
secrets:
  sealed: {file: db.age}
  plain: {file: plain.txt}
`

// file is the site's stack file with these contents.
func (s *site) file(caddy, sealed, plain string) *stackfile.File {
	s.t.Helper()
	file, err := stackfile.Parse(stackfile.Input{
		Files:  []stackfile.Source{{Name: "stack.yml", Text: siteText}},
		Beside: map[string][]byte{"Caddyfile": []byte(caddy), "db.age": encrypt(s.t, s.recipient, sealed, false), "plain.txt": []byte(plain)},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return file
}

func (s *site) deploy(caddy, sealed, plain string) Result {
	s.t.Helper()
	return s.d.Deploy(context.Background(), stack, Order{File: s.file(caddy, sealed, plain), From: FromPulumi, By: ByPulumi})
}

// has lists the values in the Swarm that were made from files.
func (s *site) has() []string {
	var values []string
	for _, c := range s.m.configs {
		if c.Spec.Labels[stackfile.LabelFile] != "" {
			values = append(values, "config "+string(c.Spec.Data))
		}
	}
	for _, c := range s.m.secrets {
		if c.Spec.Labels[stackfile.LabelFile] != "" {
			values = append(values, "secret "+string(c.Spec.Data))
		}
	}
	slices.Sort(values)
	return values
}

// runs are the values that the services have.
func (s *site) runs() []string {
	var values []string
	for _, service := range s.m.services {
		for _, ref := range service.Spec.TaskTemplate.ContainerSpec.Configs {
			at := slices.IndexFunc(s.m.configs, func(c swarm.Config) bool { return c.ID == ref.ConfigID && c.Spec.Name == ref.ConfigName })
			values = append(values, "config "+string(s.m.configs[at].Spec.Data))
		}
		for _, ref := range service.Spec.TaskTemplate.ContainerSpec.Secrets {
			at := slices.IndexFunc(s.m.secrets, func(c swarm.Secret) bool { return c.ID == ref.SecretID && c.Spec.Name == ref.SecretName })
			values = append(values, "secret "+string(s.m.secrets[at].Spec.Data))
		}
	}
	slices.Sort(values)
	return values
}

func (s *site) expect(what string, got, want []string) {
	s.t.Helper()
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestContentsAreMadeUsedAndForgotten(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		s.d.Settings.Keep = 2
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		first := []string{"config one", "secret db1", "secret p1"}
		s.expect("first", s.runs(), first)
		s.expect("made", s.has(), first)

		expect(t, s.deploy("two", "db1", "p1"), Runs, 2)
		s.expect("second", s.runs(), []string{"config two", "secret db1", "secret p1"})
		s.expect("kept for going back", s.has(), []string{"config one", "config two", "secret db1", "secret p1"})
		if s.m.updates["shop_edge"] != 1 || s.m.updates["shop_db"] != 0 {
			t.Errorf("a changed config has changed %v", s.m.updates)
		}
		expect(t, s.d.Rollback(context.Background(), stack, 0), Runs, 3)
		s.expect("back", s.runs(), first)

		expect(t, s.deploy("three", "db2", "p1"), Runs, 4)
		expect(t, s.deploy("four", "db2", "p2"), Runs, 5)
		s.expect("the last two", s.has(), []string{"config four", "config three", "secret db2", "secret p1", "secret p2"})

		expect(t, s.d.Remove(context.Background(), stack), Runs, 0)
		s.expect("removed", s.has(), nil)
	})
}

// removeByHand takes a service away, and then its config, as somebody does by hand.
func (s *site) removeByHand(service, config string) {
	s.t.Helper()
	for _, one := range slices.Clone(s.m.services) {
		if one.Spec.Name == service {
			if err := s.m.ServiceRemove(s.t.Context(), one.ID); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for _, one := range slices.Clone(s.m.configs) {
		if one.Spec.Labels[stackfile.LabelFile] == config {
			if err := s.m.ConfigRemove(s.t.Context(), one.ID); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// A config that somebody removes is made again as it was, by whatever brings a release up.
func TestConfigThatIsGoneIsMadeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		bring   func(*site) Result
		outcome Outcome
		release int
		codes   []string
		runs    string
	}{
		"healing":  {func(s *site) Result { return s.d.Reconcile(s.t.Context(), stack) }, Runs, 2, nil, "two"},
		"rollback": {func(s *site) Result { return s.d.Rollback(s.t.Context(), stack, 0) }, Runs, 3, nil, "one"},
		"put back": {func(s *site) Result {
			return deploys(s.d, specsOf(service("edge", "crash:1")))
		}, PutBack, 2, []string{"task-failed"}, "two"},
		"deployment": {func(s *site) Result { return s.deploy("two", "db1", "p1") }, Runs, 2, nil, "two"},
	} {
		virtual(t, name, func(t *testing.T) {
			s := newSite(t)
			expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
			expect(t, s.deploy("two", "db1", "p1"), Runs, 2)
			made := map[string]swarm.ConfigSpec{}
			for _, config := range s.m.configs {
				made[config.Spec.Name] = config.Spec
			}
			s.removeByHand("shop_edge", "shop_caddy")
			expect(t, c.bring(s), c.outcome, c.release, c.codes...)
			s.expect("services", s.runs(), []string{"config " + c.runs, "secret db1", "secret p1"})
			for _, config := range s.m.configs {
				if config.Spec.Labels[stackfile.LabelFile] != "" && !sameJSON(config.Spec, made[config.Spec.Name]) {
					t.Errorf("made again as %+v, was %+v", config.Spec, made[config.Spec.Name])
				}
			}
			if again := s.d.Reconcile(t.Context(), stack); again.Outcome != Runs || s.d.Remove(t.Context(), stack).Outcome != Runs {
				t.Errorf("%+v", again)
			}
			if len(s.m.configs) > 0 {
				t.Errorf("after the removal of the stack: %+v", s.m.configs)
			}
		})
	}
}

// A release from before there were copies, or one that came from a backup, gets them as soon
// as something brings it up. A copy does not outlive the releases that name its config.
func TestConfigsHaveACopyAsLongAsAReleaseNamesThem(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		s.d.Settings.Keep = 2
		copies := func() (values []string) {
			for _, config := range s.m.configs {
				if config.Spec.Labels[labelCopy] != "" {
					values = append(values, string(config.Spec.Data))
				}
			}
			slices.Sort(values)
			return values
		}
		for number, caddy := range []string{"one", "two", "three"} {
			expect(t, s.deploy(caddy, "db1", "p1"), Runs, number+1)
		}
		s.expect("copies", copies(), []string{"three", "two"})
		s.m.configs = slices.DeleteFunc(s.m.configs, func(c swarm.Config) bool { return c.Spec.Labels[labelCopy] != "" })
		byHand(s.m, "shop_edge", scaled(5))
		expect(t, s.d.Reconcile(t.Context(), stack), Runs, 3)
		s.expect("copies", copies(), []string{"three"})
	})
}

// A config as large as Docker takes one has a copy too, and a name that Docker takes.
func TestCopiesFitIntoDocker(t *testing.T) {
	spec := swarm.ConfigSpec{Annotations: swarm.Annotations{Name: strings.Repeat("n", 64), Labels: map[string]string{"a": "b"}},
		Data: bytes.Repeat([]byte{'x'}, configLimit-1), Templating: &swarm.Driver{Name: "golang"}}
	second, err := copyOf(stack, spec)
	if err != nil || len(second.Data) >= configLimit || len(second.Name) > 64 || second.Labels[labelNamespace] != "" {
		t.Errorf("%v: %s has %d bytes and %v", err, second.Name, len(second.Data), second.Labels)
	}
	if back, err := original(swarm.Config{Spec: second}); err != nil || !sameJSON(back, spec) {
		t.Errorf("%v: came back as %s", err, back.Name)
	}
}

// What goes of configs and secrets is named before it goes as well.
func TestFormerContentsAreNamedBeforeTheyGo(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		s.d.Settings.Keep = 1
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		there := func() (names []string) {
			s.m.mutex.Lock()
			defer s.m.mutex.Unlock()
			for _, config := range s.m.configs {
				if config.Spec.Labels[stackfile.LabelFile] != "" {
					names = append(names, config.Spec.Name)
				}
			}
			for _, secret := range s.m.secrets {
				names = append(names, secret.Spec.Name)
			}
			return names
		}
		former := there()
		var named []string
		s.d.Say = func(format string, args ...any) {
			for _, name := range former {
				if slices.Contains(strings.Fields(fmt.Sprintf(format, args...)), name) && slices.Contains(there(), name) {
					named = append(named, name)
				}
			}
		}
		expect(t, s.deploy("two", "db2", "p2"), Runs, 2)
		s.expect("left", s.has(), []string{"config two", "secret db2", "secret p2"})
		slices.Sort(former)
		slices.Sort(named)
		if len(former) != 3 || !slices.Equal(named, former) {
			t.Errorf("named while it was there: %q, of %q", named, former)
		}
	})
}

// A deployment that is refused or fails leaves no orphan, nor does one that dies: the
// next one clears up.
func TestContentsOfDeploymentsThatFail(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		want := s.has()
		failing := func(image string) *stackfile.File {
			input := stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: strings.Replace(siteText, "edge: {image: run", "edge: {image: "+image, 1)}},
				Beside: map[string][]byte{"Caddyfile": []byte("bad"), "db.age": encrypt(t, s.recipient, "bad", true), "plain.txt": []byte("bad")}}
			file, err := stackfile.Parse(input)
			if err != nil {
				t.Fatal(err)
			}
			return file
		}
		expect(t, s.d.Deploy(context.Background(), stack, Order{File: failing("crash"), From: FromPulumi, By: ByPulumi}), PutBack, 1, "task-failed")
		s.expect("put back", s.has(), want)
		s.m.registry["gone"] = errors.New("no such image")
		result := s.d.Deploy(context.Background(), stack, Order{File: failing("gone"), From: FromPulumi, By: ByPulumi})
		if result.Outcome == Runs {
			t.Errorf("%+v", result)
		}
		s.expect("refused", s.has(), want)

		ctx, kill := context.WithCancel(context.Background())
		s.m.before = func(method string) error {
			if method == "ServiceUpdate" {
				kill()
			}
			return ctx.Err()
		}
		s.d.Deploy(ctx, stack, Order{File: failing("run"), From: FromPulumi, By: ByPulumi})
		s.m.before = nil
		if slices.Equal(s.has(), want) {
			t.Fatal("the deployment died too early to leave something")
		}
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		s.expect("cleared up", s.has(), want)
	})
}

// Another stack's contents are not touched, nor is what somebody made by hand.
func TestContentsOfOthersStay(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		other := stackfile.LabelFile
		s.m.configs = append(s.m.configs, swarm.Config{ID: "x", Spec: swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "web_c-1", Labels: map[string]string{other: "web_c", labelNamespace: "web"}}, Data: []byte("web")}},
			swarm.Config{ID: "y", Spec: swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "shop_c", Labels: map[string]string{labelNamespace: stack}}}})
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		expect(t, s.d.Remove(context.Background(), stack), Runs, 0)
		s.expect("others", s.has(), []string{"config web"})
		if !slices.ContainsFunc(s.m.configs, func(c swarm.Config) bool { return c.ID == "y" }) {
			t.Error("a config of somebody's own was removed")
		}
	})
}

// What cannot be decrypted is refused before anything is touched, and says what to do,
// without a part of the secret or of the key.
func TestSecretsThatCannotBeRead(t *testing.T) {
	s := newSite(t)
	private, _ := keyOf(t, 1)
	_, other := keyOf(t, 2)
	whole := encrypt(t, s.recipient, "hunter2", false)
	for name, test := range map[string]struct {
		data []byte
		key  error
		code string
		want string
	}{
		"for another key": {encrypt(t, other, "hunter2", true), nil, "secret-unreadable", errOtherRecipient.Error()},
		"not encrypted":   {[]byte("hunter2"), nil, "secret-unreadable", errNotSealed.Error()},
		"cut":             {whole[:len(whole)-3], nil, "secret-unreadable", errAltered.Error()},
		"changed":         {append(slices.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1), nil, "secret-unreadable", errAltered.Error()},
		"empty":           {encrypt(t, s.recipient, "", false), nil, "secret-unreadable", errEmpty.Error()},
		"too large":       {encrypt(t, s.recipient, strings.Repeat("a", maxSecret+1), false), nil, "secret-unreadable", fmt.Sprint(maxSecret)},
		"no key":          {whole, errors.New("no such file"), "docker", "no such file; run `pulumi up`"},
	} {
		s.d.Key = func() ([]byte, error) { return private, test.key }
		input := stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: "services: {db: {image: run, secrets: [s]}}\nsecrets:\n  s: {file: s.age}\n"}},
			Beside: map[string][]byte{"s.age": test.data}}
		file, err := stackfile.Parse(input)
		if err != nil {
			// An encrypted file may be larger than the value may be.
			if name != "too large" {
				t.Fatal(err)
			}
			continue
		}
		result := s.d.Deploy(context.Background(), stack, Order{File: file, From: FromPulumi, By: ByPulumi})
		said := fmt.Sprint(result)
		if len(result.Problems) != 1 || result.Problems[0].Code != test.code || !strings.Contains(said, test.want) ||
			strings.Contains(said, "hunter2") || strings.Contains(said, "PRIVATE") || len(s.has())+len(s.m.services) > 0 {
			t.Errorf("%s: %+v, %v", name, result, s.has())
		}
	}
}

// The file of `pulumi up` is not opened where stack-repo's stays: after another key came,
// what it encrypts may be for the former one.
func TestKeptFileNeedsNoKey(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		expect(t, s.d.Deploy(t.Context(), stack, Order{File: s.file("two", "db2", "p2"), From: FromStackRepo, By: ByStackRepo, Scope: ScopeStack}), Runs, 2)
		s.d.Key = func() ([]byte, error) { return nil, errors.New("none") }
		result := s.deploy("three", "db3", "p3")
		expect(t, result, Runs, 2)
		s.expect("services", s.runs(), []string{"config two", "secret db2", "secret p2"})
	})
}

// In the scope images a secret's file is as `pulumi up` announced it, under whatever name:
// other content would be another value for the same image.
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

// A secret of the Swarm that the announced file only names is none to make from a file.
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

// The name of a secret does not confirm a guess of its value.
func TestNamesOfSecretsAreKeyed(t *testing.T) {
	s := newSite(t)
	name := func(value string) string {
		file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: "services: {db: {image: run, secrets: [plain]}}\nsecrets: {plain: {file: p}}\n"}},
			Beside: map[string][]byte{"p": []byte(value)}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.d.open(file, stack)
		if err != nil {
			t.Fatal(err)
		}
		return c.secrets[0].Name
	}
	x, y := name("x"), name("y")
	if !strings.HasPrefix(x, "shop_plain-") || name("x") != x || x == y {
		t.Error(x, y)
	}
	private, _ := keyOf(t, 2)
	s.d.Key = func() ([]byte, error) { return private, nil }
	if name("x") == x {
		t.Error("another key gives the same name")
	}
}

// Configs of the Swarm that a file names as external get their ids, or are missed.
func TestExternalConfigs(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: "services: {edge: {image: run, configs: [there]}}\nconfigs: {there: {external: true}}\n"}}})
		if err != nil {
			t.Fatal(err)
		}
		order := Order{File: file, From: FromPulumi, By: ByPulumi}
		expect(t, s.d.Deploy(context.Background(), stack, order), Refused, 0, "config-missing")
		s.m.configs = append(s.m.configs, swarm.Config{ID: "theirs", Spec: swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "there"}, Data: []byte("x")}})
		expect(t, s.d.Deploy(context.Background(), stack, order), Runs, 1)
		s.expect("runs", s.runs(), []string{"config x"})
		expect(t, s.d.Deploy(context.Background(), stack, order), Runs, 1)
		if s.m.updates["shop_edge"] != 0 {
			t.Error("deployed again although nothing changed")
		}
	})
}

// What `pulumi up` brings as variables is what files from elsewhere are read with.
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

// A secret that a plugin on the nodes makes comes through `pulumi up`, in every scope.
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

// A secret of a service that reaches out of its container is what `pulumi up` deployed, in
// every scope, and no file chooses among the versions of one.
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
