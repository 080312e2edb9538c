package upstream_test

import (
	"testing"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

// What may be sent again hangs on this: in doubt, the backend has worked.
func TestFates(t *testing.T) {
	t.Parallel()
	const headers = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	for name, test := range map[string]struct {
		reply fakebackend.Reply
		want  apierror.Fate
	}{
		"429":                    {fakebackend.JSON(429, "{}"), apierror.TurnedAway},
		"503":                    {fakebackend.JSON(503, "{}"), apierror.TurnedAway},
		"404":                    {fakebackend.JSON(404, "{}"), apierror.Unknown},
		"500":                    {fakebackend.JSON(500, "{}"), apierror.Unknown},
		"502":                    {fakebackend.JSON(502, "{}"), apierror.Unknown},
		"504":                    {fakebackend.JSON(504, "{}"), apierror.Unknown},
		"400":                    {fakebackend.JSON(400, "{}"), apierror.Unknown},
		"401":                    {fakebackend.JSON(401, "{}"), apierror.Unknown},
		"reset":                  {fakebackend.Reset(""), apierror.NoAnswer},
		"closed":                 {fakebackend.Raw(""), apierror.NoAnswer},
		"reset in the head":      {fakebackend.Reset("HTTP/1.1 200"), apierror.Unknown},
		"closed in the head":     {fakebackend.Raw("HTTP/1.1 200"), apierror.Unknown},
		"reset in the body":      {fakebackend.Reset(headers + answer), apierror.Unknown},
		"closed in the body":     {fakebackend.Raw(headers + answer), apierror.Unknown},
		"no HTTP":                {fakebackend.Raw("SSH-2.0\r\n"), apierror.Unknown},
		"stall before the head":  {fakebackend.Stall(""), apierror.Unknown},
		"an error within a body": {fakebackend.JSON(200, `{"error":{"message":"no","code":503}}`), apierror.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := complete(t, test.reply, impatient("stall before the head"))
			if got := apierror.FateOf(err); err == nil || got != test.want {
				t.Errorf("fate %v of %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestFatesOfConnections(t *testing.T) {
	t.Parallel()
	silent, closed := listen(t), listen(t)
	_ = closed.Close()
	for name, base := range map[string]string{
		"nobody listens":             "http://" + closed.Addr().String(),
		"TLS that is never answered": "https://" + silent.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newClient(t, base, timeouts(upstream.Timeouts{Connect: soon})).Complete(caller(t), plain())
			if got := apierror.FateOf(err); got != apierror.NotSent {
				t.Errorf("fate %v of %v", got, err)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply fakebackend.Reply
		well  bool
	}{
		"200":     {fakebackend.JSON(200, `{"data":[]}`), true},
		"401":     {fakebackend.JSON(401, "{}"), true},
		"404":     {fakebackend.JSON(404, "{}"), true},
		"429":     {fakebackend.JSON(429, "{}"), true},
		"500":     {fakebackend.JSON(500, "{}"), false},
		"503":     {fakebackend.JSON(503, "{}"), false},
		"reset":   {fakebackend.Reset(""), false},
		"no HTTP": {fakebackend.Raw("SSH-2.0\r\n"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := fakebackend.New(t, test.reply)
			err := newClient(t, backend.URL).Probe(caller(t), "/health?full=1")
			if (err == nil) != test.well {
				t.Errorf("Probe: %v", err)
			}
			if got := backend.Requests()[0]; got.Method != "GET" || got.Path != "/v1/health?full=1" {
				t.Errorf("asked with %s %s", got.Method, got.Path)
			}
		})
	}
}
