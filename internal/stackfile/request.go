package stackfile

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// requestFormat is the current format of a Request.
const requestFormat = 1

// Request is what `pulumi up` sends to stackctl on a manager, as JSON: stack files and what
// the program knows about them. A pipeline or a person sends the stack file itself.
type Request struct {
	// Format is 1. It tells a request from a stack file, which has no such key.
	Format int `json:"stackctl"`
	Input
	// Images maps a service of the files to the image that it runs, by digest.
	Images map[string]string `json:"images,omitempty"`
	// Secrets maps a secret's logical name to the versioned name of its present
	// value. Others are looked up in the Swarm's record of versions.
	Secrets map[string]string `json:"secrets,omitempty"`
	// Complete is set if the values of variables came with the request.
	Complete bool `json:"-"`
}

// MaxInput bounds what stackctl reads from its standard input: the largest request. Its
// JSON may need six characters for one character of a stack file, and it has the files
// beside it in base64.
const MaxInput = 6*MaxBytes + 4*maxBeside/3 + 256<<10

// Request returns what to send to a manager. It leaves out secrets that the file does not
// name, so that a new value of such a secret does not cause a deployment. Its JSON is
// the same for the same input.
func (f *File) Request(images, secrets map[string]string) Request {
	request := Request{Format: requestFormat, Input: f.input, Images: images}
	for _, name := range f.Secrets() {
		if versioned, ok := secrets[name]; ok {
			if request.Secrets == nil {
				request.Secrets = map[string]string{}
			}
			request.Secrets[name] = versioned
		}
	}
	return request
}

// ReadRequest reads the text from standard input: a request, or a stack file, which becomes
// a request with one file of this name.
func ReadRequest(name string, input []byte) (Request, error) {
	var probe struct {
		Format *json.RawMessage `json:"stackctl"`
	}
	if !bytes.HasPrefix(bytes.TrimSpace(input), []byte("{")) || json.Unmarshal(input, &probe) != nil || probe.Format == nil {
		return Request{Format: requestFormat, Input: Input{Files: []Source{{Name: name, Text: string(input)}}}}, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(input))
	decoder.DisallowUnknownFields()
	var request Request
	if err := decoder.Decode(&request); err != nil {
		return Request{}, fmt.Errorf("the request cannot be read: %w", err)
	}
	request.Complete = true
	if request.Format != requestFormat {
		return Request{}, fmt.Errorf("the request has the format %d, and this stackctl knows %d; run `pulumi up` from the checkout that set up this manager", request.Format, requestFormat)
	}
	return request, nil
}

// File parses the request's files.
func (r Request) File() (*File, error) { return Parse(r.Input) }
