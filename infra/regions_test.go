package infra

import "testing"

func TestOnlyAMisspeltRegionIsRefused(t *testing.T) {
	for name, want := range map[string]struct{ refused, doubted bool }{
		"westeurope": {}, "eastus2": {},
		"westerope": {refused: true}, "estus": {refused: true},
		"westus9": {doubted: true}, "atlantiscentral": {doubted: true}, "eastus2euap": {doubted: true},
	} {
		doubt, err := checkRegion(name)
		if (err != nil) != want.refused || (doubt != "") != want.doubted {
			t.Errorf("%s: error %v, warning %q", name, err, doubt)
		}
		c := full()
		c.Location = name
		if refused := len(c.Validate()) > 0; refused != want.refused {
			t.Errorf("%s: refused is %v", name, refused)
		}
	}
}
