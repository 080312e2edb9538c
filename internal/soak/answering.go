package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// answering is one request that a backend answers.
type answering struct {
	w       http.ResponseWriter
	r       *http.Request
	draw    *rand.Rand
	id      string
	model   string
	prompts []string
	n       int
	events  int
	stream  bool
	usage   bool
	labels  bool // whether the labels are wrong
}

// draw is chance that hangs on the seed, the backend and the request alone.
func (b *backend) draw(id string, body []byte) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s %s %s", b.name, id, body)
	return rand.New(rand.NewPCG(b.seed, h.Sum64())) //nolint:gosec // a seed has to give the same again
}

func newAnswering(w http.ResponseWriter, r *http.Request, id string, raw []byte) (*answering, error) {
	var in struct {
		Model   string          `json:"model"`
		Prompt  json.RawMessage `json:"prompt"`
		N       int             `json:"n"`
		Events  int             `json:"max_tokens"`
		Stream  bool            `json:"stream"`
		Options struct {
			Usage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	a := &answering{w: w, r: r, id: id, model: in.Model, n: max(1, in.N), events: in.Events, stream: in.Stream, usage: in.Options.Usage}
	if json.Unmarshal(in.Prompt, &a.prompts) != nil {
		a.prompts = []string{""}
		if err := json.Unmarshal(in.Prompt, &a.prompts[0]); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// whole answers as it should.
func (a *answering) whole() {
	if a.stream {
		a.head("text/event-stream")
		a.sendEvents(a.events)
		a.finish()
		return
	}
	a.head("application/json")
	a.send(a.document())
}

func (a *answering) head(mediaType string) { a.w.Header().Set("Content-Type", mediaType) }

// send writes and flushes.
func (a *answering) send(s string) {
	_, _ = a.w.Write([]byte(s)) //nolint:gosec // the other side is the gateway
	_ = http.NewResponseController(a.w).Flush()
}

// sendEvents sends that many of each choice, in turn.
func (a *answering) sendEvents(events int) {
	for event := range events {
		for i := range len(a.prompts) * a.n {
			a.send("data: " + a.object(a.choice(i, piece(a.id, a.prompts[i/a.n], event), "null"), "") + "\n\n")
		}
		a.pause()
	}
}

// pause is between events, and short but for the slow one.
func (a *answering) pause() {
	if a.draw.IntN(4) == 0 {
		a.sleep(time.Duration(a.draw.IntN(int(20 * time.Millisecond))))
	}
}

// sleep waits, and no longer than the gateway does.
func (a *answering) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-a.r.Context().Done():
	}
}

// finish ends a stream as it should.
func (a *answering) finish() {
	for i := range len(a.prompts) * a.n {
		a.send("data: " + a.object(a.choice(i, "", `"length"`), "") + "\n\n")
	}
	if a.usage {
		a.send("data: " + a.object("", `,"usage":`+someUsage) + "\n\n")
	}
	a.send("data: [DONE]\n\n")
}

const someUsage = `{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}`

// document is an answer that comes whole.
func (a *answering) document() string {
	choices := make([]string, len(a.prompts)*a.n)
	for i := range choices {
		choices[i] = a.choice(i, text(a.id, a.prompts[i/a.n], a.events), `"length"`)
	}
	return a.object(strings.Join(choices, ","), `,"usage":`+someUsage)
}

func (a *answering) object(choices, more string) string {
	if a.labels {
		return fmt.Sprintf(`{"id":null,"object":"completion","choices":[%s]%s}`, choices, more)
	}
	return fmt.Sprintf(`{"id":"cmpl-%s","object":"text_completion","created":1767225600,"model":%q,"choices":[%s]%s}`, a.id, a.model, choices, more)
}

func (a *answering) choice(index int, text, reason string) string {
	if a.labels {
		if reason != "null" {
			reason = `"eos_token"`
		}
		return fmt.Sprintf(`{"text":%q,"index":%d,"finish_reason":%s}`, text, index, reason)
	}
	return fmt.Sprintf(`{"text":%q,"index":%d,"logprobs":null,"finish_reason":%s}`, text, index, reason)
}

// conn takes the connection from the server.
func (a *answering) conn() *net.TCPConn {
	_ = http.NewResponseController(a.w).Flush()
	c, _, err := http.NewResponseController(a.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the connection is gone
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		panic(fmt.Sprintf("a connection is a %T", c))
	}
	return tcp
}
