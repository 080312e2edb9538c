package keys

import (
	"sync/atomic"
	"time"

	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/limits"
)

// known is a key as it is remembered, and what was granted with it last.
type known struct {
	Key
	last atomic.Pointer[granted]
	used atomic.Int64 // the second of its last use, since 1970
}

// firstOf reports whether a key is used for the first time in a second.
func (k *known) firstOf(now time.Time) bool {
	second := now.Unix()
	return k.used.Load() != second && k.used.Swap(second) != second
}

// granted is who asks with a key: the same for every request that names the same, as long as nothing of the key and
// of its organization has changed. What has changed is remembered in another place.
type granted struct {
	asked    auth.Request // without the token
	holdings *Holdings
	auth.Principal
}

// principal is Key's, which most requests have in common with the one before.
func (k *known) principal(h *Holdings, r auth.Request) (auth.Principal, error) {
	r.Token = ""
	if last := k.last.Load(); last != nil && last.holdings == h && last.asked == r {
		return last.Principal, nil
	}
	p, err := k.Key.principal(*h, r)
	if err == nil {
		k.last.Store(&granted{r, h, p})
	}
	return p, err
}

// principal is who asks, in the project that the request names or the key has by default. One who is refused
// counts for the key and its organization all the same.
func (k Key) principal(h Holdings, r auth.Request) (auth.Principal, error) {
	grant := &auth.Grant{Name: k.Name + "/" + k.ID, Models: k.Models, Key: k.ID, Organization: h.ID}
	key := limits.Scope{ID: "key:" + k.ID, Limits: k.Limits}
	organization := limits.Scope{ID: "organization:" + h.ID, Limits: h.Limits}
	id, err := k.project(h, r)
	if err != nil {
		grant.Scopes = []limits.Scope{key, organization}
		return auth.Principal{Grant: grant}, err
	}
	grant.Project = id
	grant.Scopes = []limits.Scope{key, {ID: "project:" + id, Limits: h.Projects[id].Limits}, organization}
	return auth.Principal{Grant: grant}, nil
}

// project is the id of the project of a request. What is another's and what is not there are refused alike.
func (k Key) project(h Holdings, r auth.Request) (id string, err error) {
	if r.Organization != "" && BareOrganization(r.Organization) != h.ID {
		return "", auth.ErrOrganization
	}
	id = k.DefaultProject
	if r.Project != "" {
		id = BareProject(r.Project)
	}
	if project, ok := h.Projects[id]; !ok || project.Disabled || !k.MayUseProject(id) {
		return "", auth.ErrProject
	}
	return id, nil
}
