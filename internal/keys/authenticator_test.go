package keys_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
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

var errGone = errors.New("gone")

// source is a Source in memory that counts what it is asked.
type source struct {
	mu       sync.Mutex
	keys     map[string]keys.Key
	holdings map[string]keys.Holdings
	revision int64
	changed  []string // keys, since the first revision
	away     bool
	slow     time.Duration
	asked    map[string]int
	used     []map[string]time.Time
	poke     func()
}

func (s *source) ask(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[what]++
	if s.away {
		return errGone
	}
	return nil
}

func (s *source) Key(_ context.Context, id string) (keys.Key, error) {
	err := s.ask("key")
	s.mu.Lock()
	k, ok := s.keys[id]
	slow := s.slow
	s.mu.Unlock()
	time.Sleep(slow) // after it was read: an answer that is old when it comes
	if err == nil && !ok {
		err = fmt.Errorf("key: %w", keys.ErrNotFound)
	}
	return k, err
}

func (s *source) Holdings(_ context.Context, id string) (keys.Holdings, error) {
	err := s.ask("holdings")
	return s.holdings[id], err
}

func (s *source) Changes(_ context.Context, since int64) (keys.Changes, error) {
	err := s.ask("changes")
	s.mu.Lock()
	defer s.mu.Unlock()
	c := keys.Changes{Revision: s.revision}
	if since < s.revision {
		c.Keys = slices.Clone(s.changed)
	}
	return c, err
}

func (s *source) Listen(ctx context.Context, changed func()) {
	s.mu.Lock()
	s.poke = changed
	s.mu.Unlock()
	<-ctx.Done()
}

func (s *source) Used(_ context.Context, at map[string]time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = append(s.used, maps.Clone(at))
	return nil
}

// change edits a key, as another process would.
func (s *source) change(id string, edit func(*keys.Key)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[id]
	edit(&k)
	s.keys[id] = k
	s.revision++
	s.changed = append(s.changed, id)
}

func (s *source) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *source) setSlow(slow time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = slow
}

func (s *source) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[what]
}

const (
	org     = "aaaaaaaaaaaaaaaaaaaaaaaa"
	proj    = "bbbbbbbbbbbbbbbbbbbbbbbb"
	side    = "cccccccccccccccccccccccc"
	closed  = "dddddddddddddddddddddddd"
	another = "eeeeeeeeeeeeeeeeeeeeeeee"
)

func newSource() *source {
	projects := map[string]keys.Project{}
	for _, id := range []string{proj, side, closed} {
		projects[id] = keys.Project{ID: id, Organization: org, Disabled: id == closed}
	}
	return &source{
		keys:     map[string]keys.Key{},
		holdings: map[string]keys.Holdings{org: {Organization: keys.Organization{ID: org}, Projects: projects}},
		asked:    map[string]int{},
	}
}

// add makes a key and returns its token.
func (s *source) add(edit func(*keys.Key)) (token, id string) {
	k := keys.Key{ID: keys.NewID(), Name: "n", Organization: org, EveryProject: true, DefaultProject: proj}
	token = k.Rotate(time.Now(), 0)
	if edit != nil {
		edit(&k)
	}
	s.keys[k.ID] = k
	return token, k.ID
}

// follow runs f with an Authenticator of s, in a time of its own.
func follow(t *testing.T, s *source, o keys.Options, f func(a *keys.Authenticator)) {
	t.Helper()
	o.Source, o.Logger = s, slog.New(slog.DiscardHandler)
	a, err := keys.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	f(a)
}

func ask(t *testing.T, a *keys.Authenticator, token string) error {
	t.Helper()
	_, err := a.Authenticate(t.Context(), auth.Request{Token: token})
	return err
}

// A key in use is asked for once, however long it is used, and its uses are written once a minute.
func TestHotKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		token, id := s.add(nil)
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			for range 600 * 10 { // ten minutes
				if err := ask(t, a, token); err != nil {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			synctest.Wait()
			if s.count("key") != 1 || s.count("holdings") != 1 || len(s.used) != 10 {
				t.Errorf("asked %v, written %d times in ten minutes", s.asked, len(s.used))
			}
		})
		if last := s.used[len(s.used)-1][id]; time.Since(last) > time.Second {
			t.Errorf("the last use that was written is %v ago", time.Since(last))
		}
	})
}

// What differs for an id that nobody has, beside the row that is not there, would tell which ids there
// are: how often the store is asked, and the answer.
func TestWrongIDAndWrongSecretGoTheSameWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		_, id := s.add(nil)
		wrongSecret, _ := keys.NewSecret(id)
		wrongID, _ := keys.NewSecret(keys.NewID())
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			var ways []string
			for _, token := range []string{wrongSecret, wrongID} {
				before := s.count("key")
				for range 3 {
					if err := ask(t, a, token); err != auth.ErrToken { //nolint:errorlint // to the letter
						t.Errorf("the error is %v", err)
					}
				}
				ways = append(ways, fmt.Sprint(s.count("key")-before, s.count("holdings")))
			}
			if ways[0] != ways[1] {
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

func TestChangeIsSeen(t *testing.T) {
	for name, notified := range map[string]bool{"by asking": false, "by notice": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource()
				token, id := s.add(nil)
				untouched, _ := s.add(nil)
				follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
					if err := errors.Join(ask(t, a, token), ask(t, a, untouched)); err != nil {
						t.Fatal(err)
					}
					time.Sleep(10 * time.Millisecond)
					s.change(id, func(k *keys.Key) { k.Revoke(time.Now()) })
					if notified {
						s.poke()
					} else {
						time.Sleep(500 * time.Millisecond)
					}
					synctest.Wait()
					if err := ask(t, a, token); !errors.Is(err, auth.ErrToken) {
						t.Errorf("the revoked key: %v", err)
					}
					if err := ask(t, a, untouched); err != nil || s.count("key") != 3 {
						t.Errorf("the other key: %v; asked for keys %d times", err, s.count("key"))
					}
				})
			})
		})
	}
}

// A key that nobody had a moment ago is there at once.
func TestNewKeyWasUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		k := keys.Key{ID: keys.NewID(), Organization: org, EveryProject: true, DefaultProject: proj}
		token := k.Rotate(time.Now(), 0)
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			if err := ask(t, a, token); !errors.Is(err, auth.ErrToken) {
				t.Fatal(err)
			}
			s.change(k.ID, func(there *keys.Key) { *there = k })
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			if err := ask(t, a, token); err != nil {
				t.Error(err)
			}
		})
	})
}

// An answer that was on its way while its key was revoked is forgotten, not remembered.
func TestAnswerFromBeforeAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		token, id := s.add(nil)
		s.slow = 1500 * time.Millisecond
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			first := make(chan error, 1)
			go func() { first <- ask(t, a, token) }()
			synctest.Wait()
			s.change(id, func(k *keys.Key) { k.Revoke(time.Now()) })
			time.Sleep(time.Second)
			s.setSlow(0)
			if err := ask(t, a, token); !errors.Is(err, auth.ErrToken) {
				t.Errorf("who asks after the change got the answer from before: %v", err)
			}
			if err := <-first; err != nil {
				t.Error(err)
			}
			if err := ask(t, a, token); !errors.Is(err, auth.ErrToken) {
				t.Errorf("after the answer: %v", err)
			}
		})
	})
}

func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		token, _ := s.add(nil)
		fresh, _ := s.add(nil)
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			if err := ask(t, a, token); err != nil {
				t.Fatal(err)
			}
			s.setAway(true)
			time.Sleep(4 * time.Minute)
			if err := ask(t, a, token); err != nil {
				t.Errorf("what is known: %v", err)
			}
			if err := ask(t, a, fresh); err == nil || errors.Is(err, auth.ErrToken) {
				t.Errorf("what is not known: %v", err)
			}
			time.Sleep(2 * time.Minute)
			if err := ask(t, a, token); err == nil || errors.Is(err, auth.ErrToken) {
				t.Errorf("what was known too long ago: %v", err)
			}
			s.setAway(false)
			time.Sleep(time.Second)
			if err := errors.Join(ask(t, a, token), ask(t, a, fresh)); err != nil {
				t.Errorf("after it came back: %v", err)
			}
		})
	})
}

// Ids that are made up take the room of other such ids, not that of keys.
func TestUnknownIDsDriveNobodyOut(t *testing.T) {
	s := newSource()
	token, _ := s.add(nil)
	follow(t, s, keys.Options{Size: 10}, func(a *keys.Authenticator) {
		_ = ask(t, a, token)
		for range 100 {
			made, _ := keys.NewSecret(keys.NewID())
			_ = ask(t, a, made)
		}
		before := s.count("key")
		if err := ask(t, a, token); err != nil || s.count("key") != before {
			t.Errorf("the key was asked for again: %v", err)
		}
	})
}

// However many ask for a key that is not known, the store is asked once.
func TestAskedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		token, _ := s.add(nil)
		s.slow = time.Second
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if err := ask(t, a, token); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if s.count("key") != 1 {
				t.Errorf("asked %d times", s.count("key"))
			}
		})
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
