package keys_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/keys"
)

// A key in use is asked for once in a while, however often it is used, and its uses are written once a minute.
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
			if s.count("key") > 2 || s.count("holdings") > 2 || len(s.used) != 10 {
				t.Errorf("asked %v, written %d times in ten minutes", s.asked, len(s.used))
			}
		})
		if last := s.used[len(s.used)-1][id]; time.Since(last) > time.Second {
			t.Errorf("the last use that was written is %v ago", time.Since(last))
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

// What a key grants changes with its organization and its projects, though nothing of the key has changed.
func TestChangeOfTheOrganizationIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		token, _ := s.add(nil)
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			limit := func() int64 {
				t.Helper()
				p, err := a.Authenticate(t.Context(), auth.Request{Token: token})
				if err != nil {
					t.Fatal(err)
				}
				return p.Scopes()[1].Requests
			}
			before := limit()
			s.changeOrganization(func(h *keys.Holdings) {
				project := h.Projects[proj]
				project.Limits.Requests = 7
				h.Projects[proj] = project
			})
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			if after := limit(); before == 7 || after != 7 {
				t.Errorf("%d requests, then %d", before, after)
			}
			s.changeOrganization(func(h *keys.Holdings) { h.Disabled = true })
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			if err := ask(t, a, token); !errors.Is(err, auth.ErrToken) {
				t.Errorf("the organization is disabled: %v", err)
			}
		})
	})
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

// While few look-ups of made-up ids are answered, others wait, and the rest are refused at once. A key that is
// known has nothing to do with them, though it has just been changed.
func TestFloodOfUnknownIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		token, id := s.add(nil)
		s.slow = time.Second
		found := map[keys.LookUp]int{}
		var mu sync.Mutex
		o := keys.Options{Unknown: 2, Looked: func(l keys.LookUp) { mu.Lock(); defer mu.Unlock(); found[l]++ }}
		follow(t, s, o, func(a *keys.Authenticator) {
			if err := ask(t, a, token); err != nil {
				t.Fatal(err)
			}
			var flood sync.WaitGroup
			for range 1000 {
				made, _ := keys.NewSecret(keys.NewID())
				flood.Go(func() { _ = ask(t, a, made) })
			}
			synctest.Wait()
			if n := s.count("key"); n != 1+2 {
				t.Errorf("%d look-ups at one time", n-1)
			}
			s.change(id, func(k *keys.Key) { k.Limits.Requests = 7 })
			time.Sleep(600 * time.Millisecond)
			if err := ask(t, a, token); err != nil {
				t.Errorf("the key that is known: %v", err)
			}
			flood.Wait()
		})
		if found[keys.Busy] < 1000-2-2*16 || found[keys.Found] != 2 || found[keys.Unknown] == 0 {
			t.Errorf("look-ups ended %v", found)
		}
	})
}

// A source that was replaced may know nothing of what was, whatever its number.
func TestSourceReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		token, id := s.add(nil)
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			made, _ := keys.NewSecret(keys.NewID())
			if err := ask(t, a, token); err != nil || ask(t, a, made) == nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			s.replaced = true
			delete(s.keys, id)
			s.mu.Unlock()
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			for range 3 {
				if err := ask(t, a, token); !errors.Is(err, auth.ErrToken) {
					t.Errorf("the key that is gone: %v", err)
				}
			}
		})
	})
}

// What nothing was said of is asked for again after a while, and is good for longer where nobody answers.
func TestKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		token, id := s.add(nil)
		follow(t, s, keys.Options{Kept: time.Minute}, func(a *keys.Authenticator) {
			if err := ask(t, a, token); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			k := s.keys[id]
			k.Disabled = true
			s.keys[id] = k
			s.away = true
			s.mu.Unlock()
			time.Sleep(2 * time.Minute)
			if err := ask(t, a, token); err != nil || s.count("key") != 1 || !a.Away() {
				t.Errorf("while the source is away: %v", err)
			}
			s.setAway(false)
			time.Sleep(time.Second)
			if err := ask(t, a, token); !errors.Is(err, auth.ErrToken) || a.Away() {
				t.Errorf("after its time: %v", err)
			}
		})
	})
}

// Uses that the source did not take are written with those after them.
func TestUsesAreKeptUntilTheyAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		s.refuses = 2
		one, oneID := s.add(nil)
		two, twoID := s.add(nil)
		follow(t, s, keys.Options{}, func(a *keys.Authenticator) {
			_ = ask(t, a, one)
			time.Sleep(time.Minute + time.Second)
			_ = ask(t, a, two)
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if len(s.used) != 1 || s.used[0][oneID].IsZero() || !s.used[0][twoID].After(s.used[0][oneID]) {
				t.Errorf("written: %v", s.used)
			}
		})
	})
}
