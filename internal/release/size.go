package release

import "fmt"

// releaseError says why a release could not be kept.
type releaseError struct{ bytes int }

func (e releaseError) Error() string {
	return fmt.Sprintf("the stack file is too large: its release would have about %d bytes, and Docker keeps at most %d; split it into two stacks", e.bytes, configLimit-1)
}

// small refuses specs whose release would be too large for Docker to keep: Docker's version
// of the specs is about as large as they are.
func small(p plan) error {
	data, err := pack(Release{Specs: p.specs, Live: p.specs.Services, Secrets: p.secrets})
	if err == nil && len(data) >= configLimit*9/10 {
		err = releaseError{len(data)}
	}
	return err
}
