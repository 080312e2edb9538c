package tracing_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are those of a tracer that sends what it has at once.
func options(endpoint string) tracing.Options {
	return tracing.Options{
		Endpoint: endpoint, Timeout: 5 * time.Second, Service: "s", Version: "1", Sampler: "always_on",
		Queue: 100, Batch: 50, Delay: time.Millisecond, Patience: 10 * time.Second, Context: true, Models: func(string) string { return "" },
	}
}

// begin is a call that a tracer was told of.
func begin(t *testing.T, tr *tracing.Tracer) *completion.Call {
	t.Helper()
	call := &completion.Call{Context: t.Context(), ID: "one", Began: time.Now()}
	tr.Begin(call, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/completions", nil), "/v1/completions")
	return call
}

// ask makes the span of one request.
func ask(t *testing.T, tr *tracing.Tracer) {
	t.Helper()
	tr.End(begin(t, tr), http.StatusOK)
}

// tried runs a tracer with one span against an endpoint that gives each of some answers, and the last for ever.
func tried(t *testing.T, change func(*tracing.Options), answers ...func(w http.ResponseWriter)) (tr *tracing.Tracer, requests int) {
	t.Helper()
	asked, enough := 0, make(chan struct{})
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answers[min(asked, len(answers)-1)](w)
		if asked++; asked == len(answers) {
			close(enough)
		}
	}))
	defer endpoint.Close()
	o := options(endpoint.URL)
	change(&o)
	tr, err := tracing.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, tr)
	select {
	case <-enough:
	case <-time.After(20 * time.Second):
		t.Error("the endpoint is not asked so often")
	}
	tr.Close()
	return tr, asked
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
	}
}

func nothing(*tracing.Options) {}

// A busy endpoint is asked once more, after the time that it names; one that refuses is not.
func TestWhatIsSentOnceMore(t *testing.T) {
	t.Parallel()
	for _, busy := range []int{429, 502, 503, 504} {
		t.Run(http.StatusText(busy), func(t *testing.T) {
			t.Parallel()
			tr, asked := tried(t, nothing, status(busy, "Retry-After: 0"), status(busy, "Retry-After: "+time.Now().UTC().Format(http.TimeFormat)), status(200))
			if asked != 3 || tr.Exported() != 1 || tr.Dropped() != 0 {
				t.Errorf("asked %d times, %d exported, %d dropped", asked, tr.Exported(), tr.Dropped())
			}
		})
	}
	for _, refused := range []int{301, 400, 401, 404, 413, 500, 501} {
		tr, asked := tried(t, nothing, status(refused, "Location: /elsewhere"))
		if asked != 1 || tr.Exported() != 0 || tr.Dropped() != 1 {
			t.Errorf("%d: asked %d times, %d exported, %d dropped", refused, asked, tr.Exported(), tr.Dropped())
		}
	}
}

// A time that is longer than a batch is tried for is not waited for; nor is any at the end.
func TestWhatIsGivenUp(t *testing.T) {
	t.Parallel()
	began := time.Now()
	for name, change := range map[string]func(*tracing.Options){
		"patience": func(o *tracing.Options) { o.Patience = 5 * time.Second }, "the end": func(o *tracing.Options) { o.Patience = time.Hour },
	} {
		tr, asked := tried(t, change, status(503, "Retry-After: 600"))
		if asked != 1 || tr.Dropped() != 1 {
			t.Errorf("%s: asked %d times, %d dropped", name, asked, tr.Dropped())
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// What an endpoint rejects of a batch is counted as dropped.
func TestPartialSuccess(t *testing.T) {
	t.Parallel()
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), "why")
	for name, test := range map[string]struct {
		said    []byte
		dropped int64
	}{
		"none":     {nil, 0},
		"rejected": {protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial), 1},
		"a word":   {protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial[2:]), 0},
		"nonsense": {[]byte{0xff, 0xff, 0xff}, 0},
		"cut":      {[]byte{0x0a, 0x7f, 0x08}, 0},
	} {
		tr, _ := tried(t, nothing, func(w http.ResponseWriter) { _, _ = w.Write(test.said) })
		if tr.Dropped() != test.dropped || tr.Exported() != 1-test.dropped {
			t.Errorf("%s: %d exported, %d dropped", name, tr.Exported(), tr.Dropped())
		}
	}
}

// lost is the sum of the spans that a log says are lost, and the last of its lines.
func lost(t *testing.T, log string) (sum int64, last string) {
	t.Helper()
	for line := range strings.Lines(log) {
		var told struct {
			Msg     string
			Dropped int64
		}
		if err := json.Unmarshal([]byte(line), &told); err != nil || told.Msg != "spans are lost" {
			t.Fatalf("%s: %v", line, err)
		}
		sum, last = sum+told.Dropped, line
	}
	return sum, last
}

// What is lost within the time that the log says nothing more of it is told at the end.
func TestLossesAreToldAtTheEnd(t *testing.T) {
	t.Parallel()
	const spans = 3
	answered := make(chan struct{}, spans)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		answered <- struct{}{}
	}))
	defer endpoint.Close()
	var log bytes.Buffer
	o := options(endpoint.URL)
	o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	tr, err := tracing.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range spans {
		ask(t, tr)
		<-answered
	}
	tr.Close()
	if sum, last := lost(t, log.String()); sum != spans || strings.Count(log.String(), "\n") != 2 || !strings.Contains(last, "status 403") {
		t.Errorf("%d spans are lost, by\n%s", sum, log.String())
	}
}

// An endpoint that hangs keeps the end for no longer than the tracer takes for it, and is left then, which is told.
func TestAnEndpointThatHangs(t *testing.T) {
	t.Parallel()
	ended, once := make(chan struct{}), sync.Once{}
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		once.Do(func() { close(ended) })
	}))
	defer endpoint.Close()
	o := options(endpoint.URL)
	var log bytes.Buffer
	o.Timeout, o.Patience, o.Batch, o.Logger = time.Hour, time.Hour, 1, slog.New(slog.NewJSONHandler(&log, nil))
	tr, err := tracing.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, tr)
	ask(t, tr)
	tr.Close()
	if sum, last := lost(t, log.String()); sum != 2 || tr.Dropped() != 2 || !strings.Contains(last, "the end did not wait") {
		t.Errorf("%d spans are lost, %d are counted, by\n%s", sum, tr.Dropped(), log.String())
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}

// Spans go over TLS, with certificates of both sides from files, and inflated they are what OTLP has.
func TestSecureEndpoint(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	endpoint := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(z)
		var data tracepb.TracesData
		if err != nil || proto.Unmarshal(body, &data) != nil || len(r.TLS.PeerCertificates) != 1 {
			t.Errorf("%v, %d certificates", err, len(r.TLS.PeerCertificates))
		}
		got <- data.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName() + r.Header.Get("X-Tenant")
	}))
	endpoint.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	endpoint.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	endpoint.StartTLS()
	defer endpoint.Close()
	certificate, key := pair(t, endpoint.TLS.Certificates[0])
	o := options(endpoint.URL)
	o.Gzip, o.Headers = true, map[string]string{"x-tenant": " a"}
	files := tracing.Certificates{Roots: certificate, Client: certificate, Key: key}
	var err error
	if o.TLS, err = files.Config(os.ReadFile); err != nil {
		t.Fatal(err)
	}
	tr, err := tracing.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, tr)
	tr.Close()
	if name := <-got; name != "POST /v1/completions a" && name != "POST /v1/completionsa" || tr.Exported() != 1 {
		t.Errorf("%q, %d exported", name, tr.Exported())
	}
	o.TLS.RootCAs = nil
	if tr, err = tracing.New(o); err != nil {
		t.Fatal(err)
	}
	ask(t, tr)
	tr.Close()
	if tr.Dropped() != 1 {
		t.Error("an endpoint that nobody vouches for got spans")
	}
	for _, broken := range []tracing.Certificates{{Roots: key}, {Roots: "none"}, {Client: certificate, Key: "none"}, {Client: "none", Key: key}, {Client: certificate, Key: certificate}} {
		if _, err := broken.Config(os.ReadFile); err == nil {
			t.Errorf("no error with %+v", broken)
		}
	}
}

// pair writes a certificate and its key into files.
func pair(t *testing.T, c tls.Certificate) (certificate, key string) {
	t.Helper()
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	der, err := marshalKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// Where there is no tracer, nothing stands before what would be traced.
func TestNoTracer(t *testing.T) {
	t.Parallel()
	var none *tracing.Tracer
	next := &completer{}
	if none.Attempts(next, tracing.Upstream{}) != tracing.Completer(next) || none.Limits(nil) != nil {
		t.Error("something stands before it")
	}
}
