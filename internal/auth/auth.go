// Package auth knows who may call, by tokens that never change or by the caller's own word, and what
// the bearer of a token may do. It holds hashes only, and knows no HTTP.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"

	"github.com/specgate/specgate/internal/limits"
)

// Request is what a request shows of who makes it, and for whom. Organization and Project are as the
// headers name them, and empty where they name none.
type Request struct{ Token, Organization, Project string }

// Why a request is refused. With the last two, who it was is known.
var (
	ErrToken        = errors.New("the token is not accepted")
	ErrOrganization = errors.New("the token is not good for the organization")
	ErrProject      = errors.New("the token is not good for the project")
)

// Grant is what the bearer of a token may do. An empty list binds the token to nothing: any
// organization, project or model will do.
type Grant struct {
	Name          string   // what the log calls the bearer
	Organizations []string // as the OpenAI-Organization header names them
	Projects      []string // as the OpenAI-Project header names them
	Models        []string // ids or patterns, in which * stands for any run of characters

	// Whom the request is counted for; all empty for tokens that are no managed keys.
	Key          string // id
	Organization string // id
	Project      string // id

	Scopes []limits.Scope // whose limits hold for the bearer, from the narrowest to the widest

	// Forward is whether the caller's own token goes to the backend.
	Forward bool
}

// Token is an accepted token: the SHA-256 of it, and its grant.
type Token struct {
	Hash  [sha256.Size]byte
	Grant Grant
}

// Hash is the form in which a token is kept.
func Hash(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// Tokens are the tokens that a gateway accepts. The list is fixed, so it may be read by many
// goroutines at once.
type Tokens []Token

// Authenticate finds who makes a request. It takes the same time whichever of the tokens it shows, and
// whether it is one.
func (t Tokens) Authenticate(_ context.Context, r Request) (p Principal, err error) {
	hash := Hash(r.Token)
	for i := range t {
		if subtle.ConstantTimeCompare(hash[:], t[i].Hash[:]) == 1 {
			p.Grant = &t[i].Grant
		}
	}
	switch {
	case p.Grant == nil:
		return p, ErrToken
	case r.Organization != "" && !allowed(p.Grant.Organizations, r.Organization):
		return p, ErrOrganization
	case r.Project != "" && !allowed(p.Grant.Projects, r.Project):
		return p, ErrProject
	default:
		return p, nil
	}
}

// Passthrough takes every token, and leaves it to the backend whether it is one.
type Passthrough struct{}

var passed = Grant{Name: "passthrough", Forward: true}

// Authenticate never fails.
func (Passthrough) Authenticate(context.Context, Request) (Principal, error) {
	return Principal{&passed}, nil
}

// Principal is somebody who has shown a token. The zero Principal is nobody.
type Principal struct{ Grant *Grant }

// Name is what the log calls the principal.
func (p Principal) Name() string { return p.Grant.Name }

// Key is the id of what a request is counted for; empty where keys are not managed.
func (p Principal) Key() string { return p.Grant.Key }

// Organization is as Key is.
func (p Principal) Organization() string { return p.Grant.Organization }

// Project is as Key is.
func (p Principal) Project() string { return p.Grant.Project }

// Scopes are those whose limits hold for the principal; none where nothing is limited.
func (p Principal) Scopes() []limits.Scope { return p.Grant.Scopes }

func allowed(list []string, name string) bool {
	return len(list) == 0 || slices.Contains(list, name)
}

// MayUse reports whether the principal may use the model with this id.
func (p Principal) MayUse(model string) bool {
	return len(p.Grant.Models) == 0 || slices.ContainsFunc(p.Grant.Models, func(pattern string) bool { return match(pattern, model) })
}

// match reports whether s fits pattern, in which * stands for any run of characters, slashes too.
func match(pattern, s string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s, rest = s[at+len(part):], next
	}
}
