// Package blobs keeps backups in a container of an Azure storage account. It is a separate
// package because of its dependencies: only stackctl needs them, and the Pulumi program
// does not.
package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"averazure/internal/backup"
)

const (
	// blockSize is the number of bytes sent in one request. A blob has at most 50000
	// blocks: 400 GB.
	// https://learn.microsoft.com/azure/storage/blobs/scalability-targets
	blockSize = 8 << 20
	// parallel is the number of blocks sent at the same time; each takes blockSize of
	// memory.
	parallel = 3
	// tries and tryLimit bound one request: a block, a page of a list.
	tries    = 5
	tryLimit = 2 * time.Minute
)

// store is a container of a storage account.
type store struct {
	container string
	client    *azblob.Client
	page      *int32 // how many blobs a page of a list has; nil leaves that to Azure
}

// Open returns the container at an address such as
// https://ACCOUNT.blob.core.windows.net/CONTAINER. It signs in with the identity that Azure
// gave this VM.
func Open(address string) (backup.Store, error) {
	identity, err := azidentity.NewManagedIdentityCredential(nil)
	if err != nil {
		return nil, err
	}
	return open(address, identity, nil)
}

func open(address string, credential azcore.TokenCredential, transport policy.Transporter) (backup.Store, error) {
	u, err := url.Parse(address)
	name := ""
	if err == nil {
		name = strings.Trim(u.Path, "/")
	}
	if err != nil || u.Scheme != "https" || u.Host == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%q is not the address of a container, https://ACCOUNT.blob.core.windows.net/CONTAINER", address)
	}
	options := &azblob.ClientOptions{ClientOptions: policy.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: tries - 1, TryTimeout: tryLimit, MaxRetryDelay: 20 * time.Second},
		Transport: transport,
	}}
	client, err := azblob.NewClient("https://"+u.Host+"/", credential, options)
	return &store{container: name, client: client}, err
}

func (s *store) List(ctx context.Context, prefix string) ([]backup.Object, error) {
	var found []backup.Object
	pages := s.client.NewListBlobsFlatPager(s.container, &container.ListBlobsFlatOptions{Prefix: &prefix, MaxResults: s.page})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(err)
		}
		for _, item := range page.Segment.BlobItems {
			if item.Name == nil || item.Properties == nil || item.Properties.ContentLength == nil {
				return nil, errors.New("Azure lists a blob without name or size")
			}
			found = append(found, backup.Object{Name: *item.Name, Size: *item.Properties.ContentLength})
		}
	}
	return found, nil
}

// Put sends one block after the other. The blob exists only when the list of its blocks has
// been sent.
func (s *store) Put(ctx context.Context, name string, content io.Reader) error {
	_, err := s.client.UploadStream(ctx, s.container, name, content, &azblob.UploadStreamOptions{
		BlockSize: blockSize, Concurrency: parallel,
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: etagAny()}},
	})
	return explain(err)
}

// Get continues where the connection broke, as long as the blob is still the same.
func (s *store) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	answer, err := s.client.DownloadStream(ctx, s.container, name, nil)
	if err != nil {
		return nil, explain(err)
	}
	return answer.NewRetryReader(ctx, &blob.RetryReaderOptions{MaxRetries: tries}), nil
}

func (s *store) Delete(ctx context.Context, name string) error {
	_, err := s.client.DeleteBlob(ctx, s.container, name, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil
	}
	return explain(err)
}

// explain turns Azure's answer into one line, with the remedy where there is one.
func explain(err error) error {
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) {
		return err
	}
	text := fmt.Sprintf("Azure says %d %s", answer.StatusCode, answer.ErrorCode)
	switch {
	case bloberror.HasCode(err, bloberror.ContainerNotFound):
		text += "; `pulumi up` makes the container"
	case answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		text += "; the VM's identity lacks the role: a new role takes up to ten minutes, and `pulumi up --refresh` assigns it again"
	}
	return azureError{text, err}
}

// azureError replaces the text of a long error of the SDK with a short one.
type azureError struct {
	text  string
	cause error
}

func (a azureError) Error() string { return a.text }
func (a azureError) Unwrap() error { return a.cause }

// etagAny matches every blob that exists.
func etagAny() *azcore.ETag {
	any := azcore.ETagAny
	return &any
}
