package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/letsencrypt/pebble/v2/acme"
	"github.com/letsencrypt/pebble/v2/core"
	"github.com/letsencrypt/pebble/v2/db"
)

// accounts keeps the accounts in a file. Without it they would be lost, and Caddy before
// 2.7 does not make a new account when the authority no longer knows its old one.
type accounts struct {
	file  string
	store *db.MemoryStore
}

// account is one account in the form of the file.
type account struct {
	ID      string           `json:"id"`
	Key     *jose.JSONWebKey `json:"key"`
	Contact []string         `json:"contact,omitempty"`
}

func (a accounts) read() ([]account, error) {
	text, err := os.ReadFile(a.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var kept []account
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return nil, fmt.Errorf("read the accounts: %s: %w", a.file, err)
	}
	return kept, nil
}

// restore puts the accounts back into the store, each under its id. The store would give a
// new account another id. But when an account's key changes, it keeps the id that the
// account has.
func (a accounts) restore() error {
	kept, err := a.read()
	if err != nil {
		return err
	}
	for _, one := range kept {
		former, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		held := &core.Account{
			Account: acme.Account{Status: acme.StatusValid, Contact: one.Contact},
			Key:     &jose.JSONWebKey{Key: former.Public()}, ID: one.ID,
		}
		if err := a.store.ChangeAccountKey(held, one.Key); err != nil {
			return fmt.Errorf("account %s: %w", one.ID, err)
		}
	}
	return nil
}

// watch notes every account that an answer creates.
func (a accounts) watch(next http.Handler) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &status{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		made := a.store.GetAccountByID(path.Base(w.Header().Get("Location")))
		if answer.code != http.StatusCreated || made == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if err := a.add(account{made.ID, made.Key, made.Contact}); err != nil {
			log.Printf("keep account %s: %v", made.ID, err)
		}
	})
}

func (a accounts) add(one account) error {
	kept, err := a.read()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(append(kept, one), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(a.file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(a.file+".new", a.file)
}

// status remembers the code of an answer.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}
