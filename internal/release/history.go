package release

// stored is a release with the Docker config that holds it.
type stored struct {
	Release
	id   string
	name string
}

// history is all that the Swarm has of a stack's releases.
type history struct {
	releases  []stored // oldest first, without the withdrawn ones
	withdrawn []stored // not yet removed
}

// last is the newest release; nil where there is none.
func (h history) last() *Release {
	if len(h.releases) == 0 {
		return nil
	}
	return &h.releases[len(h.releases)-1].Release
}

// number is the release of that number; nil where there is none.
func (h history) number(n int) *Release {
	for i := range h.releases {
		if h.releases[i].Number == n {
			return &h.releases[i].Release
		}
	}
	return nil
}

// before is the newest release whose specs are not those of the last one; nil
// where there is none.
func (h history) before() *Release {
	last := h.last()
	for i := len(h.releases) - 2; i >= 0; i-- {
		if !sameSpecs(h.releases[i].Specs, last.Specs) {
			return &h.releases[i].Release
		}
	}
	return nil
}
