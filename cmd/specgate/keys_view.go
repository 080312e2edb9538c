package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
)

// keyView is a key as it is printed. Times are null for never.
type keyView struct {
	ID             string     `json:"id"`
	Token          string     `json:"token,omitempty"` // where it was made just now
	Name           string     `json:"name"`
	Description    string     `json:"description"`
	State          string     `json:"state"`
	Organization   string     `json:"organization"`
	EveryProject   bool       `json:"every_project"`
	Projects       []string   `json:"projects"`
	DefaultProject string     `json:"default_project"`
	Models         []string   `json:"models"`
	Limits         limitsView `json:"limits"`
	Created        *time.Time `json:"created"`
	Expires        *time.Time `json:"expires"`
	LastUsed       *time.Time `json:"last_used"`
	Revoked        *time.Time `json:"revoked"`
	PreviousUntil  *time.Time `json:"previous_until"`

	called labels
}

var keyTitles = []string{"id", "name", "state", "organization", "projects", "models", "limits", "created", "expires", "last used", "description"}

func (v keyView) cells() []string {
	return []string{
		v.ID, v.Name, v.State, v.called.name(v.Organization), v.projects(v.called.name, " "), v.models(), v.Limits.cell(),
		moment(v.Created), moment(v.Expires), moment(v.LastUsed), dash(v.Description),
	}
}

func (v keyView) facts() []fact {
	before := "-"
	if v.PreviousUntil != nil {
		before = "accepted until " + moment(v.PreviousUntil)
	}
	return []fact{
		{"id", v.ID},
		{"name", v.Name},
		{"description", dash(v.Description)},
		{"state", v.State},
		{"organization", v.called.both(v.Organization)},
		{"projects", v.projects(v.called.both, ", ")},
		{"default project", v.called.both(v.DefaultProject)},
		{"models", v.models()},
		{"limits", v.Limits.cell()},
		{"created", moment(v.Created)},
		{"expires", moment(v.Expires)},
		{"last used", moment(v.LastUsed)},
		{"token before", before},
	}
}

func (v keyView) projects(of func(id string) string, between string) string {
	if v.EveryProject {
		return "every"
	}
	var all []string
	for _, id := range v.Projects {
		all = append(all, of(id))
	}
	return strings.Join(all, between)
}

func (v keyView) models() string {
	if len(v.Models) == 0 {
		return "all"
	}
	return strings.Join(v.Models, " ")
}

func viewKey(k keys.Key, called labels) keyView {
	now := time.Now()
	v := keyView{
		ID: k.ID, Name: k.Name, Description: k.Description, State: k.State(now),
		Organization: k.Organization, EveryProject: k.EveryProject, Projects: notNull(k.Projects), DefaultProject: k.DefaultProject,
		Models: notNull(k.Models), Limits: viewLimits(k.Limits),
		Created: momentOf(k.Created), Expires: momentOf(k.Expires), LastUsed: momentOf(k.LastUsed), Revoked: momentOf(k.Revoked),
		called: called,
	}
	if now.Before(k.PreviousUntil) {
		v.PreviousUntil = momentOf(k.PreviousUntil)
	}
	return v
}

func notNull(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func momentOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

func moment(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.Format(time.RFC3339)
}

// tokenShown is what is printed of a key whose token was made just now. It is the only place that has it,
// and is made before the key is kept: a token that cannot be shown is not to be kept.
func tokenShown(format output, v keyView, token string) ([]byte, error) {
	v.Token = token
	var text bytes.Buffer
	to := terminal{stdout: &text}
	if format == "json" {
		err := printJSON(to, v)
		return text.Bytes(), err
	}
	if err := one(to, format, v); err != nil {
		return nil, err
	}
	_, err := fmt.Fprintf(&text, "\n%s\n\nThis is the token. It is shown this once.\n", token)
	return text.Bytes(), err
}

func showToken(term terminal, k keys.Key, shown []byte) error {
	if _, err := term.stdout.Write(shown); err != nil {
		return fmt.Errorf("the key %s is kept, and its token could not be printed: give it another with specgate keys rotate %s: %w", k.ID, k.ID, err)
	}
	return nil
}

func newKeysList(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the keys, but for those that are revoked",
		Example: `  specgate keys list --org acme --format json | jq -r '.[] | select(.last_used == null) | .id'`,
		Args:    arguments(),
	}
	all := cmd.Flags().Bool("all", false, "list those that are revoked too")
	org := orgFlag(cmd, everyOne)
	format, run := outputFlag(cmd), readStore(cmd, term)
	cmd.RunE = func(*cobra.Command, []string) error {
		return run(func(ctx context.Context, s *store.Store) error {
			found, err := s.Keys(ctx)
			if err != nil {
				return err
			}
			id := ""
			if *org != "" {
				o, err := s.Organization(ctx, *org)
				if err != nil {
					return err
				}
				id = o.ID
			}
			found = slices.DeleteFunc(found, func(k keys.Key) bool {
				return !*all && !k.Revoked.IsZero() || id != "" && k.Organization != id
			})
			called, err := ownersIn(ctx, s)
			if err != nil {
				return err
			}
			return list(term, *format, keyTitles, views(found, func(k keys.Key) keyView { return viewKey(k, called) }))
		})
	}
	return cmd
}

func newKeysShow(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "show KEY", Short: "Show a key, but for its token", Args: arguments("KEY")}
	format, run := outputFlag(cmd), readStore(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		named, err := keyNamed(args[0])
		if err != nil {
			return err
		}
		return run(func(ctx context.Context, s *store.Store) error {
			k, err := keyCalled(ctx, s, named)
			if err != nil {
				return err
			}
			called, err := ownersIn(ctx, s)
			if err != nil {
				return err
			}
			return one(term, *format, viewKey(k, called))
		})
	}
	return cmd
}
