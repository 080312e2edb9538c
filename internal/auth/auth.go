// Package auth knows the tokens that the gateway accepts, and what the bearer of each may do. It
// holds hashes only, and knows no HTTP.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/specgate/specgate/internal/limits"
)

// Grant is what the bearer of a token may do. An empty list binds the token to nothing: any
// organization, project or model will do.
type Grant struct {
	Name          string         // what the log calls the bearer
	Organizations []string       // as the OpenAI-Organization header names them
	Projects      []string       // as the OpenAI-Project header names them
	Models        []string       // ids or patterns, in which * stands for any run of characters
	Scopes        []limits.Scope // whose limits hold for the bearer, from the narrowest to the widest
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

// Authenticate finds who bears token; ok is false where nobody does. It takes the same time
// whichever of the tokens it was, and whether it was one.
func (t Tokens) Authenticate(token string) (p Principal, ok bool) {
	hash := Hash(token)
	for i := range t {
		if subtle.ConstantTimeCompare(hash[:], t[i].Hash[:]) == 1 {
			p.Grant = &t[i].Grant
		}
	}
	return p, p.Grant != nil
}

// Principal is somebody who has shown a token.
type Principal struct{ Grant *Grant }

// Name is what the log calls the principal.
func (p Principal) Name() string { return p.Grant.Name }

// Scopes are those whose limits hold for the principal; none where nothing is limited.
func (p Principal) Scopes() []limits.Scope { return p.Grant.Scopes }

// MayActFor reports whether the principal may make requests for an organization; "" is none named.
func (p Principal) MayActFor(organization string) bool {
	return organization == "" || allowed(p.Grant.Organizations, organization)
}

// MayActIn reports whether the principal may make requests in a project; "" is none named.
func (p Principal) MayActIn(project string) bool {
	return project == "" || allowed(p.Grant.Projects, project)
}

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
