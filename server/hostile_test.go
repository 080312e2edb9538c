package server_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/server"
)

// maker makes a body of about so many bytes.
type maker func(size int) string

// stretch repeats a text between two others.
func stretch(head, text, tail string) maker {
	return func(size int) string { return head + strings.Repeat(text, size/len(text)) + tail }
}

// items is stretch with commas between.
func items(head, item, tail string) maker { return stretch(head+item, ","+item, tail) }

// numbered puts a number into each item.
func numbered(head, before, after, tail string) maker {
	return func(size int) string {
		b := append(make([]byte, 0, size+4<<10), head...)
		for i := 0; len(b) < size; i++ {
			b = append(append(strconv.AppendInt(append(b, before...), int64(i), 10), after...), ',')
		}
		return string(bytes.TrimSuffix(b, []byte(","))) + tail
	}
}

// shortKeys is as many of the shortest keys as have just made the checker's largest table grow, which
// whatever the size asked for is the dearest in memory.
func shortKeys(head string) maker {
	const letters = " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
	const most, n = 1 << 21 / 3, len(letters)
	return func(int) string {
		b := append(make([]byte, 0, 8*most+4<<10), head...)
		for i := range most + 2 {
			b = append(b, '"', letters[i/n/n], letters[i/n%n], letters[i%n], '"', ':', '0', ',')
		}
		return string(b[:len(b)-1]) + "}"
	}
}

// hostile is a body that is made to be dear, beside a valid one of its size and shape, and the answer to
// the first.
type hostile struct {
	name        string
	body, valid maker
	status      int
	code, param string
	zip         func(text string) string // nil for a body that is sent as it is
}

// begun is the beginning of a request that is valid so far; the secret is never to be repeated.
const (
	secret   = "sekret"
	begun    = `{"model":"` + secret + `","prompt":"` + secret + `",`
	prompted = `{"model":"` + secret + `","prompt":[`
)

func hostiles() []hostile {
	x := begun + `"x":[`
	long := strings.Repeat("0", 70)
	distinct := numbered(begun, `"_`, `":0`, `}`)
	digits, escapes := stretch(begun+`"x":1`, `0`, `}`), stretch(begun+`"user":"`, `\u0000`, `"}`)
	return []hostile{
		{"brackets", stretch(begun+`"x":`, `[`, ``), items(x, `[[]]`, `]}`), 422, "json_invalid", "", nil},
		{"digits", stretch(begun+`"n":1`, `0`, `}`), digits, 422, "less_than_equal", "n", nil},
		{"exponent", stretch(begun+`"n":1e`, `9`, `}`), digits, 422, "less_than_equal", "n", nil},
		{"escapes", stretch(`{"prompt":"`+secret+`","model":"`, `\u0000`, `"}`), escapes, 422, "string_too_long", "model", nil},
		{"keys", numbered(begun+`"n":0,`, `"_`, `":0`, `}`), distinct, 422, "greater_than_equal", "n", nil},
		{"short keys", shortKeys(begun + `"n":0,`), shortKeys(begun), 422, "greater_than_equal", "n", nil},
		{"same key", items(begun, `"a":0`, `}`), distinct, 422, "duplicate_key", "a", nil},
		{"ids, the last bad", items(prompted, `1`, `,"`+secret+`"]}`), items(prompted, `1`, `]}`), 422, "int_type", "", nil},
		{"a bad value beside a long text", stretch(begun+`"n":0,"user":"`, `a`, `"}`), stretch(begun+`"user":"`, `a`, `"}`), 422, "greater_than_equal", "n", nil},
		{
			"bad token ids", numbered(begun+`"logit_bias":{`, `"x`+long, `":0`, `}}`),
			numbered(begun+`"logit_bias":{`, `"1`+long, `":0`, `}}`), 422, "string_pattern_mismatch", "logit_bias.x" + long[:63], nil,
		},
		{"empty prompts", items(prompted, `""`, `]}`), items(x, `""`, `]}`), 422, "too_long", "prompt", nil},
	}
}

// bombs are bodies that grow as they are read, or take long to grow not at all.
func bombs(tb testing.TB) []hostile {
	tb.Helper()
	once := func(text string) string { return zipped(tb, text) }
	texts := numbered(begun+`"x":{`, `"`, `":"The quick brown fox"`, `}}`)
	large := func(int) string { return strings.Repeat(" ", 20<<20) }
	blocks := func(size int) string { return string(emptyBlocks(size)) }
	as := func(text string) string { return text }
	return []hostile{
		{"gzip of brackets", stretch(begun+`"x":`, `[`, ``), items(begun+`"x":[`, `[[]]`, `]}`), 422, "json_invalid", "", once},
		{"gzip past the limit", large, texts, 413, "body_too_large", "", once},
		{"gzip past the limit in many members", large, texts, 413, "body_too_large", "", func(text string) string {
			const members = 1 << 10
			return strings.Repeat(once(text[:len(text)/members]), members)
		}},
		{"gzip of gzip", large, texts, 422, "json_invalid", "", func(text string) string { return once(once(text)) }},
		{"gzip of nothing, in many members", func(size int) string { return strings.Repeat(once(""), size/len(once(""))) }, texts, 422, "missing", "", as},
		{"gzip of nothing, in many blocks", blocks, texts, 422, "missing", "", as},
	}
}

// emptyBlocks is gzip of nothing at all, in blocks each of which has its own tables.
func emptyBlocks(size int) []byte {
	out := append(make([]byte, 0, size+64), 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)
	var bits, count uint64
	put := func(value, n uint64) {
		for bits, count = bits|value<<count, count+n; count >= 8; bits, count = bits>>8, count-8 {
			out = append(out, byte(bits))
		}
	}
	for len(out) < size {
		put(2<<1, 3)          // not the last, with tables
		put(0, 5)             // 257 literals
		put(0, 5)             // one distance
		put(14, 4)            // 18 lengths of codes: those of the 18th and the 1st symbol are 1
		put(1<<6, 27)         // 16, 17, 18 …
		put(1<<24, 27)        // … 14, 1
		put(1|(138-11)<<1, 8) // 138 zeros
		put(1|(118-11)<<1, 8) // 118 zeros, up to the end of a block
		put(0, 3)             // its code, that of the distance, and the end itself
	}
	put(1|1<<1, 3) // the last, with the usual tables
	put(0, 7)
	put(0, 7) // to the next byte
	return binary.LittleEndian.AppendUint64(out, 0)
}

// TestHostileBodies sends the dearest bodies that are let in, and looks at what comes back: the right
// words, few of them, and none that was sent.
func TestHostileBodies(t *testing.T) {
	if testing.Short() {
		t.Skip("large bodies")
	}
	r := start(t, func(o *server.Options) { o.Limits.Body, o.Limits.InflightBytes = 16<<20, 512<<20 })
	for _, h := range append(hostiles(), bombs(t)...) {
		t.Run(h.name, func(t *testing.T) {
			body, header := h.body(much), "Content-Encoding: identity"
			if h.zip != nil {
				body, header = h.zip(body), "Content-Encoding: gzip"
			}
			begin := time.Now()
			got := r.send("POST", "/v1/completions", body, header)
			if took := time.Since(begin); took > 3*time.Minute {
				t.Errorf("took %s", took)
			}
			h.holds(t, got)
		})
	}
}

// holds looks at the answer to a hostile body.
func (h *hostile) holds(t *testing.T, got answer) {
	t.Helper()
	var body struct {
		Detail []struct{ Type string }
		Error  struct{ Code, Param string }
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("%v: %.200s", err, got.body)
	}
	if got.status != h.status || body.Error.Code != h.code || h.param != "" && body.Error.Param != h.param {
		t.Errorf("got %d %s %s", got.status, body.Error.Code, body.Error.Param)
	}
	if (got.status == 422) != (len(body.Detail) > 0) || len(body.Detail) > 65 || len(got.body) > 64<<10 {
		t.Errorf("%d items, %d bytes", len(body.Detail), len(got.body))
	}
	if strings.Contains(got.body, secret) {
		t.Errorf("a value is repeated: %.200s", got.body)
	}
}

// caller asks a server in the same process, so that what is measured is the server alone.
type caller struct{ server *server.Server }

func newCaller(tb testing.TB) *caller {
	tb.Helper()
	s, err := server.New(server.Options{
		Spec:    gen.Spec,
		API:     &operations{},
		Tokens:  auth.Tokens{{Hash: auth.Hash(token)}},
		Logger:  slog.New(slog.DiscardHandler),
		Metrics: &counts{seen: map[string]int{}},
		Limits: server.Limits{
			Body: 16 << 20, InflightBytes: 512 << 20, MaxConcurrent: 64,
			HeaderTimeout: time.Minute, BodyTimeout: time.Minute, WriteTimeout: time.Minute,
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &caller{server: s}
}

// send asks for a completion and returns the status. length is -1 for a body that does not say how
// long it is.
func (c *caller) send(tb testing.TB, body string, length int, encoding string) int {
	tb.Helper()
	// The reader is hidden, for nothing on the way may know how long the body is.
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "/v1/completions", io.NopCloser(strings.NewReader(body)))
	if err != nil {
		tb.Fatal(err)
	}
	r.ContentLength = int64(length)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", encoding)
	w := &statusOnly{discard{http.Header{}}, http.StatusOK}
	c.server.ServeHTTP(w, r)
	return w.status
}

// statusOnly is discard that remembers the status.
type statusOnly struct {
	discard
	status int
}

func (s *statusOnly) WriteHeader(status int) { s.status = status }

// peak is how many bytes of the heap are taken at most while a function works, beyond those that were
// before. The collector is kept at work, so that little of it is garbage.
func peak(work func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	taken := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := taken()
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		top := before
		for {
			select {
			case <-done:
				most <- max(top, taken())
				return
			case <-time.After(50 * time.Microsecond):
				top = max(top, taken())
			}
		}
	}()
	work()
	close(done)
	return <-most - before
}

// TestMemoryOfHostileBodies holds what a request needs at one time to four times its body, all that is
// done with it and the body itself counted.
func TestMemoryOfHostileBodies(t *testing.T) {
	if testing.Short() {
		t.Skip("large bodies")
	}
	const besides = 1 << 20 // what does not grow with the body
	c := newCaller(t)
	for _, h := range hostiles() {
		body := h.body(much / 4)
		for name, length := range map[string]int{"length": len(body), "chunked": -1} {
			t.Run(h.name+"/"+name, func(t *testing.T) {
				used := peak(func() { c.send(t, body, length, "identity") })
				t.Logf("%.2f times the body", float64(used)/float64(len(body)))
				if used > 4*uint64(len(body))+besides {
					t.Errorf("%d bytes for a body of %d", used, len(body))
				}
			})
		}
	}
	for _, h := range bombs(t) {
		t.Run(h.name, func(t *testing.T) {
			body := h.zip(h.body(much / 4))
			used := peak(func() { c.send(t, body, len(body), "gzip") })
			t.Logf("%.2f times the largest body", float64(used)/(16<<20))
			if used > 4*16<<20 {
				t.Errorf("%d bytes for a body of %d", used, len(body))
			}
		})
	}
}

// allocated is how many bytes a function takes from the heap, those it gives back counted.
func allocated(work func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// BenchmarkHostile compares what it costs to refuse a hostile body with what it costs to accept a valid
// one of its size and shape, the two in turns: cpu-x is the ratio of their best times, mem-x the memory
// that the hostile one needs at one time as a multiple of its size (of the limit, for gzip that grows).
// They are to stay below 25 and 4. alloc-x is all that it takes from the heap.
func BenchmarkHostile(b *testing.B) {
	const size = 2 << 20
	c := newCaller(b)
	for _, h := range append(hostiles(), bombs(b)...) {
		b.Run(h.name, func(b *testing.B) {
			hostile, valid, encoding := h.body(size), h.valid(size), "identity"
			full := len(hostile)
			if h.zip != nil {
				hostile, valid, encoding, full = h.zip(hostile), zipped(b, valid), "gzip", 16<<20
			}
			if status := c.send(b, valid, len(valid), encoding); status != http.StatusOK {
				b.Fatalf("the valid body: status %d", status)
			}
			refuse := func() { c.send(b, hostile, len(hostile), encoding) }
			used, taken := peak(refuse), allocated(refuse)
			dear, cheap := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
			for b.Loop() {
				begin := time.Now()
				refuse()
				between := time.Now()
				c.send(b, valid, len(valid), encoding)
				dear, cheap = min(dear, between.Sub(begin)), min(cheap, time.Since(between))
			}
			b.ReportMetric(float64(dear)/float64(cheap), "cpu-x")
			b.ReportMetric(float64(used)/float64(full), "mem-x")
			b.ReportMetric(float64(taken)/float64(full), "alloc-x")
		})
	}
}
