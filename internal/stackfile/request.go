package stackfile

// Source is the text of one stack file.
type Source struct {
	// Name is what messages call it, such as repos/stack-repo/stack.yml.
	Name string `json:"name"`
	// Text is the file as it was read.
	Text string `json:"text"`
}

// Request is what `pulumi up` sends to stackctl on a manager, as JSON: stack files
// and what the program knows of them. A pipeline or a person sends a stack file
// itself.
type Request struct {
	// Format is 1. It tells a request from a stack file, which has no such key.
	Format int `json:"stackctl"`
	// Files are merged in their order.
	Files []Source `json:"files"`
	// Images maps a service of the files to the image that it runs, by digest.
	Images map[string]string `json:"images,omitempty"`
	// Secrets maps a secret's logical name to the versioned name of its present
	// value. Others are looked up in the Swarm's record of versions.
	Secrets map[string]string `json:"secrets,omitempty"`
}
