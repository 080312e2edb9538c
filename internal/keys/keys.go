// Package keys owns what a key of the gateway is, what it may do, and who bears one: the form of
// tokens, organizations and projects, and the answer to a token that a request shows. It knows no SQL
// and no HTTP: where keys are kept is known by the interface Source.
package keys

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/specgate/specgate/internal/limits"
)

// ErrNotFound is a key, an organization or a project that is not there.
var ErrNotFound = errors.New("not found")

// Key is what one token may do. The zero time is never.
type Key struct {
	ID          string
	Name        string
	Description string

	Organization   string   // id
	EveryProject   bool     // it may be used in all of the organization's projects, later ones too
	Projects       []string // ids, where not in every one
	DefaultProject string   // id; that of requests which name none

	Models []string // ids or patterns, in which * stands for any run of characters; empty for all
	Limits limits.Limits

	Secret        Hash
	Previous      Hash      // of the secret before the last rotation
	PreviousUntil time.Time // the moment from which that is refused

	Created  time.Time
	Expires  time.Time
	Revoked  time.Time
	LastUsed time.Time // to within a minute or so
	Disabled bool
}

// Organization is what keys and projects belong to.
type Organization struct {
	ID       string // 24 hexadecimal digits
	Name     string // that no other has
	Default  bool   // keys belong to it that name none
	Disabled bool   // none of its keys is accepted
	Limits   limits.Limits
	Created  time.Time
}

// Project is a part of an organization.
type Project struct {
	ID           string // 24 hexadecimal digits
	Organization string // id
	Name         string // that no other of the organization has
	Default      bool   // keys of the organization use it that name none
	Disabled     bool   // no key may be used in it
	Limits       limits.Limits
	Created      time.Time
}

// State says in a word whether a key is accepted at a time, as far as the key itself goes.
func (k Key) State(now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	case k.Disabled:
		return "disabled"
	default:
		return "active"
	}
}

// MayUseProject reports whether the key may be used in a project of its organization.
func (k Key) MayUseProject(id string) bool { return k.EveryProject || slices.Contains(k.Projects, id) }

// Rotate gives the key a new secret, and returns the token, which is to be shown once. The one before is
// good for grace longer, and the one before that no more.
func (k *Key) Rotate(now time.Time, grace time.Duration) (token string) {
	k.Previous, k.PreviousUntil = Hash{}, time.Time{}
	if grace > 0 {
		k.Previous, k.PreviousUntil = k.Secret, now.Add(grace)
	}
	token, k.Secret = NewSecret(k.ID)
	return token
}

// Revoke ends the key for good.
func (k *Key) Revoke(now time.Time) {
	if k.Revoked.IsZero() {
		k.Revoked = now
	}
	k.Secret, k.Previous, k.PreviousUntil = Hash{}, Hash{}, time.Time{}
}

// NewOrganization is one with an id of its own, and the project that it begins with.
func NewOrganization(name string, now time.Time) (Organization, Project) {
	o := Organization{ID: newOwnerID(), Name: name, Created: now}
	p := NewProject(o.ID, "default", now)
	p.Default = true
	return o, p
}

// NewProject is one of an organization, with an id of its own.
func NewProject(organization, name string, now time.Time) Project {
	return Project{ID: newOwnerID(), Organization: organization, Name: name, Created: now}
}

// BareOrganization is the id that a header or an operator names: bare digits in either case, or with
// the prefix of OpenAI's ids. What is no id is no organization's.
func BareOrganization(named string) string { return strings.ToLower(strings.TrimPrefix(named, "org-")) }

// BareProject is BareOrganization for projects.
func BareProject(named string) string { return strings.ToLower(strings.TrimPrefix(named, "proj_")) }
