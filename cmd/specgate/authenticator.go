package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/server"
)

// storeTime is how long the start waits for the store, and for another instance that changes its schema.
const storeTime = 5 * time.Minute

// openStore opens the store, where a gateway needs one; else it is nil.
func openStore(cfg config.Config, logger *slog.Logger) (kept *store.Store, closes func(), err error) {
	if !cfg.Stored() {
		return nil, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	if kept, err = store.Open(ctx, cfg.StoreURL()); err != nil {
		return nil, nil, ofStore(cfg, err)
	}
	return kept, func() {
		if err := kept.Close(); err != nil {
			logger.Warn("close the store", "cause", err)
		}
	}, nil
}

// newManagedKeys are those of the store, with metrics of how that answers.
func newManagedKeys(kept *store.Store, metrics *instruments, logger *slog.Logger) (who server.Authenticator, forget func(), err error) {
	looked, err := metrics.CountLookUps()
	if err != nil {
		return nil, nil, err
	}
	o := keys.Options{Source: kept, Logger: logger, Looked: func(l keys.LookUp) { looked(string(l)) }}
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	managed, err := keys.New(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if err := metrics.WatchStore(managed.Away); err != nil {
		managed.Close()
		return nil, nil, err
	}
	return managed, managed.Close, nil
}

// newTokens keeps the hashes of the accepted tokens, and what each is bound to.
func newTokens(accepted []config.Token) (auth.Tokens, error) {
	tokens := make(auth.Tokens, len(accepted))
	for i, t := range accepted {
		hash, err := hashOf(t)
		if err != nil {
			return nil, fmt.Errorf("auth.tokens[%d].sha256: not hexadecimal", i)
		}
		grant := auth.Grant{Name: t.Name, Organizations: t.Organizations, Projects: t.Projects, Models: t.Models, Scopes: newScopes(t)}
		tokens[i] = auth.Token{Hash: hash, Grant: grant}
	}
	return tokens, nil
}

func hashOf(t config.Token) (hash [sha256.Size]byte, err error) {
	if t.SHA256.IsZero() {
		return auth.Hash(t.Token.Reveal()), nil
	}
	_, err = hex.Decode(hash[:], []byte(t.SHA256.Reveal()))
	return hash, err
}

// newSecrets are the tokens of the settings, that of operators among them.
func newSecrets(cfg config.Config) *completion.Secrets {
	s := &completion.Secrets{Plain: []string{cfg.Ops.Token.Reveal()}}
	for _, t := range cfg.Auth.Tokens {
		if t.SHA256.IsZero() {
			s.Plain = append(s.Plain, t.Token.Reveal())
		} else if hash, err := hashOf(t); err == nil {
			s.Hashes = append(s.Hashes, hash)
		}
	}
	return s
}
