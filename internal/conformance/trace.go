package conformance

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Trace is an exchange as it is shown: its bodies abridged, and no key. It is all that is kept of one when its
// case is over.
type Trace struct {
	Sent    string   `json:"sent"` // method and path
	Header  []string `json:"header,omitempty"`
	Body    string   `json:"body,omitempty"`
	Status  int      `json:"status,omitempty"`
	Type    string   `json:"content_type,omitempty"`
	Answer  string   `json:"answer,omitempty"`
	Failure string   `json:"failure,omitempty"`
}

// mostShown is how many bytes of a body are shown, mostReason how many of a reason.
const mostShown, mostReason = 2000, 500

// usual are headers that every request of a kind has.
var usual = []string{"User-Agent: specgate-conformance", "Accept-Encoding: identity", "Content-Type: application/json"}

// apiKey is the key, of which no report shows anything; "" for none.
type apiKey string

func (k apiKey) traces(all []*Exchange) []Trace {
	traces := make([]Trace, len(all))
	for i, x := range all {
		traces[i] = k.trace(x)
	}
	return traces
}

func (k apiKey) trace(x *Exchange) Trace {
	t := Trace{Sent: k.redact(x.Method + " " + x.Path), Body: k.shown(x.Body), Status: x.Status, Answer: k.shown(x.Got)}
	for name, values := range x.Header {
		if line := name + ": " + strings.Join(values, ", "); !slices.Contains(usual, line) {
			t.Header = append(t.Header, k.redact(line))
		}
	}
	slices.Sort(t.Header)
	if x.Answer != nil {
		t.Type = abridged(k.redact(http.Header(x.Answer).Get("Content-Type")), mostReason)
	}
	if x.Err != nil {
		t.Failure = k.told(x.Err.Error())
	}
	return t
}

// shown is a body without the key. It is abridged only then: half a key is one too.
func (k apiKey) shown(body []byte) string {
	text := k.redact(string(body))
	if utf8.ValidString(text) {
		return abridged(text, mostShown)
	}
	head := fmt.Sprintf("%q", text[:min(len(text), mostShown)])
	if len(head) <= mostShown {
		return head
	}
	return fmt.Sprintf("%s… (%d bytes)", head[:mostShown], len(text))
}

// told is a text about an exchange without the key, abridged.
func (k apiKey) told(text string) string { return abridged(k.inWords(text), mostReason) }

// leastKey is how many bytes of a key would stand in no word of ours by chance.
const leastKey = 6

// inWords takes the key out of what is said here, and leaves our own words as they are.
func (k apiKey) inWords(text string) string {
	if len(k) < leastKey {
		return text
	}
	return k.redact(text)
}

const redacted = "[redacted]"

// redact takes the key out of a text, as it is and as JSON and a path spell it.
func (k apiKey) redact(text string) string {
	if k == "" {
		return text
	}
	key := string(k)
	inJSON := quoted(key)
	return strings.NewReplacer(key, redacted, inJSON[1:len(inJSON)-1], redacted, url.PathEscape(key), redacted).Replace(text)
}
