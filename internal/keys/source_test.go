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
	"time"

	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/keys"
)

var errGone = errors.New("gone")

// source is a Source in memory that counts what it is asked.
type source struct {
	mu       sync.Mutex
	keys     map[string]keys.Key
	holdings map[string]keys.Holdings
	revision keys.Revision
	changed  []string // keys, since the first revision
	others   []string // organizations, the same
	replaced bool     // by another, or a copy of an earlier time
	refuses  int      // notes of uses
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
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holdings[id], err
}

func (s *source) Changes(_ context.Context, since keys.Revision) (keys.Changes, error) {
	err := s.ask("changes")
	s.mu.Lock()
	defer s.mu.Unlock()
	c := keys.Changes{Revision: s.revision, Everything: s.replaced}
	if since != s.revision && !s.replaced {
		c.Keys, c.Organizations = slices.Clone(s.changed), slices.Clone(s.others)
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
	if s.refuses--; s.refuses >= 0 {
		return errGone
	}
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
	s.revision.Number++
	s.changed = append(s.changed, id)
}

// changeOrganization is change for the organization and its projects.
func (s *source) changeOrganization(edit func(*keys.Holdings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.holdings[org]
	h.Projects = maps.Clone(h.Projects) // what was handed out stays as it was
	edit(&h)
	s.holdings[org] = h
	s.revision.Number++
	s.others = append(s.others, org)
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
