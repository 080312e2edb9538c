// Package upstream asks one backend over HTTP. It owns the transport, its timeouts, what a backend's
// failures mean, and the repair of answers that keep to the contract but for a known deviation. It
// knows no server and no schema: what checks the answers is handed to it.
package upstream

import (
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/specgate/specgate/internal/completion"
)

// Checker is the compiled schema of a response. Accept reports whether document keeps it, and if so
// fills spans with the places of the facts that the checker was compiled with. Documents that say a
// key twice are not accepted.
type Checker interface {
	Accept(document []byte, spans []completion.Span) bool
}

// Options says which backend to ask, and how. All fields but Name, BaseURL and the two checkers may
// be left at zero.
type Options struct {
	Name    string   // what it is called in logs and metrics
	Kind    string   // which software it is; empty or custom where nobody knows
	BaseURL *url.URL // with the version: https://host/v1

	APIKey       string // sent as a bearer token; empty for none
	Organization string // sent as OpenAI-Organization, unless empty
	Project      string // sent as OpenAI-Project, unless empty

	Timeouts    Timeouts
	MaxResponse int // bytes of an answer that is no stream; 0 is no limit
	MaxEvent    int // bytes of one event of a stream; 0 is no limit

	Completion Checker // of the schema Completion, compiled with CompletionFacts
	Chunk      Checker // of the schema CompletionChunk, compiled with ChunkFacts

	// Repaired is called once for each answer that needed a repair and for each kind of repair; see
	// Repairs. It may be nil, and is called from many goroutines at once.
	Repaired func(upstream, kind string)
}

// Timeouts are how long a backend may take. A zero is no limit.
type Timeouts struct {
	Connect   time.Duration // to have a connection, TLS and a proxy included
	FirstByte time.Duration // from there to the headers of the answer
	Idle      time.Duration // between two pieces of the answer
	Total     time.Duration // for everything together, streams too
}

// CompletionFacts are the places that the checker of Completion has to report, in this order.
func CompletionFacts() []string { return []string{"error"} }

// ChunkFacts are the places that the checker of CompletionChunk has to report, in this order.
func ChunkFacts() []string {
	return []string{"error", "usage", "choices", "id", "created", "model"}
}

// The positions of ChunkFacts; the first is that of CompletionFacts too.
const (
	factError = iota
	factUsage
	factChoices
	factID
	factCreated
	factModel
	factCount
)

// Client asks one backend. It may be used by many goroutines at once.
type Client struct {
	options        Options
	transport      *http.Transport
	stages         *stages
	authorization  string // the header; empty for none
	secrets        []string
	completionsURL *url.URL
	modelsURL      *url.URL
	connections    atomic.Int32 // what is known of how they end; see mayCloseStreams
}

// New returns a client of the backend that o describes. Close frees what it holds.
func New(o Options) *Client {
	if o.Repaired == nil {
		o.Repaired = func(string, string) {}
	}
	if o.BaseURL.Path == "" {
		o.BaseURL = o.BaseURL.JoinPath("/") // or what is joined would have no slash before it
	}
	c := &Client{
		options:        o,
		secrets:        secretsOf(o),
		transport:      newTransport(o.Timeouts.Connect),
		stages:         newStages(o.Timeouts),
		completionsURL: o.BaseURL.JoinPath("completions"),
		modelsURL:      o.BaseURL.JoinPath("models"),
	}
	if o.APIKey != "" {
		c.authorization = "Bearer " + o.APIKey
	}
	return c
}

// Close closes the connections that are idle; those in use close with their exchange.
func (c *Client) Close() { c.transport.CloseIdleConnections() }
