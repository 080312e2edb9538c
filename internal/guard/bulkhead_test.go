package guard_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/guard"
)

func TestPlaces(t *testing.T) {
	s := &scripted{}
	in(t, guard.Options{Name: "a", MaxConcurrent: 2, MaxQueue: 1, QueueTimeout: time.Minute}, s, func(g *guard.Guard) {
		let := make(chan struct{}) // of the test's own time
		s.answer = func(context.Context) (*completion.Answer, error) {
			<-let
			return &completion.Answer{}, nil
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if err := complete(g); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if g.InFlight() != 2 || g.Queued() != 1 || !g.Full() {
			t.Errorf("%d in flight, %d queued", g.InFlight(), g.Queued())
		}
		if err := complete(g); !withheld(err) {
			t.Errorf("one too many: %v", err)
		}
		close(let)
		all.Wait()
		if g.InFlight() != 0 || g.Queued() != 0 || g.Full() {
			t.Errorf("%d in flight, %d queued", g.InFlight(), g.Queued())
		}
	})
}

// However many come at one time, no more are ever seen to wait than may.
func TestQueueIsNeverTooLong(t *testing.T) {
	const most = 2
	s := &scripted{answer: streaming(1, io.EOF)}
	g := guard.New(s, guard.Options{Name: "a", MaxConcurrent: 1, MaxQueue: most})
	held, err := g.Complete(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	var waiting, refused sync.WaitGroup
	for range most {
		waiting.Go(func() { _, _ = g.Complete(ctx, request) })
	}
	for g.Queued() < most {
		runtime.Gosched()
	}
	var tooMany atomic.Int64
	for range 4 {
		refused.Go(func() {
			for range 10_000 {
				if err := complete(g); !withheld(err) {
					t.Errorf("one too many: %v", err)
				}
				if g.Queued() > most {
					tooMany.Add(1)
				}
			}
		})
	}
	refused.Wait()
	leave()
	waiting.Wait()
	_ = held.Stream.Close()
	if n := tooMany.Load(); n > 0 {
		t.Errorf("%d times more than %d waited", n, most)
	}
}

func TestQueueEnds(t *testing.T) {
	s := &scripted{answer: streaming(1, io.EOF)}
	in(t, guard.Options{Name: "a", MaxConcurrent: 1, MaxQueue: 1, QueueTimeout: time.Minute}, s, func(g *guard.Guard) {
		answer, err := g.Complete(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := complete(g); !withheld(err) || time.Since(begun) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(apierror.ErrShuttingDown) })
		if _, err := g.Complete(ctx, request); !errors.Is(err, apierror.ErrShuttingDown) {
			t.Errorf("a caller who cannot wait: %v", err)
		}
		_ = answer.Stream.Close()
		_ = answer.Stream.Close()
		if err := complete(g); err != nil || g.InFlight() != 0 {
			t.Errorf("%v, %d in flight", err, g.InFlight())
		}
	})
}
