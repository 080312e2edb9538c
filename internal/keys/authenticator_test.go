package keys_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/limits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What differs for an id that nobody has, beside the row that is not there, would tell which ids there
// are: how often the store is asked and secrets are compared, and the answer.
func TestWrongIDAndWrongSecretGoTheSameWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		_, id := s.add(nil)
		wrongSecret, _ := keys.NewSecret(id)
		wrongID, _ := keys.NewSecret(keys.NewID())
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			var ways []string
			compared := a.CountComparisons()
			for _, token := range []string{wrongSecret, wrongID} {
				before := s.count("key")
				*compared = 0
				for range 3 {
					if err := ask(t, a, token); err != auth.ErrToken { //nolint:errorlint // to the letter
						t.Errorf("the error is %v", err)
					}
				}
				ways = append(ways, fmt.Sprint(s.count("key")-before, s.count("holdings"), *compared))
			}
			if ways[0] != ways[1] || *compared == 0 {
				t.Errorf("the ways are %q", ways)
			}
		})
	})
}

func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		now := time.Now()
		for name, test := range map[string]struct {
			edit func(*keys.Key)
			want error
		}{
			"active":        {nil, nil},
			"disabled":      {func(k *keys.Key) { k.Disabled = true }, auth.ErrToken},
			"expired":       {func(k *keys.Key) { k.Expires = now }, auth.ErrToken},
			"not yet":       {func(k *keys.Key) { k.Expires = now.Add(time.Minute) }, nil},
			"revoked":       {func(k *keys.Key) { k.Revoke(now) }, auth.ErrToken},
			"marked only":   {func(k *keys.Key) { k.Revoked = now }, auth.ErrToken},
			"rotated":       {func(k *keys.Key) { k.Rotate(now, 0) }, auth.ErrToken},
			"in its grace":  {func(k *keys.Key) { k.Rotate(now, time.Minute) }, nil},
			"twice rotated": {func(k *keys.Key) { k.Rotate(now, time.Minute); k.Rotate(now, time.Minute) }, auth.ErrToken},
		} {
			token, _ := s.add(test.edit)
			follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
				if err := ask(t, a, token); !errors.Is(err, test.want) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		token, _ := s.add(func(k *keys.Key) { k.Expires = now.Add(time.Minute) })
		rotated, _ := s.add(func(k *keys.Key) { k.Rotate(now, time.Minute) })
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			before := []error{ask(t, a, token), ask(t, a, rotated)}
			time.Sleep(time.Minute)
			after := []error{ask(t, a, token), ask(t, a, rotated)}
			if before[0] != nil || before[1] != nil || after[0] == nil || after[1] == nil {
				t.Errorf("before its time %v, then %v", before, after)
			}
		})
	})
}

func TestHeadersChoose(t *testing.T) {
	s := newSource()
	every, everyID := s.add(func(k *keys.Key) { k.Limits = limits.Limits{Requests: 7} })
	some, _ := s.add(func(k *keys.Key) { k.EveryProject, k.Projects, k.DefaultProject = false, []string{side}, side })
	for name, test := range map[string]struct {
		request auth.Request
		project string
		want    error
	}{
		"neither":                 {auth.Request{Token: every}, proj, nil},
		"both":                    {auth.Request{Token: every, Organization: org, Project: side}, side, nil},
		"in OpenAI's form":        {auth.Request{Token: every, Organization: "org-" + org, Project: "proj_" + side}, side, nil},
		"in capitals":             {auth.Request{Token: every, Organization: "AAAAAAAAAAAAAAAAAAAAAAAA"}, proj, nil},
		"another organization":    {auth.Request{Token: every, Organization: another}, "", auth.ErrOrganization},
		"its name":                {auth.Request{Token: every, Organization: "org-default"}, "", auth.ErrOrganization},
		"no project":              {auth.Request{Token: every, Project: another}, "", auth.ErrProject},
		"a disabled project":      {auth.Request{Token: every, Project: closed}, "", auth.ErrProject},
		"the default of some":     {auth.Request{Token: some}, side, nil},
		"one that is not of some": {auth.Request{Token: some, Project: proj}, "", auth.ErrProject},
	} {
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			p, err := a.Authenticate(t.Context(), test.request)
			if !errors.Is(err, test.want) || p.Project() != test.project || p.Organization() != org {
				t.Errorf("%s: %v, %q of %q", name, err, p.Project(), p.Organization())
			}
		})
	}
	follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
		p, _ := a.Authenticate(t.Context(), auth.Request{Token: every})
		want := []limits.Scope{{ID: "key:" + everyID, Limits: limits.Limits{Requests: 7}}, {ID: "project:" + proj}, {ID: "organization:" + org}}
		if diff := cmp.Diff(want, p.Scopes()); diff != "" {
			t.Errorf("scopes (-want +got):\n%s", diff)
		}
		p, _ = a.Authenticate(t.Context(), auth.Request{Token: every, Project: another})
		if diff := cmp.Diff([]limits.Scope{want[0], want[2]}, p.Scopes()); diff != "" {
			t.Errorf("scopes of one who is refused (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	s := newSource()
	token, _ := s.add(nil)
	a, err := keys.New(b.Context(), keys.Options{Source: s, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), auth.Request{Token: token}); err != nil {
			b.Fatal(err)
		}
	}
}
