package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// sender posts spans, as OTLP over HTTP has it: in protobuf, and once more after a while where the endpoint is busy
// or not there. OpenTelemetry's own brings gRPC into the binary, for a message whose bytes are those of TracesData.
type sender struct {
	options Options
	client  *http.Client
	ctx     context.Context // of all requests
	end     context.CancelFunc
	last    chan struct{} // closed when nothing is to be sent once more
	once    sync.Once
}

var _ otlptrace.Client = (*sender)(nil)

func newSender(o Options) (*sender, error) {
	if _, err := url.Parse(o.Endpoint); err != nil {
		return nil, errors.New("the endpoint of traces is no URL") // err may hold a secret
	}
	s := &sender{options: o, last: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.client = &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.TLS, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       o.Timeout,
	}
	return s, nil
}

// Start has nothing to do: the first request connects.
func (s *sender) Start(context.Context) error { return nil }

// Stop gives up what is under way.
func (s *sender) Stop(context.Context) error {
	s.end()
	s.client.CloseIdleConnections()
	return nil
}

// hurry has nothing sent once more from here on.
func (s *sender) hurry() { s.once.Do(func() { close(s.last) }) }

// UploadTraces sends a batch until it is taken or refused, or ctx ends.
func (s *sender) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := s.encoded(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() //nolint:contextcheck // the end of either ends the batch
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		err := s.post(ctx, body)
		var later *busy
		if !errors.As(err, &later) || !s.pause(ctx, max(later.wait, wait/2+jitter(wait/2))) {
			return s.cut(err)
		}
	}
}

// cut is err, or that there was no more time for what it is of.
func (s *sender) cut(err error) error {
	if err != nil && s.ctx.Err() != nil {
		return errEnd
	}
	return err
}

var errEnd = errors.New("the end did not wait for the endpoint any longer")

const (
	firstPause   = time.Second
	longestPause = 15 * time.Second
)

func jitter(most time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(most) + 1)) //nolint:gosec // nothing is secret about it
}

// pause waits, and reports whether there is to be another try.
func (s *sender) pause(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.last:
		return false
	case <-ctx.Done():
		return false
	}
}

func (s *sender) encoded(data *tracepb.TracesData) ([]byte, error) {
	body, err := proto.Marshal(data)
	if err != nil || !s.options.Gzip {
		return body, err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err = z.Write(body)
	err = errors.Join(err, z.Close())
	return out.Bytes(), err
}

// post sends a batch once. What the endpoint says beside its status is not repeated.
func (s *sender) post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.options.Endpoint, bytes.NewReader(body))
	if err != nil {
		return errors.New("the endpoint of traces is no URL")
	}
	for name, value := range s.options.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("User-Agent", "OTel-OTLP-Exporter-Go/"+otlptrace.Version()+" specgate")
	r.Header.Set("Content-Type", "application/x-protobuf")
	if s.options.Gzip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	answer, err := s.client.Do(r)
	if err != nil {
		var told *url.Error
		if errors.As(err, &told) { // it repeats the URL
			err = told.Err
		}
		return &busy{cause: err}
	}
	defer func() { _ = answer.Body.Close() }()
	return outcome(answer)
}
