package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// How overload is made: requests come at 40 a second, whatever becomes of those before. In a minute that is
// four times the limit of the long form, which SPECGATE_OVERLOAD turns on by its length.
const (
	between    = 25 * time.Millisecond
	shortForm  = 12 * time.Second
	shortLimit = 120 // a minute
	longLimit  = 600
	instances  = 4
)

// overload is load on several instances that share a store and a Redis.
type overload struct {
	t       *testing.T
	admin   admin
	url     string // of the balancer
	backend *counting
	client  *http.Client

	mu     sync.Mutex
	counts map[string]*counted // by token
}

// counted is what a client was answered.
type counted struct {
	answered int
	refused  int // with 429
	unknown  int // with 401
	tokens   int64
	last     time.Time // when the last request was sent that was answered
}

func TestOverload(t *testing.T) {
	t.Parallel()
	length, limit := shortForm, shortLimit
	if long := os.Getenv("SPECGATE_OVERLOAD"); long != "" {
		var err error
		if length, err = time.ParseDuration(long); err != nil {
			t.Fatal(err)
		}
		limit = longLimit
	}
	o := newOverload(t)
	limited := o.admin.make("keys", "create", "--name", "limited", "--requests-per-minute", fmt.Sprint(limit))
	revoked := o.admin.make("keys", "create", "--name", "revoked")

	var all sync.WaitGroup
	over := time.After(length)
	revoke := time.After(length / 2)
	var gone time.Time
	tick := time.NewTicker(between)
	defer tick.Stop()
	for i, running := 0, true; running; i++ {
		select {
		case <-tick.C:
			all.Go(func() { o.ask(limited.Token, i) })
			if i%4 == 0 {
				all.Go(func() { o.ask(revoked.Token, i) })
			}
		case <-revoke:
			o.admin.run("keys", "revoke", "revoked")
			gone = time.Now()
		case <-over:
			running = false
		}
	}
	all.Wait()

	o.mustKeepLimit(limited.Token, limit, length)
	r := o.counts[revoked.Token]
	if late := r.last.Sub(gone); late > time.Second || r.unknown == 0 || r.answered == 0 {
		t.Errorf("the revoked key was answered %v after it was revoked, %d times in all and refused %d times", late, r.answered, r.unknown)
	}
	o.mustAddUp(map[string]string{limited.ID: limited.Token, revoked.ID: revoked.Token})
	t.Logf("limited: %+v; revoked: %+v", *o.counts[limited.Token], *r)
}

// mustAddUp holds the usage of keys to what their clients counted. Who is not known any more is not recorded.
func (o *overload) mustAddUp(tokens map[string]string) {
	o.t.Helper()
	type sum struct {
		Requests, Errors int
		Tokens           int64 `json:"total_tokens"`
	}
	want := map[string]sum{}
	for id, token := range tokens {
		c := o.counts[token]
		want[id] = sum{c.answered + c.refused, c.refused, c.tokens}
	}
	var got map[string]sum
	for end := time.Now().Add(bounded); !maps.Equal(got, want); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			o.t.Fatalf("usage adds up to %+v, and the clients counted %+v", got, want)
		}
		var all []struct {
			Key string
			sum
		}
		if err := json.Unmarshal([]byte(o.admin.run("usage", "--by", "key", "--format", "json")), &all); err != nil {
			o.t.Fatal(err)
		}
		got = map[string]sum{}
		for _, s := range all {
			got[s.Key] = s.sum
		}
	}
}

func newOverload(t *testing.T) *overload {
	t.Helper()
	redis := os.Getenv("SPECGATE_TEST_REDIS")
	if redis == "" {
		t.Skip("SPECGATE_TEST_REDIS is not set")
	}
	a, _, _ := onPostgres(t)
	o := &overload{t: t, admin: a, backend: newCounting(t), counts: map[string]*counted{}}
	settings := []string{"auth: {mode: keys}", "store: '" + a.url + "'", "limits: {backend: '" + redis + "'}"}
	processes := make([]*process, instances)
	for i := range processes {
		processes[i] = startProcess(t, o.backend.URL, settings...)
	}
	b := startBalancer(t, processes...)
	for end := time.Now().Add(bounded); !b.allReady(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the instances do not get ready")
		}
	}
	o.url = "http://" + b.listener.Addr().String() + completions
	o.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: bounded}
	t.Cleanup(o.client.CloseIdleConnections)
	return o
}

// ask sends the i-th request of a key; every third is for a stream.
func (o *overload) ask(token string, i int) {
	body := fmt.Sprintf(`{"model":"m","prompt":"%s"}`, token[:20])
	if i%3 == 0 {
		body = body[:len(body)-1] + `,"stream":true,"stream_options":{"include_usage":true}}`
	}
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.url, strings.NewReader(body))
	if err != nil {
		o.t.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	sent := time.Now()
	resp, err := o.client.Do(req)
	if err != nil {
		o.t.Error(err)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Error(err)
		return
	}
	o.note(token, sent, answer{resp.StatusCode, resp.Header, string(text)})
}

func (o *overload) note(token string, sent time.Time, got answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.counts[token]
	if c == nil {
		c = &counted{}
		o.counts[token] = c
	}
	switch {
	case got.status == http.StatusOK && strings.Count(got.body, countedUsage) == 1:
		c.answered++
		c.tokens += countedTokens
		if sent.After(c.last) {
			c.last = sent
		}
	case got.status == http.StatusTooManyRequests:
		c.refused++
	case got.status == http.StatusUnauthorized:
		c.unknown++
	default:
		o.t.Errorf("%d %s", got.status, abridged(got.body))
	}
}

// mustKeepLimit holds what the backend was asked to the limit: in every minute 1 % more at most, and in all as
// much as there is.
func (o *overload) mustKeepLimit(token string, limit int, length time.Duration) {
	o.t.Helper()
	times := o.backend.times(token[:20])
	most := limit + limit/100
	for i := range times {
		if last := i + most; last < len(times) && times[last].Sub(times[i]) < time.Minute {
			o.t.Errorf("%d requests passed in %v", most+1, times[last].Sub(times[i]))
			break
		}
	}
	all := limit * max(1, int(length/time.Minute))
	if got := len(times); got < all-all/100 || got > all+all/100 {
		o.t.Errorf("%d requests passed in all instead of %d", got, all)
	}
	if c := o.counts[token]; c.answered != len(times) || c.refused == 0 {
		o.t.Errorf("the backend was asked %d times, and %d were answered and %d refused", len(times), c.answered, c.refused)
	}
}

// counting is a backend that notes when it was asked, by the prompt.
type counting struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string][]time.Time
}

// What each completion of it uses.
const (
	countedTokens = 12
	countedUsage  = `"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}`
)

func newCounting(t *testing.T) *counting {
	t.Helper()
	b := &counting{asked: map[string][]time.Time{}}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

// ServeHTTP answers what completions a test asks for, as a whole or as a stream.
func (b *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, prompt, _ := strings.Cut(string(body), `"prompt":"`)
	prompt, _, _ = strings.Cut(prompt, `"`)
	b.mu.Lock()
	b.asked[prompt] = append(b.asked[prompt], time.Now())
	b.mu.Unlock()
	if !strings.Contains(string(body), `"stream":true`) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.TrimSuffix(answered, "}")+","+countedUsage+"}")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	last := `{"id":"c","object":"text_completion","created":1,"model":"m","choices":[],` + countedUsage + `}`
	for _, event := range []string{piece("a", "null", ""), piece("b", `"stop"`, ""), last, "[DONE]"} {
		_, _ = io.WriteString(w, "data: "+event+"\n\n")
		_ = http.NewResponseController(w).Flush()
	}
}

// times are when it was asked with a prompt, in their order.
func (b *counting) times(prompt string) []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(slices.Values(b.asked[prompt]), time.Time.Compare)
}
