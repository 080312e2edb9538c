package keys

import (
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/limits"
)

// principal is who asks, in the project that the request names or the key has by default. What is
// another's and what is not there are refused alike.
func (k Key) principal(h Holdings, r auth.Request) (auth.Principal, error) {
	grant := &auth.Grant{Name: k.Name + "/" + k.ID, Models: k.Models, Key: k.ID, Organization: h.ID}
	p := auth.Principal{Grant: grant}
	if r.Organization != "" && BareOrganization(r.Organization) != h.ID {
		return p, auth.ErrOrganization
	}
	id := k.DefaultProject
	if r.Project != "" {
		id = BareProject(r.Project)
	}
	project, ok := h.Projects[id]
	if !ok || project.Disabled || !k.MayUseProject(id) {
		return p, auth.ErrProject
	}
	grant.Project = id
	grant.Scopes = []limits.Scope{
		{ID: "key:" + k.ID, Limits: k.Limits},
		{ID: "project:" + id, Limits: project.Limits},
		{ID: "organization:" + h.ID, Limits: h.Limits},
	}
	return p, nil
}
