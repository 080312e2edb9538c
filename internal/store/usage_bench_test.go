package store_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/internal/usage"
)

// BenchmarkAddUsage adds batches of 512 records as gateways do, of one user and of thousands: by one gateway, and by
// four that share PostgreSQL. What is reported is how many records the store takes in a second, from all of them.
func BenchmarkAddUsage(b *testing.B) {
	for _, users := range []int{1, 5000} {
		b.Run(fmt.Sprintf("sqlite/%d users", users), func(b *testing.B) {
			addUsage(b, "sqlite://"+filepath.Join(b.TempDir(), "usage.db"), 1, users)
		})
		for _, gateways := range []int{1, 4} {
			b.Run(fmt.Sprintf("postgres/%d users/%d gateways", users, gateways), func(b *testing.B) {
				addUsage(b, newPostgres(b), gateways, users)
			})
		}
	}
}

func addUsage(b *testing.B, url string, gateways, users int) {
	b.Helper()
	const batch = 512
	stores := make([]*store.Store, gateways)
	for i := range stores {
		stores[i] = open(b, url)
	}
	var left, named atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var all sync.WaitGroup
	for _, s := range stores {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.AddUsage(b.Context(), batchOf(batch, users, &named)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "records/s")
}

// batchOf makes records like those of completions, whose users come one after the other.
func batchOf(n, users int, named *atomic.Int64) []usage.Record {
	records := make([]usage.Record, n)
	for i := range records {
		r := recordAt(time.Now())
		r.Key, r.Organization, r.Project, r.Model = "lmtfle2sbqapum44", "797f6b9563134e3da515c7ca", "28fc5af9cdd1443db91a41be", "llama3.1:8b"
		r.User = fmt.Sprintf("%032x", named.Add(1)%int64(users))
		records[i] = r
	}
	return records
}
