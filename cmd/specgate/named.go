package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
)

// What no --org means.
const (
	theDefault = "; empty is the default one"
	everyOne   = "; empty is all of them"
)

// orgFlag gives cmd --org.
func orgFlag(cmd *cobra.Command, empty string) *string {
	return cmd.Flags().String("org", "", "`organization`, by its id or its name"+empty+" (--organization is the same)")
}

// flagAlias has --organization be --org, which is how it is called in the help.
func flagAlias(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "organization" {
		name = "org"
	}
	return pflag.NormalizedName(name)
}

// labels are the names of organizations, projects and keys, by their ids.
type labels map[string]string

// name is what a table has: names of organizations are unique, and those of projects within one. What has none, for it
// is gone or of the settings, is shown by its id.
func (l labels) name(id string) string {
	if name := l[id]; name != "" {
		return name
	}
	return id
}

// both is what one thing is shown with.
func (l labels) both(id string) string {
	if name := l[id]; name != "" {
		return name + " (" + id + ")"
	}
	return id
}

func ownersIn(ctx context.Context, s *store.Store) (labels, error) {
	called := labels{}
	orgs, err := s.Organizations(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range orgs {
		called[o.ID] = o.Name
	}
	projects, err := s.Projects(ctx, "")
	for _, p := range projects {
		called[p.ID] = p.Name
	}
	return called, err
}

func namesIn(ctx context.Context, s *store.Store) (labels, error) {
	called, err := ownersIn(ctx, s)
	if err != nil {
		return nil, err
	}
	all, err := s.Keys(ctx)
	for _, k := range all {
		called[k.ID] = k.Name
	}
	return called, err
}

// projectsOf finds projects of an organization. Of one that is not there it says which organization was searched, and
// which others have one of that name.
func projectsOf(ctx context.Context, s *store.Store, o keys.Organization) store.Projects {
	return func(named string) (keys.Project, error) {
		p, err := s.Project(ctx, o.ID, named)
		if !errors.Is(err, keys.ErrNotFound) {
			return p, err
		}
		err = fmt.Errorf("%w in the organization %q", err, o.Name)
		if others := havingProject(ctx, s, named); len(others) > 0 {
			return p, fmt.Errorf("%w; there is one in %s, which --org chooses", err, strings.Join(others, " and "))
		}
		return p, fmt.Errorf("%w; --org chooses another", err)
	}
}

// havingProject are the organizations that have a project, quoted. It is for a hint: what cannot be read is not there.
func havingProject(ctx context.Context, s *store.Store, named string) (quoted []string) {
	all, err := s.Projects(ctx, "")
	called, errOwners := ownersIn(ctx, s)
	if errors.Join(err, errOwners) != nil {
		return nil
	}
	for _, p := range all {
		if p.Name == named || p.ID == keys.BareProject(named) {
			quoted = append(quoted, fmt.Sprintf("%q", called.name(p.Organization)))
		}
	}
	return quoted
}

// keyNamed is the name or id that an argument gives. Of a token it is the id; a text that looks like one
// and is none is not repeated.
func keyNamed(arg string) (string, error) {
	if token, ok := keys.ParseToken(arg); ok {
		return token.ID, nil
	}
	if strings.HasPrefix(arg, "sg-") {
		return "", errors.New("that is no token of a managed key, or not all of one: give the id or the name of the key")
	}
	return arg, nil
}

// keyCalled finds a key by what keyNamed gives. Where several have the name, all of them are listed.
func keyCalled(ctx context.Context, s *store.Store, named string) (keys.Key, error) {
	k, err := s.KeyNamed(ctx, named)
	if err == nil || errors.Is(err, keys.ErrNotFound) {
		return k, err
	}
	several, failed := namesakes(ctx, s, named)
	called, errOwners := ownersIn(ctx, s)
	if len(several) < 2 || errors.Join(failed, errOwners) != nil {
		return k, err
	}
	for _, one := range several {
		err = fmt.Errorf("%w\n%s: made %s, of the organization %q", err, one.ID, moment(momentOf(one.Created)), called.name(one.Organization))
	}
	return k, err
}

// namesakes are the keys that a name may mean, the oldest first: those that are revoked where there are no others.
func namesakes(ctx context.Context, s *store.Store, name string) ([]keys.Key, error) {
	all, err := s.Keys(ctx)
	named := slices.DeleteFunc(all, func(k keys.Key) bool { return k.Name != name })
	usable := slices.DeleteFunc(slices.Clone(named), func(k keys.Key) bool { return !k.Revoked.IsZero() })
	if len(usable) > 0 {
		return usable, err
	}
	return named, err
}

// noteNamesakes says that a key which was given a name is not the only one that has it. It is no reason to fail.
func noteNamesakes(ctx context.Context, s *store.Store, term terminal, name string) {
	if _, err := s.KeyNamed(ctx, name); err == nil {
		return
	}
	if all, err := namesakes(ctx, s, name); err == nil && len(all) > 1 {
		_, _ = fmt.Fprintf(term.stderr, "specgate: note: %d keys are named %q: commands tell them apart by their ids alone\n", len(all), name)
	}
}
