package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	oldImage = "ghcr.io/org/app:1"
	newImage = "ghcr.io/org/app:abcdef1"
)

// Every way of writing an image is either changed where OLD stands, which becomes the new
// image, or refused. A case that is changed in another way states the whole text that it
// wants.
func TestSet(t *testing.T) {
	for name, test := range map[string]struct {
		text, services, others string
		want                   string // empty: OLD becomes NEW
	}{
		"plain":               {text: "services:\n  api:\n    image: OLD\n"},
		"comment":             {text: "# a\nservices:\n  api: # b\n    # c\n    image: OLD   # d\n"},
		"double quotes":       {text: "services:\n  api:\n    image: \"OLD\" # x\n"},
		"single quotes":       {text: "services:\n  api:\n    image: 'OLD'\n"},
		"quoted keys":         {text: "\"services\":\n  'api':\n    \"image\": OLD\n"},
		"a tab":               {text: "services:\n  api:\n    image:\tOLD\t# x\n"},
		"space before colon":  {text: "services :\n  api :\n    image : OLD\n"},
		"next line":           {text: "services:\n  api:\n    image:\n      OLD\n    command: x\n"},
		"next, commented":     {text: "services:\n  api:\n    image: # here\n      # there\n      OLD\n"},
		"folded":              {text: "services:\n  api:\n    image: >-\n      OLD\n"},
		"folded, empty lines": {text: "services:\n  api:\n    image: >- # why\n      OLD\n\n    command: x\n"},
		"literal":             {text: "services:\n  api:\n    image: |-\n      OLD\n    x: y\n"},
		"literal, indented":   {text: "services:\n  api:\n    image: |2-\n      OLD\n"},
		"folded, anchored":    {text: "services:\n  api:\n    image: &a >-\n      OLD\n"},
		"no line break":       {text: "services:\n  api:\n    image: OLD"},
		"crlf":                {text: "services:\r\n\r\n  api:\r\n    image: OLD\r\n"},
		"crlf, quotes":        {text: "services:\r\n  api:\r\n    image: 'OLD' # x\r\n"},
		"crlf, folded":        {text: "services:\r\n  api:\r\n    image: >-\r\n      OLD\r\n    x: y\r\n"},
		"cr":                  {text: "services:\r  api:\r    image: OLD\r"},
		"mark":                {text: mark + "services:\n  api:\n    image: OLD\n"},
		"mark, crlf, flow":    {text: mark + "services: {api: {image: OLD}}\r\n"},
		"mixed line ends":     {text: "services:\r\n  api:\n    image: OLD\r\n    x: y\n"},
		"wide characters":     {text: "x-a: 'é😀\u2028ü'\nservices: {\"é😀\": {image: x}, api: {image: OLD}}\n"},
		"other line ends":     {text: "# a\u0085# b\u2029# c\r# d\nservices:\u0085  api:\u2028    image: OLD\u2029    x: y\n"},
		"flow":                {text: "services: {api: {image: OLD, command: x}, db: {image: redis}}\n"},
		"flow, json":          {text: `{"services":{"api":{"image":"OLD"},"db":{"image":"redis"}}}`},
		"flow, lines":         {text: "services: {\n  api: {\n    image:\n      OLD\n    , x: y}}\n"},
		"indented deep":       {text: "services:\n        api:\n           image: OLD\n"},
		"digest":              {text: "services:\n  api:\n    image: OLD@sha256:" + strings.Repeat("0", 64) + "\n", want: "services:\n  api:\n    image: NEW\n"},
		"variable":            {text: "services:\n  api:\n    image: ghcr.io/org/app:${TAG:-1} # x\n", want: "services:\n  api:\n    image: NEW # x\n"},
		"empty quotes":        {text: "services:\n  api:\n    image: \"\"\n", want: "services:\n  api:\n    image: \"NEW\"\n"},
		"null":                {text: "services:\n  api:\n    image: ~\n", want: "services:\n  api:\n    image: NEW\n"},
		"escapes":             {text: "services:\n  api:\n    image: \"a\\\"\\\\\\u0041\" # \"\n", want: "services:\n  api:\n    image: \"NEW\" # \"\n"},
		"doubled quotes":      {text: "services:\n  api:\n    image: 'a''b' # '\n", want: "services:\n  api:\n    image: 'NEW' # '\n"},
		"quoted over lines":   {text: "services:\n  api:\n    image: \"x\\\n      y\n\n      z\" # x\n", want: "services:\n  api:\n    image: \"NEW\" # x\n"},
		"nested and others":   {text: "networks: {api: {image: n}}\nservices:\n  db:\n    image: redis\n    labels: {image: OTHER}\n  api:\n    deploy:\n      image: nested\n    image: OLD\n"},
		"tag":                 {text: "services:\n  api:\n    image: !!str OLD\n"},
		"anchor and tag":      {text: "services:\n  api:\n    image: &a !!str \"OLD\"\n"},
		"anchor, next line":   {text: "services:\n  api:\n    image: &a # why\n      OLD\n"},
		"explicit keys":       {text: "? services\n: ? api\n  : ? image\n    : OLD\n"},
		"directive":           {text: "%YAML 1.1\n---\nservices:\n  api:\n    image: OLD\n...\n"},
		"second document":     {text: "services:\n  api:\n    image: OLD\n---\nservices:\n  api:\n    image: other\n"},
		"old version line":    {text: "version: '3.8'\nservices:\n  api:\n    image: OLD\n"},
		"nan":                 {text: "x-a: .nan\nservices:\n  api:\n    image: OLD\n    x: .nan\n"},

		// An image that others share.
		"anchor, alone":      {text: "services:\n  api:\n    image: &image OLD\n"},
		"anchor, shared":     {text: "services:\n  api:\n    image: &image OLD\n  worker:\n    image: *image\n", others: "worker"},
		"anchor, both":       {text: "services:\n  api:\n    image: &image OLD\n  worker:\n    image: *image\n", services: "api,worker"},
		"alias":              {text: "services:\n  worker:\n    image: &image first\n  api:\n    image: *image # x\n", want: "services:\n  worker:\n    image: &image first\n  api:\n    image: NEW # x\n"},
		"alias, flow":        {text: "x-i: &i first\nservices: {w: {image: *i}, api: {image: *i}}\n", want: "x-i: &i first\nservices: {w: {image: *i}, api: {image: NEW}}\n"},
		"alias of x-":        {text: "x-i: &i OLD\nservices: {api: {image: *i}}\n"},
		"alias of x-, both":  {text: "x-i: &i OLD\nservices: {api: {image: *i}, worker: {image: *i}, db: {image: redis}}\n", services: "api,worker"},
		"alias of x-, of 3":  {text: "x-i: &i i\nservices: {api: {image: *i}, worker: {image: *i}, db: {image: *i}}\n", services: "api,worker", want: "x-i: &i i\nservices: {api: {image: NEW}, worker: {image: NEW}, db: {image: *i}}\n"},
		"alias in a command": {text: "x-i: &i i\nservices: {api: {image: *i}, db: {image: redis, command: [*i]}}\n", want: "x-i: &i i\nservices: {api: {image: NEW}, db: {image: redis, command: [*i]}}\n"},
		"merge, alone":       {text: "x-b: &b {image: OLD}\nservices:\n  api:\n    <<: *b\n"},
		"merge":              {text: "x-b: &b {image: i}\nservices:\n  api:\n    <<: *b # base\n    x: y\n  db:\n    <<: *b\n", want: "x-b: &b {image: i}\nservices:\n  api:\n    <<: *b # base\n    image: NEW\n    x: y\n  db:\n    <<: *b\n"},
		"merge, last line":   {text: "x-b: &b {image: i}\r\nservices:\r\n  db:\r\n    <<: *b\r\n  api:\r\n    <<: [*b]", want: "x-b: &b {image: i}\r\nservices:\r\n  db:\r\n    <<: *b\r\n  api:\r\n    <<: [*b]\r\n    image: NEW"},
		"merge, flow":        {text: "x-b: &b {image: i}\nservices: {db: {<<: *b}, api: {<<: *b, x: y}}\n", want: "x-b: &b {image: i}\nservices: {db: {<<: *b}, api: {<<: *b, image: NEW, x: y}}\n"},
		"merge, both":        {text: "x-b: &b\n  image: OLD\nservices:\n  api:\n    <<: *b\n  worker:\n    <<: *b\n    x: y\n", services: "worker,api"},
		"merge, overridden":  {text: "x-b: &b {image: i}\nservices:\n  db: {<<: *b}\n  api:\n    <<: *b\n    image: OLD\n"},
		"merge of api":       {text: "services:\n  api: &api\n    image: OLD\n  worker:\n    <<: *api\n", others: "worker"},
		"merge of another":   {text: "services:\n  web: &web\n    image: i\n  api:\n    <<: *web\n    x: y\n", want: "services:\n  web: &web\n    image: i\n  api:\n    <<: *web\n    image: NEW\n    x: y\n"},
		"merge of a list":    {text: "x-a: &a {x: y}\nx-b: &b {image: OLD}\nx-c: &c {image: c}\nservices:\n  api:\n    <<: [*a, *b, *c]\n"},
		"the same as api":    {text: "services:\n  api: &api {image: OLD}\n  worker: *api\n", services: "api,worker"},
	} {
		t.Run(name, func(t *testing.T) {
			text, want := strings.ReplaceAll(test.text, "OLD", oldImage), strings.ReplaceAll(test.want, "NEW", newImage)
			if want == "" {
				want = strings.ReplaceAll(test.text, "OLD", newImage)
			}
			services := names(test.services)
			if len(services) == 0 {
				services = []string{"api"}
			}
			got, others, err := set(text, services, newImage)
			if err != nil || got != want || strings.Join(others, ",") != test.others {
				t.Fatalf("%v; others %q, want %q; got\n%q, want\n%q", err, others, test.others, got, want)
			}
			if again, _, err := set(got, services, newImage); err != nil || again != got {
				t.Errorf("a second time: %v\n%s", err, again)
			}
			now, err := images(got, services)
			if err != nil || slices.ContainsFunc(now, func(image string) bool { return image != newImage }) {
				t.Errorf("shows %q, %v", now, err)
			}
		})
	}
}

// What cannot be changed with certainty leaves the file as it was.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct{ text, services, image string }{
		"no service":           {text: "services:\n  web:\n    image: x\n"},
		"no services":          {text: "networks:\n  api:\n    image: x\n"},
		"no image":             {text: "services:\n  api:\n    build: .\n"},
		"no value":             {text: "services:\n  api:\n    image:\n    x: y\n"},
		"anchor of nothing":    {text: "services:\n  api:\n    image: &a\n    x: y\n"},
		"a list":               {text: "services:\n  api:\n    image: [x]\n"},
		"services of a list":   {text: "services: [{api: {image: x}}]\n"},
		"a name alone":         {text: "services:\n  api:\n"},
		"empty":                {text: ""},
		"comment":              {text: "# nothing\n"},
		"empty first document": {text: "---\n---\nservices:\n  api:\n    image: x\n"},
		"line break kept":      {text: "services:\n  api:\n    image: >\n      x\n"},
		"line break kept, |":   {text: "services:\n  api:\n    image: |+\n      x\n\n"},
		"line break before":    {text: "services:\n  api:\n    image: >-\n\n      x\n"},
		"two lines":            {text: "services:\n  api:\n    image: x\n      y\n"},
		"two folded":           {text: "services:\n  api:\n    image: >-\n      x\n      y\n"},
		"tabs":                 {text: "services:\n\tapi:\n\t\timage: x\n"},
		"unknown anchor":       {text: "services:\n  api:\n    image: *nobody\n"},
		"twice":                {text: "services:\n  api:\n    image: x\n    image: y\n"},
		"service twice":        {text: "services:\n  api:\n    image: x\n  api:\n    image: y\n"},
		"holds itself":         {text: "services: &s\n  api:\n    image: x\n    y: *s\n"},
		"own before merge":     {text: "x-b: &b {image: i}\nservices:\n  api:\n    image: x\n    <<: *b\n"},
		"the same as another":  {text: "services:\n  web: &web {image: x}\n  api: *web\n"},
		"services merged":      {text: "x-s: &s {api: {image: &i x}, b: {image: *i}}\nservices:\n  <<: *s\n"},
		"in a command, too":    {text: "services:\n  api:\n    image: &i x\n  db:\n    image: y\n    command: [*i]\n"},
		"another tag":          {text: "services:\n  api:\n    image: !!binary aGFsbG8=\n"},
		"utf-16":               {text: "\xff\xfes\x00e\x00"},
		"not utf-8":            {text: "services:\n  api:\n    image: \xff\n"},
		"a number":             {text: "services:\n  api:\n    image: x\n", image: "1234"},
		"capitals":             {text: "services:\n  api:\n    image: x\n", image: "ghcr.io/MyOrg/app:1"},
		"a name with capitals": {text: "services:\n  api:\n    image: x\n", image: "MyOrg/app:1"},
		"two lines of image":   {text: "services:\n  api:\n    image: x\n", image: "a/b:c\nx: y"},
		"a comment":            {text: "services:\n  api:\n    image: x\n", image: "a/b: #c"},
		"no tag after colon":   {text: "services:\n  api:\n    image: x\n", image: "a/b:"},
		"half a digest":        {text: "services:\n  api:\n    image: x\n", image: "a/b:c@sha256:12"},
		"one of two":           {text: "services:\n  api:\n    image: x\n", services: "api,web"},
		"none":                 {text: "services:\n  api:\n    image: x\n", services: ","},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stack.yml")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, problems bytes.Buffer
			status := run([]string{path, or(test.services, "api"), or(test.image, newImage)}, &out, &problems)
			after, err := os.ReadFile(path)
			if status != 1 || problems.Len() == 0 || err != nil || string(after) != test.text {
				t.Errorf("status %d, %v\n%s\n%q", status, err, problems.String(), after)
			}
			t.Log(problems.String())
		})
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// The command keeps the file's mode, and touches nothing where nothing changes.
func TestCommand(t *testing.T) {
	for _, name := range []string{"anchor.yml", "folded.yml", "crlf.yml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, text, 0o640); err != nil {
			t.Fatal(err)
		}
		var out, problems bytes.Buffer
		if status := run([]string{path, "api", newImage}, &out, &problems); status != 0 || out.Len() > 0 {
			t.Errorf("%s: status %d\n%s%s", name, status, &out, &problems)
		}
		after, err := os.ReadFile(path)
		if want := strings.ReplaceAll(string(text), oldImage, newImage); err != nil || string(after) != want {
			t.Errorf("%s: %v\n%q", name, err, after)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		if err := os.Chmod(path, 0o400); err != nil {
			t.Fatal(err)
		}
		if status := run([]string{path, "api", newImage}, &out, &problems); status != 0 {
			t.Errorf("%s: the same again: %s", name, &problems)
		}
		if status := run([]string{path, "api"}, &out, &problems); status != 0 || out.String() != newImage+"\n" {
			t.Errorf("%s: shows %q", name, &out)
		}
	}
	for _, args := range [][]string{nil, {"x"}, {"none.yml", "api"}, {"a", "b", "c", "d"}} {
		var out, problems bytes.Buffer
		if status := run(args, &out, &problems); status != 1 || out.Len() > 0 {
			t.Errorf("%q: status %d", args, status)
		}
	}
}
