package sse_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/sse"
)

type event struct {
	Kind sse.Kind
	Data string
}

// readAll reads to the end, and keeps the events apart from the reader's buffers.
func readAll(source io.Reader, limit int) ([]event, error) {
	r := sse.NewReader(source, limit)
	var events []event
	for {
		e, err := r.Next()
		if err != nil {
			return events, err
		}
		events = append(events, event{e.Kind, string(e.Data)})
	}
}

func data(values ...string) []event {
	var events []event
	for _, v := range values {
		events = append(events, event{sse.Data, v})
	}
	return events
}

func TestReader(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   string
		want []event
		err  error
	}{
		"nothing":                      {"", nil, io.EOF},
		"LF":                           {"data: a\n\ndata: b\n\n", data("a", "b"), io.EOF},
		"CRLF":                         {"data: a\r\n\r\ndata: b\r\n\r\n", data("a", "b"), io.EOF},
		"CR":                           {"data: a\r\rdata: b\r\r", data("a", "b"), io.EOF},
		"line ends mixed":              {"data: a\r\n\ndata: b\n\rdata: c\r\r\n", data("a", "b", "c"), io.EOF},
		"no space":                     {"data:{\"a\":1}\n\n", data(`{"a":1}`), io.EOF},
		"one space only is dropped":    {"data:  a \n\n", data(" a "), io.EOF},
		"several lines":                {"data: {\ndata: }\n\n", data("{\n}"), io.EOF},
		"empty lines of data":          {"data\ndata:\ndata: \n\n", data("\n\n"), io.EOF},
		"empty data":                   {"data:\n\ndata: a\n\n", data("", "a"), io.EOF},
		"comments":                     {":\n\n: ping\ndata: a\n:x\n\n:\n", data("a"), io.EOF},
		"other fields":                 {"event: x\nid: 1\nretry: 5\ndata: a\nfoo\n\nevent: y\n\n", data("a"), io.EOF},
		"names that only begin alike":  {"database: x\ndata-x: y\nerrors: z\n\n", nil, io.EOF},
		"byte order mark":              {"\uFEFFdata: a\n\ndata: \uFEFFb\n\n", data("a", "\uFEFFb"), io.EOF},
		"error line":                   {"data: a\n\nerror: {\"code\":500}\n\ndata: [DONE]\n\n", []event{{sse.Data, "a"}, {sse.Error, `{"code":500}`}, {sse.Data, "[DONE]"}}, io.EOF},
		"done without an empty line":   {"data: a\n\ndata: [DONE]\n", data("a", "[DONE]"), io.EOF},
		"done without a line end":      {"data: a\n\ndata: [DONE]", data("a", "[DONE]"), io.EOF},
		"cut in a line":                {"data: a\n\ndata: {\"b\":", data("a"), io.ErrUnexpectedEOF},
		"cut in the field":             {"data: a\n\nda", data("a"), io.ErrUnexpectedEOF},
		"cut before the empty line":    {"data: a\n\ndata: b\n", data("a"), io.ErrUnexpectedEOF},
		"cut in an error line":         {"error: {\"code\":", nil, io.ErrUnexpectedEOF},
		"cut in done":                  {"data: [DON", nil, io.ErrUnexpectedEOF},
		"more events after done":       {"data: [DONE]\n\ndata: a\n\n", data("[DONE]", "a"), io.EOF},
		"data at the limit":            {"data: " + strings.Repeat("x", 40) + "\n\n", data(strings.Repeat("x", 40)), io.EOF},
		"data past the limit":          {"data: " + strings.Repeat("x", 41) + "\n\n", nil, sse.ErrTooLong},
		"several lines past the limit": {strings.Repeat("data: xxxxxxxxx\n", 5) + "\n", nil, sse.ErrTooLong},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, source := range map[string]io.Reader{
				"whole":            strings.NewReader(test.in),
				"byte by byte":     iotest.OneByteReader(strings.NewReader(test.in)),
				"bytes with error": iotest.DataErrReader(strings.NewReader(test.in)),
			} {
				got, err := readAll(source, 40)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: events (-want +got):\n%s", how, diff)
				}
				if !errors.Is(err, test.err) {
					t.Errorf("%s: error %v, want %v", how, err, test.err)
				}
			}
		})
	}
}

// A CR must give its event at once: the LF that may follow it may be minutes away.
func TestReaderDoesNotWaitBehindCR(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	go func() {
		_, _ = io.WriteString(out, "data: a\r\r")
	}()
	e, err := sse.NewReader(in, 0).Next()
	if err != nil || string(e.Data) != "a" {
		t.Errorf("Next() = %q, %v", e.Data, err)
	}
}

func TestReaderTakesLongEvents(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 500_000)
	got, err := readAll(strings.NewReader("data: "+long+"\n\ndata: b\n\n"), 16<<20)
	if !errors.Is(err, io.EOF) || !cmp.Equal(got, data(long, "b")) {
		t.Errorf("%d events, error %v", len(got), err)
	}
}

// A line that never ends must not fill the memory.
func TestReaderStopsReadingPastTheLimit(t *testing.T) {
	t.Parallel()
	endless := &countingReader{}
	_, err := readAll(endless, 1<<20)
	if !errors.Is(err, sse.ErrTooLong) || endless.n > 3<<20 {
		t.Errorf("error %v after %d bytes", err, endless.n)
	}
}

type countingReader struct{ n int }

func (r *countingReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	r.n += len(p)
	return len(p), nil
}

func TestReaderKeepsItsError(t *testing.T) {
	t.Parallel()
	cause := errors.New("gone")
	r := sse.NewReader(io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(cause)), 0)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, cause) {
			t.Errorf("Next() gives %v, want %v", err, cause)
		}
	}
	if _, err := sse.NewReader(stuck{}, 0).Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a source that gives nothing: %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestWriting(t *testing.T) {
	t.Parallel()
	stream := sse.AppendData(nil, []byte(`{"a":1}`))
	stream = sse.AppendPing(stream)
	stream = sse.AppendData(stream, []byte("b"))
	stream = sse.AppendDone(stream)
	const want = "data: {\"a\":1}\n\n: ping\ndata: b\n\ndata: [DONE]\n\n"
	if diff := cmp.Diff(want, string(stream)); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
	got, err := readAll(bytes.NewReader(stream), 0)
	if !errors.Is(err, io.EOF) || !cmp.Equal(got, data(`{"a":1}`, "b", "[DONE]")) {
		t.Errorf("read back: %v, %v", got, err)
	}
}

// However the network splits a stream, it holds the same events.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\uFEFFdata: a\r\ndata:b\r\r\nerror: {}\n\n: c\ndata: [DONE]"), uint8(3))
	f.Add([]byte("data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n\ndata\n\n"), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		const limit = 24
		want, wantErr := readAll(bytes.NewReader(stream), limit)
		got, gotErr := readAll(&pieces{stream, int(size)%7 + 1}, limit)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (whole, split):\n%s", diff)
		}
		if !errors.Is(gotErr, wantErr) {
			t.Errorf("error %v whole, %v split", wantErr, gotErr)
		}
		for _, e := range want {
			if len(e.Data) > limit && e.Kind == sse.Data {
				t.Errorf("%d bytes of data", len(e.Data))
			}
		}
	})
}

// pieces gives its bytes a few at a time.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

func BenchmarkReader(b *testing.B) {
	const chunk = `data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":" there","index":0,"logprobs":null,"finish_reason":null}]}` + "\n\n"
	stream := []byte(strings.Repeat(chunk, 1000))
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		r := sse.NewReader(bytes.NewReader(stream), 0)
		for {
			if _, err := r.Next(); err != nil {
				break
			}
		}
	}
}
