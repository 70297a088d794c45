package backup

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
)

// Recipient reads the public key that backups are encrypted for, in authorized_keys form.
func Recipient(key string) (age.Recipient, error) {
	recipient, err := agessh.ParseRecipient(strings.TrimSpace(key))
	if err != nil {
		return nil, fmt.Errorf("the key that backups are encrypted for cannot be read: %w", err)
	}
	return recipient, nil
}

// Identity reads the private key that opens backups, in OpenSSH's form.
func Identity(key []byte) (age.Identity, error) {
	identity, err := agessh.ParseIdentity(key)
	if err != nil {
		return nil, fmt.Errorf("this is not the private key of an SSH key pair without a passphrase, as the output backupPrivateKey is: %w", err)
	}
	return identity, nil
}

// Write makes a backup of what fill writes. It is compressed and encrypted, and the store
// gets all of it or nothing. If fill returns an error, nothing is stored.
func Write(ctx context.Context, store Store, name Name, recipient age.Recipient, fill func(io.Writer) error) error {
	if err := name.Check(); err != nil {
		return err
	}
	reader, writer := io.Pipe()
	filled := make(chan error, 1)
	go func() {
		err := seal(writer, recipient, fill)
		filled <- err
		writer.CloseWithError(err) // nil is the end of the content
	}()
	err := store.Put(ctx, name.String(), reader)
	// A store that failed stops reading: fill must not wait for it.
	reader.CloseWithError(errors.Join(errors.New("the store stopped reading"), err))
	if cause := <-filled; cause != nil && err == nil {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("back up %s %s: %w", name.Kind, name.Of, err)
	}
	return nil
}

func seal(out io.Writer, recipient age.Recipient, fill func(io.Writer) error) error {
	sealed, err := age.Encrypt(out, recipient)
	if err != nil {
		return err
	}
	// The fastest level: the service is paused while its volume is read.
	zip, err := gzip.NewWriterLevel(sealed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := fill(zip); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	return sealed.Close()
}

// Read lets use read a backup. It fails if the backup was cut or changed, or if use does
// not read all of it; what use read until then is genuine but incomplete.
func Read(ctx context.Context, store Store, name Name, identity age.Identity, use func(io.Reader) error) error {
	content, err := store.Get(ctx, name.String())
	if err != nil {
		return fmt.Errorf("read the backup %s: %w", name, err)
	}
	defer content.Close()
	if err := open(content, identity, use); err != nil {
		return fmt.Errorf("read the backup %s: %w", name, err)
	}
	return nil
}

// ErrOtherKey says that a private key does not open a backup.
var ErrOtherKey = errors.New("it is encrypted for another key; use the output backupPrivateKey of the Pulumi stack that made it")

func open(content io.Reader, identity age.Identity, use func(io.Reader) error) error {
	plain, err := age.Decrypt(content, identity)
	var other *age.NoIdentityMatchError
	if errors.As(err, &other) {
		return ErrOtherKey
	}
	if err != nil {
		return err
	}
	zip, err := gzip.NewReader(plain)
	if err != nil {
		return err
	}
	if err := use(zip); err != nil {
		return err
	}
	// The end of the archive is not the end of the file. Only the end of the file proves
	// that it is complete, and gzip reads up to it.
	left, err := io.Copy(io.Discard, io.LimitReader(zip, endPadding+1))
	if err == nil && left > endPadding {
		err = errors.New("it has more content than was read")
	}
	return err
}

// endPadding is how many bytes may follow the end of a tar archive: tar fills up its last
// record, of 20 blocks by default.
const endPadding = 1 << 20
