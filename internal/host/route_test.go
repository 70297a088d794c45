package host_test

import (
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/host"
	"averazure/internal/survey"
)

// The route of a command is read from its inputs, whether they are secret or not.
func TestRoute(t *testing.T) {
	at := func(address, key string) resource.PropertyMap {
		return resource.PropertyMap{"host": resource.NewProperty(address), "hostKey": resource.NewProperty(key)}
	}
	whole := at("10.20.1.20", "ssh-ed25519 W")
	whole["proxy"] = resource.NewProperty(at("203.0.113.10", "ssh-ed25519 M"))
	inputs := resource.PropertyMap{"connection": resource.MakeSecret(resource.NewProperty(whole))}
	first := host.Host{Name: "aver-manager"}
	worker := host.Host{Name: "aver-worker-1", Jump: &first}
	want := []survey.Stop{{Node: "aver-manager", Address: "203.0.113.10", HostKey: "ssh-ed25519 M"}, {Node: "aver-worker-1", Address: "10.20.1.20", HostKey: "ssh-ed25519 W"}}
	if got := worker.Route(inputs); !slices.Equal(got, want) {
		t.Errorf("to the worker: %v", got)
	}
	if got := first.Route(resource.PropertyMap{}); !slices.Equal(got, []survey.Stop{{Node: "aver-manager", Address: "?", HostKey: "?"}}) {
		t.Errorf("without a connection: %v", got)
	}
}
