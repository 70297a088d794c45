package release

// stored is a release with the Docker config that holds it.
type stored struct {
	Release
	id   string
	name string
}

// history is everything that the Swarm has of a stack's releases.
type history struct {
	releases  []stored // oldest first, without the withdrawn ones
	withdrawn []stored // not yet removed
}

// last is the newest release; nil if there is none.
func (h history) last() *Release {
	if len(h.releases) == 0 {
		return nil
	}
	return &h.releases[len(h.releases)-1].Release
}

// number is the release with that number; nil if there is none.
func (h history) number(n int) *Release {
	for i := range h.releases {
		if h.releases[i].Number == n {
			return &h.releases[i].Release
		}
	}
	return nil
}

// before is the newest release whose specs differ from those of the last one; nil if there
// is none.
func (h history) before() *Release {
	last := h.last()
	for i := len(h.releases) - 2; i >= 0; i-- {
		if !sameSpecs(h.releases[i].Specs, last.Specs) {
			return &h.releases[i].Release
		}
	}
	return nil
}
