package upstream_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

func TestTransportFailures(t *testing.T) {
	t.Parallel()
	const headers = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	brokeOff := upstreamError("The backend broke off before its answer was whole.")
	unreadable := upstreamError("The backend's answer could not be read.")
	redirect := upstreamError("The backend answered with a redirect, which is not followed.")
	tests := map[string]struct {
		reply fakebackend.Reply
		want  told
	}{
		"reset":                      {fakebackend.Reset(""), brokeOff},
		"closed":                     {fakebackend.Raw(""), brokeOff},
		"reset in the head":          {fakebackend.Reset("HTTP/1.1 200"), brokeOff},
		"no HTTP":                    {fakebackend.Raw("SSH-2.0-secret\r\n"), unreadable},
		"a malformed header":         {fakebackend.Raw("HTTP/1.1 200 OK\r\nsecret\r\n\r\n"), unreadable},
		"a head that never ends":     {fakebackend.Raw("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 1<<20)), unreadable},
		"stall before the head":      {fakebackend.Stall(""), timedOut()},
		"stall in the head":          {fakebackend.Stall("HTTP/1.1 200"), timedOut()},
		"stall before the body":      {fakebackend.Stall(headers), spent(timedOut())},
		"stall in the body":          {fakebackend.Stall(headers + answer), spent(timedOut())},
		"reset in the body":          {fakebackend.Reset(headers + answer), spent(brokeOff)},
		"closed in the body":         {fakebackend.Raw(headers + answer), spent(brokeOff)},
		"a malformed chunk":          {fakebackend.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n"), spent(unreadable)},
		"301":                        {fakebackend.JSON(301, "", "Location: /v2"), redirect},
		"307":                        {fakebackend.JSON(307, "", "Location: http://127.0.0.1:1/"), redirect},
		"304":                        {fakebackend.Raw("HTTP/1.1 304 Not Modified\r\n\r\n"), redirect},
		"204":                        {fakebackend.Raw("HTTP/1.1 204 No Content\r\n\r\n"), spent(upstreamError("The backend answered with status 204, which is no answer."))},
		"101":                        {fakebackend.Raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), spent(upstreamError("The backend answered with status 101, which is no answer."))},
		"499":                        {fakebackend.JSON(499, "{}"), spent(upstreamError("The backend answered with status 499, which is no answer."))},
		"600":                        {fakebackend.JSON(600, "{}"), spent(upstreamError("The backend answered with status 600, which is no answer."))},
		"an encoding of its own":     {fakebackend.JSON(200, "x", "Content-Encoding: br"), spent(upstreamError("The backend's answer comes in an encoding that was not asked for."))},
		"gzip that is none":          {fakebackend.JSON(200, answer, "Content-Encoding: gzip"), spent(unreadable)},
		"nothing in it":              {fakebackend.JSON(200, ""), spent(upstreamError("The backend's answer cannot be used: it is not JSON."))},
		"HTML":                       {fakebackend.Body(200, "text/html", "<html>"), spent(upstreamError("The backend's answer cannot be used: it is not JSON."))},
		"a stream":                   {fakebackend.Events("data: [DONE]\n\n"), spent(upstreamError("The backend answered with a stream, which was not asked for."))},
		"an interim answer at first": {fakebackend.Raw("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 302 Found\r\n\r\n"), redirect},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := complete(t, test.reply, impatient(name))
			if diff := cmp.Diff(test.want, toldOf(t, err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the log is told what the backend sent: %v", err)
			}
		})
	}
}

// listen takes a port on which nobody answers.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	_ = listener.Close()
	_, err := newClient(t, "http://"+listener.Addr().String()).Complete(caller(t), plain())
	if diff := cmp.Diff(upstreamError("The backend could not be reached."), toldOf(t, err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestCertificateOfNobody(t *testing.T) {
	t.Parallel()
	_, err := newClient(t, overTLS(t).URL).Complete(caller(t), plain())
	if diff := cmp.Diff(upstreamError("The backend could not be reached."), toldOf(t, err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// overTLS is a server whose certificate nobody has signed.
func overTLS(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// TLS is part of connecting: a port that takes connections and says nothing is no backend.
func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	client := newClient(t, "https://"+listener.Addr().String(), timeouts(upstream.Timeouts{Connect: soon}))
	_, err := client.Complete(caller(t), plain())
	if diff := cmp.Diff(timedOut(), toldOf(t, err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// A deadline of the caller's own context is the backend's slowness, not a bug.
func TestDeadlineOfTheContext(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, fakebackend.Stall(""))
	ctx, cancel := context.WithTimeout(caller(t), soon)
	defer cancel()
	_, err := newClient(t, backend.URL).Complete(ctx, plain())
	if diff := cmp.Diff(timedOut(), toldOf(t, err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestTotalTimeout(t *testing.T) {
	t.Parallel()
	trickle := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, "Content-Type: application/json")
		for c.Chunk(" "); ; c.Chunk(" ") {
			select {
			case <-c.Gone():
				return
			default:
			}
		}
	}
	_, err := complete(t, trickle, timeouts(upstream.Timeouts{Total: soon, Idle: 100 * soon}))
	if diff := cmp.Diff(spent(timedOut()), toldOf(t, err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// The backend must see at once that nobody waits for it any longer.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	const headers = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	for name, cause := range map[string]error{"caller": context.Canceled, "shutdown": apierror.ErrShuttingDown} {
		for where, begun := range map[string]string{"before the head": "", "in the body": headers + answer} {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancelCause(caller(t))
				defer cancel(nil)
				gone := make(chan struct{})
				backend := fakebackend.New(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
					c.Send(begun)
					cancel(cause)
					c.Await(nil)
					<-c.Gone()
					close(gone)
				})
				_, err := newClient(t, backend.URL).Complete(ctx, plain())
				if !errors.Is(err, cause) {
					t.Errorf("error %v, want %v", err, cause)
				}
				<-gone
			})
		}
	}
}
