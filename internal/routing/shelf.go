package routing

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
)

const (
	listFresh   = 10 * time.Second // how long a backend's list is good for
	listAgain   = time.Second      // how long one that did not give it is not asked again
	listKept    = 10 * time.Minute // how long its last list stands in where it gives none
	listTimeout = 3 * time.Second  // how long it may take over it
)

var errUnasked = errors.New("it has not answered yet")

// shelf keeps the list of one upstream for a while. However many ask for it, the upstream is asked once.
type shelf struct {
	upstream Upstream
	ctx      context.Context // of the router: a caller who leaves takes nothing from the others
	asking   *sync.WaitGroup
	logger   *slog.Logger

	mu      sync.Mutex
	models  []gen.Model   // the last list
	at      time.Time     // when it was given; zero for never
	asked   time.Time     // when the last question was over; zero for never
	why     error         // why that was in vain; nil where it was not
	pending chan struct{} // closed when the question is over that is under way; nil where none is
}

// await has the lists asked for that are not fresh, and waits for those that are older than age.
func await(ctx context.Context, shelves []*shelf, age time.Duration) {
	pending := make([]<-chan struct{}, len(shelves))
	for i, s := range shelves {
		pending[i] = s.refresh(age)
	}
	for _, p := range pending {
		if p == nil {
			continue
		}
		select {
		case <-p:
		case <-ctx.Done():
			return
		}
	}
}

// refresh asks the upstream where that is due, and gives what is to be waited for; nil where the list is
// younger than age, or where the upstream gave none lately: it holds up the first who asks, and nobody after.
func (s *shelf) refresh(age time.Duration) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := listFresh
	if s.why != nil {
		due = listAgain
	}
	if s.pending == nil && time.Since(s.asked) >= due {
		s.pending = make(chan struct{})
		s.asking.Go(s.fill)
	}
	if time.Since(s.at) < age || s.why != nil && time.Since(s.asked) < listKept {
		return nil
	}
	return s.pending
}

// list is the last list that is not too old, if there is one. The error says why it is not the present one.
func (s *shelf) list() ([]gen.Model, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < listKept {
		return s.models, s.why
	}
	return nil, cmp.Or(s.why, errUnasked)
}

// fill asks the upstream. Where that is in vain, what it listed before stays.
func (s *shelf) fill() {
	list, err := s.question()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked, s.why = time.Now(), err; err == nil {
		s.models, s.at = list.Data, s.asked
	}
	close(s.pending)
	s.pending = nil
}

// question asks the upstream once. A bug on the way is an answer that is none: on this goroutine it would
// end the process.
func (s *shelf) question() (list gen.ModelList, err error) {
	defer func() {
		if p := recover(); p != nil {
			bug := apierror.Recovered(p)
			s.logger.ErrorContext(s.ctx, "listing of an upstream broke off", slog.String("upstream", s.upstream.Name()), slog.String("cause", bug.Cause.Error()))
			err = bug
		}
	}()
	ctx, cancel := context.WithTimeout(s.ctx, listTimeout)
	defer cancel()
	return s.upstream.Models(ctx)
}

// serves reports whether a model of this upstream's is reached by a route as it is called there.
func (s *shelf) serves(r *route) bool {
	for _, t := range r.targets {
		if t.Model == "" && t.Upstream.Name() == s.upstream.Name() {
			return true
		}
	}
	return false
}
