package backup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
)

// keys is a key pair as Pulumi's tls provider writes it.
func keys(t testing.TB) (age.Recipient, age.Identity) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := Recipient(string(ssh.MarshalAuthorizedKey(key)))
	if err != nil {
		t.Fatal(err)
	}
	identity, err := Identity(pem.EncodeToMemory(block))
	if err != nil {
		t.Fatal(err)
	}
	return recipient, identity
}

var night = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func named(of string, made time.Time) Name { return Name{Volume, of, "aver-manager", made} }

func wrote(content []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}
}

// all reads a whole backup.
func all(t testing.TB, store Store, name Name, identity age.Identity) ([]byte, error) {
	t.Helper()
	var content []byte
	err := Read(t.Context(), store, name, identity, func(r io.Reader) (err error) {
		content, err = io.ReadAll(r)
		return err
	})
	return content, err
}

func TestNames(t *testing.T) {
	name := named("aver_seq-data", night)
	if text := name.String(); text != "volume/aver_seq-data/aver-manager/20260301T020000Z.age" {
		t.Error(text)
	}
	if back, ok := Parse(name.String()); !ok || back != name {
		t.Errorf("%+v, %t", back, ok)
	}
	for _, bad := range []string{"", "volume", "volume/a/b/c.age", "other/a/b/20260301T020000Z.age", "volume//b/20260301T020000Z.age",
		"volume/a/b/20260301T020000Z", "volume/a/../20260301T020000Z.age", "volume/a/b/20260301T020000Z.age/x", "volume/a/b/20261301T020000Z.age"} {
		if n, ok := Parse(bad); ok {
			t.Errorf("%q is read as %+v", bad, n)
		}
	}
}

// A name that can be read is written again as the same text.
func FuzzNames(f *testing.F) {
	f.Add("volume/aver_seq-data/aver-manager/20260301T020000Z.age")
	f.Add("swarm/swarm/aver-manager/00010101T000000Z.age")
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := Parse(text); ok && (n.String() != text || n.Check() != nil || strings.Contains(text, "..") && strings.Contains(text, "/../")) {
			t.Errorf("%q is read as %+v", text, n)
		}
	})
}

func TestWrittenArchivesCanBeRead(t *testing.T) {
	recipient, identity := keys(t)
	for _, size := range []int{0, 1, 100_000, 3 << 20} {
		content := make([]byte, size)
		_, _ = rand.Read(content)
		store := &Memory{}
		if err := Write(t.Context(), store, named("data", night), recipient, wrote(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := all(t, store, named("data", night), identity); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
		}
	}
}

// A backup that is not complete never gets into the store, and Write does not hang.
func TestFailuresLeaveNothing(t *testing.T) {
	recipient, _ := keys(t)
	broken := errors.New("the disk is gone")
	store := &Memory{}
	err := Write(t.Context(), store, named("data", night), recipient, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20))
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) || len(store.Objects) != 0 {
		t.Errorf("%v, %d objects", err, len(store.Objects))
	}
	refused := errors.New("no right")
	store.Fail = func(string, string) error { return refused }
	if err := Write(t.Context(), store, named("data", night), recipient, wrote(make([]byte, 5<<20))); !errors.Is(err, refused) {
		t.Error(err)
	}
	if err := Write(t.Context(), deaf{store}, named("data", night), recipient, wrote(make([]byte, 5<<20))); !errors.Is(err, refused) {
		t.Error(err)
	}
	if err := Write(t.Context(), store, named("../x", night), recipient, wrote(nil)); err == nil {
		t.Error("a name that climbs was taken")
	}
}

// deaf is a store that fails before it has read anything.
type deaf struct{ *Memory }

func (d deaf) Put(_ context.Context, name string, _ io.Reader) error {
	return d.Fail("put", name)
}

// A backup that was cut or changed, or that is for another key, is an error; it is not read
// as less data.
func TestDamageIsSeen(t *testing.T) {
	recipient, identity := keys(t)
	content := make([]byte, 300_000)
	_, _ = rand.Read(content)
	store := &Memory{}
	name := named("data", night)
	if err := Write(t.Context(), store, name, recipient, wrote(content)); err != nil {
		t.Fatal(err)
	}
	whole := store.Objects[name.String()]
	for _, cut := range []int{0, 10, 200, 70_000, len(whole) - 100, len(whole) - 1} {
		store.Objects[name.String()] = whole[:cut]
		if _, err := all(t, store, name, identity); err == nil {
			t.Errorf("cut to %d of %d bytes, and read", cut, len(whole))
		}
	}
	for _, at := range []int{5, 150, 70_000, len(whole) - 1} {
		changed := slices.Clone(whole)
		changed[at] ^= 1
		store.Objects[name.String()] = changed
		if _, err := all(t, store, name, identity); err == nil {
			t.Errorf("byte %d was changed, and it was read", at)
		}
	}
	store.Objects[name.String()] = append(slices.Clone(whole), 'x')
	if _, err := all(t, store, name, identity); err == nil {
		t.Error("something follows, and it was read")
	}
	store.Objects[name.String()] = whole
	_, other := keys(t)
	if _, err := all(t, store, name, other); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	err := Read(t.Context(), store, name, identity, func(r io.Reader) error { _, err := io.CopyN(io.Discard, r, 10); return err })
	if err != nil {
		t.Errorf("less than %d bytes were left: %v", endPadding, err)
	}
}

// A reader that stops in the middle of the content has not read the backup: Read fails.
func TestLeftoversAreSeen(t *testing.T) {
	recipient, identity := keys(t)
	store := &Memory{}
	content := make([]byte, 3<<20)
	if err := Write(t.Context(), store, named("data", night), recipient, wrote(content)); err != nil {
		t.Fatal(err)
	}
	err := Read(t.Context(), store, named("data", night), identity, func(r io.Reader) error { _, err := io.CopyN(io.Discard, r, 10); return err })
	if err == nil {
		t.Error("most of it was not read")
	}
}

func FuzzOpen(f *testing.F) {
	recipient, identity := keys(f)
	store := &Memory{}
	if err := Write(f.Context(), store, named("data", night), recipient, wrote([]byte("content"))); err != nil {
		f.Fatal(err)
	}
	whole := store.Objects[named("data", night).String()]
	f.Add(whole)
	f.Add([]byte("age-encryption.org/v1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := open(bytes.NewReader(data), identity, func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err })
		if err == nil && !bytes.Equal(data, whole) {
			t.Errorf("%q was read", data)
		}
	})
}

func TestKeysThatAreNone(t *testing.T) {
	for _, bad := range []string{"", "ssh-ed25519", "age1xyz", "ecdsa-sha2-nistp256 AAAA"} {
		if _, err := Recipient(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
		if _, err := Identity([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
