package release

import (
	"fmt"
	"testing"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// A volume stays on the nodes as it was made, whatever a later trusted file says of it.
func TestGuardRemembersVolumesThatReachOut(t *testing.T) {
	virtual(t, "", func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		file := func(mounted, volume string) *stackfile.File {
			text := "services: {api: {image: run%s}}\nvolumes: {etc: %s}\n"
			file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: fmt.Sprintf(text, mounted, volume)}}})
			if err != nil {
				t.Fatal(err)
			}
			return file
		}
		const mounted, bind, plain = ", volumes: ['etc:/x']", "{driver_opts: {type: none, o: bind, device: /etc}}", "{}"
		trust := func(file *stackfile.File) { expect(t, d.Trust(t.Context(), stack, Order{File: file}), Runs, 0) }
		push := Order{File: file(mounted, plain), From: FromStackRepo, By: ByStackRepo, Scope: ScopeStack}
		trust(file(mounted, bind))
		for range 2 { // the second file is read from the first one's record
			trust(file("", plain))
		}
		expect(t, d.Deploy(t.Context(), stack, push), Refused, 0, CodeDeployKey)
		trust(file(mounted, plain))
		expect(t, d.Deploy(t.Context(), stack, push), Runs, 1)
		push.File = file(", command: evil"+mounted, plain)
		expect(t, d.Deploy(t.Context(), stack, push), Refused, 0, CodeDeployKey)
	})
}

func TestGuardOnNetworks(t *testing.T) {
	label := map[string]string{convert.LabelNamespace: "aver"}
	for name, options := range map[string]network.CreateOptions{
		"another driver":    {Driver: "macvlan", Labels: label},
		"its parent":        {Driver: "overlay", Options: map[string]string{"parent": "eth0"}, Labels: label},
		"another's vxlan":   {Options: map[string]string{"com.docker.network.driver.overlay.vxlanid_list": "4097"}, Labels: label},
		"the mesh":          {Ingress: true, Labels: label},
		"made of another":   {ConfigFrom: &network.ConfigReference{Network: "x"}, Labels: label},
		"another scope":     {Scope: "local", Labels: label},
		"an address driver": {IPAM: &network.IPAM{Driver: "evil"}, Labels: label},
		"no label":          {},
	} {
		specs := trustedSpecs()
		specs.Networks["aver_x"] = options
		if problems := Guard(ScopeStack, announced{Specs: trustedSpecs()}, specs); len(problems) != 1 || problems[0].Field != "network aver_x" {
			t.Errorf("%s: %+v", name, problems)
		}
	}
	specs := trustedSpecs()
	specs.Networks["other_net"] = network.CreateOptions{Labels: label}
	if problems := Guard(ScopeStack, announced{Specs: trustedSpecs()}, specs); len(problems) != 1 {
		t.Errorf("another stack's network: %+v", problems)
	}
	// A service that names no network joins the default network, even if that one is
	// special.
	if problems := Guard(ScopeStack, announced{Specs: trustedSpecs()}, asked("aver_guest", func(s *swarm.ServiceSpec) { s.TaskTemplate.Networks[0].Target = "host" })); len(problems) != 1 {
		t.Errorf("the default network: %+v", problems)
	}
}
