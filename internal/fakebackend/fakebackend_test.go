package fakebackend_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/specgate/specgate/internal/fakebackend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// exchange sends raw bytes on a connection of its own, and returns all that comes back.
func exchange(t *testing.T, b *fakebackend.Backend, raw string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing is written any more
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestRecordsToTheByte(t *testing.T) {
	const first, second = "POST /a?b=c HTTP/1.1\r\nhost: x\r\nX-Odd:  y\r\nContent-Length: 5\r\n\r\n{ \"a\"", "GET /d HTTP/1.0\r\n\r\n"
	b := fakebackend.New(t, fakebackend.Raw("one"), fakebackend.Raw("two"))
	if got := exchange(t, b, first) + exchange(t, b, second) + exchange(t, b, second); got != "onetwotwo" {
		t.Errorf("answers %q", got)
	}
	want := []*fakebackend.Request{
		{Method: "POST", Path: "/a?b=c", Host: "x", Header: http.Header{"X-Odd": {"y"}}, Head: "POST /a?b=c HTTP/1.1\r\nhost: x\r\nX-Odd:  y\r\nContent-Length: 5", Body: []byte("{ \"a\"")},
		{Method: "GET", Path: "/d", Header: http.Header{}, Head: "GET /d HTTP/1.0", Body: []byte{}},
	}
	if diff := cmp.Diff(want, b.Requests()[:2]); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if n := b.Connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

func TestSeesTheClientGo(t *testing.T) {
	gone := make(chan struct{})
	b := fakebackend.New(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		if c.Await(nil) {
			t.Error("a signal that nobody gives")
		}
		close(gone)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was given up
	cancel()
	<-gone
}
