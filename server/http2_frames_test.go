package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/server"
)

// framer is a caller who writes his own frames of HTTP/2.
type framer struct {
	*http2.Framer
	t      *testing.T
	conn   net.Conn
	silent bool // answers no ping
	block  bytes.Buffer
	hpack  *hpack.Encoder
}

// frames opens a connection for a caller with settings of his own.
func (r *running) frames(settings ...http2.Setting) *framer {
	return framesOn(r.t, r.dial(), settings...)
}

func framesOn(t *testing.T, conn net.Conn, settings ...http2.Setting) *framer {
	t.Helper()
	f := &framer{Framer: http2.NewFramer(conn, conn), t: t, conn: conn}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.hpack = hpack.NewEncoder(&f.block)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f.wrote(f.WriteSettings(settings...))
	return f
}

func (f *framer) wrote(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// completion is the header of a request for one; more are name and value by turns.
func (f *framer) completion(more ...string) []byte {
	f.t.Helper()
	return f.header(append([]string{
		":method", "POST", ":scheme", "http", ":authority", "x", ":path", "/v1/completions",
		"authorization", "Bearer " + token, "content-type", "application/json",
	}, more...)...)
}

func (f *framer) header(fields ...string) []byte {
	f.t.Helper()
	f.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		f.wrote(f.hpack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return bytes.Clone(f.block.Bytes())
}

// ask sends a whole request for a completion.
func (f *framer) ask(stream uint32, body string) {
	f.t.Helper()
	f.open(stream, f.completion())
	f.wrote(f.WriteData(stream, true, []byte(body)))
}

// open sends the header of a request that has a body.
func (f *framer) open(stream uint32, block []byte) {
	f.t.Helper()
	f.wrote(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block, EndHeaders: true}))
}

// until reads frames up to one that want is true of; nil where the connection ends before it.
func (f *framer) until(want func(http2.Frame) bool) http2.Frame {
	f.t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			if strings.Contains(err.Error(), "timeout") {
				f.t.Fatal("neither a frame nor an end comes")
			}
			return nil
		}
		if want(frame) {
			return frame
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.wrote(f.WriteSettingsAck())
			}
		case *http2.PingFrame:
			if !frame.IsAck() && !f.silent {
				f.wrote(f.WritePing(true, frame.Data))
			}
		}
	}
}

func (f *framer) closed() { f.t.Helper(); f.until(func(http2.Frame) bool { return false }) }

// status waits for the header of an answer.
func (f *framer) status(stream uint32) int {
	f.t.Helper()
	frame, ok := f.until(func(frame http2.Frame) bool {
		h, ok := frame.(*http2.MetaHeadersFrame)
		return ok && h.StreamID == stream
	}).(*http2.MetaHeadersFrame)
	if !ok {
		f.t.Fatal("the connection ends without an answer")
	}
	code, err := strconv.Atoi(frame.PseudoValue("status"))
	f.wrote(err)
	return code
}

// reset waits for the end of a stream that is a reset, and gives its code.
func (f *framer) reset(stream uint32) http2.ErrCode {
	f.t.Helper()
	frame := f.until(func(frame http2.Frame) bool {
		if frame.Header().StreamID != stream {
			return false
		}
		if frame.Header().Flags.Has(http2.FlagDataEndStream) && frame.Header().Type != http2.FrameRSTStream {
			f.t.Errorf("the stream ends as if it were whole: %v", frame)
		}
		return frame.Header().Type == http2.FrameRSTStream
	})
	if frame == nil {
		f.t.Fatal("the connection ends with the stream")
	}
	return frame.(*http2.RSTStreamFrame).ErrCode
}

// eventsOrSo answers with what the model's name says.
type eventsOrSo struct {
	model string
	ended chan error
}

func (e eventsOrSo) VisitCreateCompletionResponse(w http.ResponseWriter) (err error) {
	switch e.model {
	case "large":
		_, err = w.Write(make([]byte, 64<<20))
	case "flushed":
		for err == nil {
			if _, err = io.WriteString(w, "data: {}\n\n"); err == nil {
				err = http.NewResponseController(w).Flush()
			}
		}
	default: // sent by the server, when all is over
		_, err = io.WriteString(w, "{}")
	}
	e.ended <- err
	return err
}

// byModel answers with eventsOrSo.
func byModel(ended chan error) *operations {
	return &operations{complete: func(_ context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
		return eventsOrSo{req.Model, ended}, nil
	}}
}

func soon(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(15 * time.Second):
		t.Fatal("it is held up for good")
		return nil
	}
}

// A stream that its caller does not read is reset in time, while the others of the connection go on.
func TestStreamThatIsNotRead(t *testing.T) {
	for _, model := range []string{"large", "flushed", "small"} {
		t.Run(model, func(t *testing.T) {
			ended := make(chan error, 2)
			r := open(t, "h2c", func(o *server.Options) {
				o.Limits.WriteTimeout = 300 * time.Millisecond
				o.API = byModel(ended)
			}).running
			f := r.frames(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			begin := time.Now()
			f.ask(1, `{"model":"`+model+`","prompt":"x"}`)
			if code := f.reset(1); code != http2.ErrCodeInternal {
				t.Errorf("reset with %v", code)
			}
			if took := time.Since(begin); took < 250*time.Millisecond {
				t.Errorf("reset after %v", took)
			}
			if err := soon(t, ended); (err == nil) != (model == "small") {
				t.Errorf("the write ended with %v", err)
			}
			f.ask(3, valid)
			f.wrote(f.WriteWindowUpdate(3, 100))
			if status := f.status(3); status != http.StatusOK {
				t.Errorf("another stream: %d", status)
			}
		})
	}
}

// A caller who takes what he gets piece by piece, more slowly than one deadline, gets all of it.
func TestSlowReaderOfAStream(t *testing.T) {
	ended := make(chan error, 1)
	r := open(t, "h2c", func(o *server.Options) {
		o.Limits.WriteTimeout = 3 * time.Second
		o.API = &operations{complete: func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error) {
			return pieces{ended}, nil
		}}
	}).running
	f := r.frames(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	f.ask(1, valid)
	for range 8 {
		time.Sleep(500 * time.Millisecond)
		f.wrote(f.WriteWindowUpdate(0, 256<<10))
		f.wrote(f.WriteWindowUpdate(1, 256<<10))
	}
	if err := soon(t, ended); err != nil {
		t.Error(err)
	}
}

// pieces is 2 MiB in one write.
type pieces struct{ ended chan error }

func (p pieces) VisitCreateCompletionResponse(w http.ResponseWriter) error {
	_, err := w.Write(make([]byte, 2<<20))
	p.ended <- err
	return err
}

// A connection that is not read at all is closed in time, with the streams on it: the deadline stands
// below TLS.
func TestConnectionThatIsNotRead(t *testing.T) {
	over(t, transports, func(t opener) {
		ended := make(chan error, 1)
		front := t.open(func(o *server.Options) {
			o.Limits.WriteTimeout = 300 * time.Millisecond
			o.API = byModel(ended)
		})
		var conn net.Conn = front.dial()
		if strings.HasPrefix(front.base, "https") {
			config := &tls.Config{InsecureSkipVerify: true}
			if front.proto == "HTTP/2.0" {
				config.NextProtos = []string{"h2"}
			}
			conn = tls.Client(conn, config)
		}
		const large = `{"model":"large","prompt":"x"}`
		if front.proto == "HTTP/2.0" {
			f := framesOn(t.T, conn, http2.Setting{ID: http2.SettingInitialWindowSize, Val: math.MaxInt32})
			f.wrote(f.WriteWindowUpdate(0, math.MaxInt32-65535))
			f.ask(1, large)
		} else if _, err := io.WriteString(conn, head(bearer, "Content-Length: "+strconv.Itoa(len(large)))+large); err != nil {
			t.Fatal(err)
		}
		if err := soon(t.T, ended); err == nil {
			t.Error("64 MB were written to nobody")
		}
	})
}

// A header that does not end holds its connection for the time of a header and that of a body, however
// its pieces come.
func TestHeaderThatDoesNotEnd(t *testing.T) {
	for name, dribble := range map[string]bool{"nothing more": false, "byte by byte": true} {
		t.Run(name, func(t *testing.T) {
			r := open(t, "h2c", func(o *server.Options) {
				o.Limits.HeaderTimeout, o.Limits.BodyTimeout = 500*time.Millisecond, 500*time.Millisecond
			}).running
			f := r.frames()
			block := f.completion("x-long", strings.Repeat("a", 60_000))
			f.wrote(f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:10]}))
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := 10; dribble && i < len(block); i++ {
					if f.WriteContinuation(1, false, block[i:i+1]) != nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			}()
			begin := time.Now()
			_, _ = io.Copy(io.Discard, f.conn) // in the middle of a header nothing can be answered
			if took := time.Since(begin); took < 500*time.Millisecond || took > 10*time.Second {
				t.Errorf("the connection is held for %v", took)
			}
			_ = f.conn.Close()
			<-done
		})
	}
}

// The beginning of HTTP/2 without TLS has as long as a header.
func TestPrefaceThatDoesNotEnd(t *testing.T) {
	r := open(t, "h2c", func(o *server.Options) { o.Limits.HeaderTimeout = 200 * time.Millisecond }).running
	for _, sent := range []string{"", http2.ClientPreface[:3], http2.ClientPreface[:20]} {
		conn := r.dial()
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_ = readAll(t, conn)
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("after %q the connection is held for %v", sent, took)
		}
	}
}

// A body that stops in the middle of a frame is told so too, before its connection ends.
func TestBodyThatStopsWithinAFrame(t *testing.T) {
	r := open(t, "h2c", func(o *server.Options) {
		o.Limits.HeaderTimeout, o.Limits.BodyTimeout = time.Second, time.Second
	}).running
	f := r.frames()
	f.silent = true
	f.open(1, f.completion())
	if _, err := f.conn.Write([]byte{0, 0x10, 0, byte(http2.FrameData), 0, 0, 0, 0, 1, '{', '"'}); err != nil {
		t.Fatal(err)
	}
	if status := f.status(1); status != http.StatusRequestTimeout {
		t.Errorf("got %d", status)
	}
	f.closed()
}

// Who is gone without a word answers no ping: his requests end with him.
func TestCallerWhoIsGoneWithoutAWord(t *testing.T) {
	ended := make(chan error, 1)
	r := open(t, "h2c", func(o *server.Options) {
		o.Limits.HeaderTimeout, o.Limits.BodyTimeout = time.Second, time.Second
		o.API = &operations{complete: func(ctx context.Context, _ *completion.Request) (gen.CreateCompletionResponseObject, error) {
			return endless{ctx, ended}, nil
		}}
	}).running
	f := r.frames()
	f.ask(1, valid)
	_ = soon(t, ended)
}

func TestOversizedHeaderOverHTTP2(t *testing.T) {
	r := open(t, "h2c", nil).running
	f := r.frames()
	f.hpack.SetMaxDynamicTableSize(0)
	var more []string
	for i := range 7 {
		more = append(more, "x-long-"+strconv.Itoa(i), strings.Repeat("\\", 10_000)) // which no code makes shorter
	}
	block := f.completion(more...)
	f.wrote(f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:10]}))
	for block = block[10:]; len(block) > 0; {
		n := min(len(block), 16_000)
		f.wrote(f.WriteContinuation(1, n == len(block), block[:n]))
		block = block[n:]
	}
	if status := f.status(1); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", status)
	}
	f.ask(3, valid)
	if status := f.status(3); status != http.StatusOK {
		t.Errorf("the next request: %d", status)
	}
}

// A body that is not as long as it was said to be is no request, and breaks its stream.
func TestDeclaredLengthOverHTTP2(t *testing.T) {
	r := open(t, "h2c", nil).running
	f := r.frames()
	for i, length := range []string{"100", "5"} {
		stream := uint32(2*i + 1)
		f.open(stream, f.completion("content-length", length))
		f.wrote(f.WriteData(stream, true, []byte(valid)))
		if code := f.reset(stream); code == http2.ErrCodeNo {
			t.Errorf("length %s: the stream is reset without an error", length)
		}
	}
	f.ask(5, valid)
	if status := f.status(5); status != http.StatusOK {
		t.Errorf("the next request: %d", status)
	}
	if !strings.Contains(r.log.String(), `"status":499`) {
		t.Errorf("log: %s", r.log)
	}
}

// Methods without a path are unknown paths like any other.
func TestNoPathOverHTTP2(t *testing.T) {
	r := open(t, "h2c", nil).running
	f := r.frames()
	for i, header := range [][]string{
		{":method", "OPTIONS", ":scheme", "http", ":authority", "x", ":path", "*"},
		{":method", "CONNECT", ":authority", "x:443"},
	} {
		stream := uint32(2*i + 1)
		f.wrote(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.header(header...), EndHeaders: true, EndStream: true}))
		if status := f.status(stream); status != http.StatusNotFound {
			t.Errorf("%v: got %d", header, status)
		}
	}
}

// One connection has so many streams and no more; those that are reset at once free their places.
func TestStreamsOfOneConnection(t *testing.T) {
	const most = 256
	entered, leave := make(chan struct{}, 2*most), make(chan struct{})
	r := open(t, "h2c", func(o *server.Options) {
		o.Limits.MaxConcurrent, o.Limits.InflightBytes = 4*most, 64<<20
		o.API = &operations{complete: func(ctx context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
			entered <- struct{}{}
			select {
			case <-leave:
				return raw(req.Body), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
	}).running
	f := r.frames()
	settings := f.until(func(frame http2.Frame) bool { return frame.Header().Type == http2.FrameSettings }).(*http2.SettingsFrame)
	f.wrote(f.WriteSettingsAck())
	if n, _ := settings.Value(http2.SettingMaxConcurrentStreams); n != most {
		t.Errorf("%d streams are offered", n)
	}
	f.until(func(frame http2.Frame) bool { return frame.Header().Type == http2.FrameSettings }) // the server has seen that
	stream := uint32(1)
	for range most {
		f.ask(stream, valid)
		stream += 2
	}
	for range most {
		<-entered
	}
	f.open(stream, f.completion())
	if code := f.reset(stream); code == http2.ErrCodeNo {
		t.Error("one stream too many is no error")
	}
	f.wrote(f.WriteRSTStream(1, http2.ErrCodeCancel))
	f.ask(stream+2, valid)
	<-entered
	close(leave)
	if status := f.status(stream + 2); status != http.StatusOK {
		t.Errorf("in place of one that was reset: %d", status)
	}
}

// The shutdown is told by GOAWAY, which names what is still answered.
func TestShutdownOfFrames(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r := open(t, "h2c", func(o *server.Options) {
		o.API = &operations{complete: func(_ context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
			close(entered)
			<-leave
			return raw(req.Body), nil
		}}
	}).running
	f := r.frames()
	f.ask(1, valid)
	<-entered
	r.end()
	frame, ok := f.until(func(frame http2.Frame) bool { return frame.Header().Type == http2.FrameGoAway }).(*http2.GoAwayFrame)
	if !ok || frame.ErrCode != http2.ErrCodeNo || frame.LastStreamID != 1 {
		t.Fatalf("the end is told by %v", frame)
	}
	close(leave)
	if status := f.status(1); status != http.StatusOK {
		t.Errorf("got %d", status)
	}
	if f.until(func(frame http2.Frame) bool { return frame.Header().Flags.Has(http2.FlagDataEndStream) }) == nil {
		t.Error("the answer does not end")
	}
	f.closed()
}
