package main

import (
	"fmt"
	"slices"
	"strings"
)

func (w *world) pulumi(line string, args []string, given string) (any, error) {
	has := func(words string) bool { return strings.HasPrefix(line, words) }
	key := func(after string) string {
		rest := args[slices.Index(args, after)+1:]
		i := slices.IndexFunc(rest, func(arg string) bool { return strings.HasPrefix(arg, "averazure:") })
		return rest[i]
	}
	switch {
	case has("whoami"):
		if w.Backend == "" {
			return nil, fmt.Errorf("not logged in")
		}
		return map[string]string{"user": "me", "url": w.Backend}, nil
	case has("login"):
		return w.changed(func() { w.Backend = args[1] })
	case has("stack ls"):
		stacks := []map[string]any{}
		for _, name := range w.Stacks {
			stacks = append(stacks, map[string]any{"name": name, "current": name == w.Current})
		}
		return stacks, nil
	case has("stack select"):
		return w.changed(func() {
			w.Current = args[2]
			if slices.Contains(args, "--create") {
				w.Stacks, w.Provider = append(w.Stacks, args[2]), option(args, "--secrets-provider")
			}
		})
	case has("stack output"):
		return w.Outputs, nil
	case has("config set") && slices.Contains(args, "--secret"):
		return w.changed(func() { w.Secrets[key("set")] = given })
	case has("config set"):
		return w.changed(func() { w.set(key("set"), args[len(args)-1]) })
	case has("config rm"):
		return w.changed(func() { w.remove(key("rm")) })
	case has("config"):
		return w.settings(), nil
	}
	return nil, fmt.Errorf("pulumi does not know %q", line)
}

// settings are the settings of the file together with the defaults of Pulumi.yaml, as in
// Pulumi.
func (w *world) settings() map[string]any {
	all := map[string]any{"averazure:stackDeploy": map[string]any{"value": "true"}, "averazure:registryPullToken": map[string]any{"value": ""}, "averazure:sshCidrs": list("192.0.2.1/32")}
	for key, value := range w.Config {
		all[key] = map[string]any{"value": value}
		if values, is := value.([]any); is {
			all[key] = list(values...)
		}
	}
	for key := range w.Secrets {
		all[key] = map[string]any{"secret": true}
	}
	return all
}
