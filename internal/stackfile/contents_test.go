package stackfile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const withContents = minimal + `    configs: [caddy, {source: same, target: /b}, there]
    secrets: [db, {source: plain, target: p}, vault, azure_client_id]
configs:
  caddy: {file: Caddyfile, template_driver: golang, labels: {a: b}}
  same: {file: Caddyfile, name: shared-name}
  unused: {file: Caddyfile}
  there: {external: true}
secrets:
  db: {file: db.age}
  plain: {file: plain.txt, name: own}
  vault: {driver: vault, driver_opts: {k: v}}
  unused: {file: db.age}
  azure_client_id: {external: true}
`

func contents(t *testing.T, caddyfile string) *File {
	t.Helper()
	file, err := Parse(Input{Files: []Source{{"a.yml", withContents}}, Beside: map[string][]byte{
		"Caddyfile": []byte(caddyfile), "db.age": []byte("sealed"), "plain.txt": []byte("plain"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// A config is named after its content, and Specs and Configs agree on the name.
func TestConfigsAreNamedByTheirContent(t *testing.T) {
	file, other := contents(t, "one"), contents(t, "two")
	var names []string
	for _, config := range file.Configs("s") {
		names = append(names, config.Name)
		if string(config.Data) != "one" || config.Labels[LabelFile] != config.Name[:len(config.Name)-13] || config.Labels["com.docker.stack.namespace"] != "s" {
			t.Errorf("%+v", config)
		}
	}
	var wanted []string
	for _, ref := range specs(t, file).Services["s_api"].TaskTemplate.ContainerSpec.Configs {
		if ref.ConfigName != "there" {
			wanted = append(wanted, ref.ConfigName)
		}
	}
	slices.Sort(wanted)
	if !slices.Equal(names, wanted) || len(names) != 2 || !strings.HasPrefix(names[0], "s_caddy-") || !strings.HasPrefix(names[1], "shared-name-") {
		t.Errorf("made %v, wanted %v", names, wanted)
	}
	if again := contents(t, "one").Configs("s"); again[0].Name != names[0] {
		t.Errorf("the same content has another name: %s, %s", names[0], again[0].Name)
	}
	if changed := other.Configs("s"); changed[0].Name == names[0] || changed[1].Name == names[1] {
		t.Errorf("another content has the same name: %v", names)
	}
	if driver := file.Configs("s")[0].Templating; driver == nil || driver.Name != "golang" {
		t.Errorf("template driver %v", driver)
	}
	if kept := file.Configs("t"); kept[1].Name[:8] != "t_caddy-" {
		t.Errorf("another stack has %s", kept[1].Name)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	file := contents(t, "one")
	var got []string
	for _, secret := range file.Contents("s") {
		driver := ""
		if secret.Spec.Driver != nil {
			driver = secret.Spec.Driver.Name + fmt.Sprint(secret.Spec.Driver.Options)
		}
		got = append(got, fmt.Sprint(secret.Spec.Name, " ", string(secret.Spec.Data), secret.Encrypted, driver, secret.At))
	}
	want := []string{"own plainfalsea.yml:13", "s_db sealedtruea.yml:12", "s_vault falsevaultmap[k:v]a.yml:14"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if names := file.Secrets(); !slices.Equal(names, []string{"azure_client_id"}) {
		t.Errorf("expects %v in the Swarm", names)
	}
	made, err := file.Specs("s", nil, map[string]string{"azure_client_id": "azure_client_id-1"})
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, ref := range made.Services["s_api"].TaskTemplate.ContainerSpec.Secrets {
		refs = append(refs, ref.SecretName+" "+ref.File.Name)
	}
	if want := []string{"azure_client_id-1 azure_client_id", "own p", "s_db db", "s_vault vault"}; !slices.Equal(refs, want) {
		t.Errorf("got %v, want %v", refs, want)
	}
	warned := file.PlainSecrets()
	if len(warned) != 1 || !strings.HasPrefix(warned[0], "a.yml:13: ") || !hasWords(warned[0], `"plain"`) {
		t.Errorf("warned of %q", warned)
	}
	if strings.Contains(fmt.Sprint(warned), "sealed") {
		t.Error("a warning holds a secret")
	}
}

func TestNamesOfContentsFit(t *testing.T) {
	for name, fits := range map[string]bool{strings.Repeat("a", 49): true, strings.Repeat("a", 50): false, "a.b_c-d": true, "a-": false} {
		text := minimal + "    configs: [" + name + "]\nconfigs:\n  " + name + ": {file: a}\n"
		file, err := Parse(Input{Files: []Source{{"a.yml", text}}, Beside: map[string][]byte{"a": []byte("x")}})
		if err == nil {
			_, err = file.Specs("s", nil, nil)
		}
		if (err == nil) != fits || !fits && !strings.Contains(err.Error(), "a.yml:6: s_"+name+" ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A content that the Swarm would refuse, or that stackctl would mistake for something else,
// is reported with its line.
func TestContentsThatCannotBe(t *testing.T) {
	for what, want := range map[string]string{
		"{a: {file: x, name: nn}, b: {file: z, name: nn}}":               "a.yml:5: secrets.a and secrets.b ",
		"{a: {external: true, name: nn}, b: {file: z, name: nn}}":        "a.yml:5: secrets.a and secrets.b ",
		"{a: {external: true, name: nn}, b: {external: true, name: nn}}": "",
		"{a: {file: x, name: nn-0123456789ab}, b: {file: z}}":            "a.yml:5: nn-0123456789ab ",
		"{a: {file: empty}, b: {file: z}}":                               "a.yml:5: secrets.a ",
		"{a: {driver: vault}, b: {file: z}, unused: {file: empty}}":      "",
	} {
		file, err := Parse(Input{Files: []Source{{"a.yml", minimal + "    secrets: [a, b]\nsecrets: " + what + "\n"}},
			Beside: map[string][]byte{"x": []byte("1"), "z": []byte("2"), "empty": nil}})
		if err == nil {
			_, err = file.Specs("s", nil, nil)
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A secret in plain text is warned of even if a later stack file replaces it, because its
// file is still sent.
func TestReplacedPlainSecretIsWarnedOf(t *testing.T) {
	text := minimal + "    secrets: [s]\nsecrets:\n  s: {file: plain.txt}\n"
	file, err := Parse(Input{
		Files:  []Source{{"a.yml", text}, {"b.yml", "secrets:\n  s: {file: s.age}\n"}},
		Beside: map[string][]byte{"plain.txt": nil, "s.age": nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	if warned := file.PlainSecrets(); len(warned) != 1 || !strings.HasPrefix(warned[0], "a.yml:6: ") || !hasWords(warned[0], `"s"`) {
		t.Errorf("warned of %q", warned)
	}
}
