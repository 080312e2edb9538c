package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/fakebackend"
)

// killings is how often a process is killed: SPECGATE_TEST_KILLS, as make test-kill sets it, or twice.
func killings(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("SPECGATE_TEST_KILLS"))
	if err != nil {
		return 2
	}
	return n
}

// load asks a process for completions, until it is ended, and knows which were answered in full.
type load struct {
	t        *testing.T
	client   *http.Client
	mu       sync.Mutex
	asked    map[string]bool
	answered map[string]time.Time // when, by the model that was asked for: each has one of its own
	end      chan struct{}
	running  sync.WaitGroup
}

// lost is what a process that is killed may lose. The second that is promised is by its own clock, while it gets to run:
// where other tests run beside it, several are allowed.
func lost() time.Duration {
	if os.Getenv("SPECGATE_TEST_KILLS") == "" {
		return 4 * time.Second
	}
	return time.Second
}

// startLoad asks from several callers at once, for streams and others in turn. The name is that of its models.
func startLoad(t *testing.T, p *process, name string) *load {
	t.Helper()
	l := &load{
		t: t, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: bounded},
		asked: map[string]bool{}, answered: map[string]time.Time{}, end: make(chan struct{}),
	}
	for caller := range 8 {
		l.running.Go(func() {
			for i := 0; !l.over(); i++ {
				l.ask(p, fmt.Sprintf("%s-%d-%d", name, caller, i), i%2 == 0)
			}
		})
	}
	return l
}

func (l *load) over() bool {
	select {
	case <-l.end:
		return true
	default:
		return false
	}
}

func (l *load) ask(p *process, model string, stream bool) {
	body := fmt.Sprintf(`{"model":%q,"prompt":"x","stream":%t}`, model, stream)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url+completions, strings.NewReader(body))
	if err != nil {
		l.t.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer sg-process")
	req.Header.Set("Content-Type", "application/json")
	l.mu.Lock()
	l.asked[model] = true
	l.mu.Unlock()
	resp, err := l.client.Do(req)
	if err != nil {
		time.Sleep(time.Millisecond) // it is not there any more
		return
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if whole := !stream || strings.HasSuffix(string(text), "data: [DONE]\n\n"); err != nil || resp.StatusCode != 200 || !whole {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answered[model] = time.Now()
}

// stop ends it, and gives what was answered until a time.
func (l *load) stop(until time.Time) map[string]time.Time {
	close(l.end)
	l.running.Wait()
	l.client.CloseIdleConnections()
	maps.DeleteFunc(l.answered, func(_ string, at time.Time) bool { return at.After(until) })
	return l.answered
}

// answers is a backend that answers at once.
func answers(t *testing.T) *fakebackend.Backend {
	t.Helper()
	return fakebackend.New(t, func(c *fakebackend.Conn, r *fakebackend.Request) {
		if strings.Contains(string(r.Body), `"stream":true`) {
			fakebackend.Events(whole)(c, r)
			return
		}
		fakebackend.JSON(200, answered)(c, r)
	})
}

// busy has the store take no usage until it is called.
func (a admin) busy() (free func()) {
	a.t.Helper()
	driver, at, statements := "pgx", a.url, []string{"BEGIN", "LOCK TABLE usage_daily"}
	if path, ok := strings.CutPrefix(a.url, "sqlite://"); ok {
		driver, at, statements = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(5000)", []string{"BEGIN IMMEDIATE"}
	}
	db, err := sql.Open(driver, at)
	if err != nil {
		a.t.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	for _, s := range statements {
		if err == nil {
			_, err = conn.ExecContext(context.Background(), s)
		}
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		_, _ = conn.ExecContext(context.Background(), "ROLLBACK")
		_ = conn.Close()
		_ = db.Close()
	})
}

// mustHave fails the test where a record is missing, is there twice, or is of a request that nobody made.
func (a admin) mustHave(answered map[string]time.Time, asked map[string]bool) {
	a.t.Helper()
	there := map[string]int{}
	tokens := int64(0)
	for _, r := range a.records() {
		there[r.Model]++
		tokens += r.Prompt + r.Completion
		if there[r.Model] > 1 || !asked[r.Model] {
			a.t.Errorf("%s is there %d times, asked for: %t", r.Model, there[r.Model], asked[r.Model])
		}
	}
	missing := 0
	for model := range answered {
		if there[model] == 0 {
			missing++
		}
	}
	if missing > 0 || len(answered) < 50 {
		a.t.Errorf("%d of %d records are missing", missing, len(answered))
	}
	sum := a.run("usage", "--by", "none", "--format", "json")
	if len(there) > 0 && (!strings.Contains(sum, fmt.Sprintf(`"requests": %d,`, len(there))) || !strings.Contains(sum, fmt.Sprintf(`"total_tokens": %d,`, tokens))) {
		a.t.Errorf("the sums are not those of %d records and %d tokens: %s", len(there), tokens, sum)
	}
}

// ended runs a process under load and ends it by a signal, some time after its store may have gone; then another, which
// hands over what is in the spool.
func (a admin) ended(by os.Signal, after time.Duration, settings string, spooled bool) (answered map[string]time.Time, asked map[string]bool, at time.Time) { //nolint:revive // whether the store is away in the end
	a.t.Helper()
	backend, folder := answers(a.t), filepath.Join(a.t.TempDir(), "spool")
	more := []string{"store: '" + a.url + "'", "usage: {records: always, spool: '" + folder + "', " + settings + "}"}
	p := startProcess(a.t, backend.URL, more...)
	l := startLoad(a.t, p, "m")
	free := func() {}
	if time.Sleep(800 * time.Millisecond); spooled {
		free = a.busy()
		defer free()
	}
	time.Sleep(after)
	at = time.Now()
	p.signal(by)
	_ = p.code()
	answered = l.stop(time.Now())
	free()
	again := startProcess(a.t, backend.URL, more...)
	awaitEmpty(a.t, folder)
	again.signal(syscall.SIGTERM)
	if code := again.code(); code != exitOK {
		a.t.Errorf("exit code %d", code)
	}
	return answered, l.asked, at
}

// awaitEmpty waits until nothing is in a spool.
func awaitEmpty(t *testing.T, folder string) {
	t.Helper()
	for end := deadline(); ; time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		left := int64(0)
		for _, file := range files {
			if info, err := os.Stat(file); err == nil {
				left += info.Size()
			}
		}
		if err != nil || len(files) == 0 || time.Now().After(end) {
			t.Fatalf("the spool is %v, %v, and has %d bytes", files, err, left)
		}
		if left == 0 {
			return
		}
	}
}

// A process that is killed loses the records of its last second at most, and none is there twice.
func TestKilledProcessLosesASecondOfUsage(t *testing.T) {
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		for i := range killings(t) {
			a := a.fresh(t)
			answered, asked, at := a.ended(os.Kill, lost()+500*time.Millisecond, "durability: batch", i%2 == 1)
			maps.DeleteFunc(answered, func(_ string, when time.Time) bool { return at.Sub(when) < lost() })
			a.mustHave(answered, asked)
		}
	})
}

// With usage.durability: request it loses nothing that was answered.
func TestKilledProcessLosesNoUsageThatWasAnswered(t *testing.T) {
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		for i := range killings(t) {
			a := a.fresh(t)
			answered, asked, _ := a.ended(os.Kill, 1200*time.Millisecond, "durability: request", i%2 == 1)
			a.mustHave(answered, asked)
		}
	})
}

// A process that is asked to end loses nothing.
func TestStoppedProcessLosesNoUsage(t *testing.T) {
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		for _, spooled := range []bool{false, true} {
			a := a.fresh(t)
			answered, asked, _ := a.ended(syscall.SIGTERM, 1200*time.Millisecond, "durability: batch", spooled)
			a.mustHave(answered, asked)
		}
	})
}

// fresh is another store of the same kind.
func (a admin) fresh(t *testing.T) admin {
	t.Helper()
	if strings.HasPrefix(a.url, "sqlite://") {
		return newAdmin(t)
	}
	other, _, _ := onPostgres(t)
	return other
}

// A process that is ended by a second signal keeps what it answered before, and what it cuts off.
func TestSecondSignalLosesNoUsage(t *testing.T) {
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		p := startProcess(t, fakebackend.New(t, func(c *fakebackend.Conn, r *fakebackend.Request) {
			if strings.Contains(string(r.Body), `"stream":true`) {
				untilTold(nil)(c, r)
				return
			}
			fakebackend.JSON(200, answered)(c, r)
		}).URL, "store: '"+a.url+"'", "usage: {records: always, "+spooledIn(t)+"}", "shutdown: {delay: 1m}")
		stream := p.stream()
		p.signal(os.Interrupt)
		for p.status("/readyz") != http.StatusServiceUnavailable {
			time.Sleep(time.Millisecond)
		}
		l := &load{t: t, client: http.DefaultClient, asked: map[string]bool{}, answered: map[string]time.Time{}}
		for i := range 20 {
			l.ask(p, fmt.Sprint("m", i), false)
		}
		p.signal(os.Interrupt)
		if code := p.code(); code != exitFailure {
			t.Errorf("exit code %d", code)
		}
		if rest, err := io.ReadAll(stream); err != nil || !strings.Contains(string(rest), `"code":"unavailable"`) {
			t.Errorf("the stream ended with %q, %v", rest, err)
		}
		records := a.records()
		if got := len(records); got != len(l.answered)+1 || got != 21 {
			t.Errorf("%d records of %d answers and a stream", got, len(l.answered))
		}
		cut := slices.IndexFunc(records, func(r recordView) bool { return r.Streamed })
		if cut < 0 || records[cut].Status != 200 || records[cut].Error != "unavailable" || records[cut].Completion != 1 {
			t.Errorf("of the stream: %+v", records)
		}
	})
}
