package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Document is a report as it is written and read.
type Document struct {
	Contract string  `json:"contract"` // its title and version
	Endpoint string  `json:"endpoint"`
	Model    string  `json:"model"`
	Planned  int     `json:"planned"`
	Groups   []Tally `json:"groups"`
	Total    Tally   `json:"total"`
	Cases    []Entry `json:"cases"`
}

// Tally counts the verdicts of a group.
type Tally struct {
	Group         string `json:"group,omitempty"`
	Cases         int    `json:"cases"`
	Holds         int    `json:"holds"`
	Deviates      int    `json:"deviates"` // required
	Quality       int    `json:"quality"`  // deviates too
	NotApplicable int    `json:"not_applicable"`
}

// Entry is a case and what came of it.
type Entry struct {
	ID        string  `json:"id"`
	Level     Level   `json:"level"`
	Verdict   Verdict `json:"verdict"`
	Says      string  `json:"says"`
	Pointer   string  `json:"pointer"`
	Reason    string  `json:"reason,omitempty"`
	Seconds   float64 `json:"seconds"`
	Exchanges []Trace `json:"exchanges"`
}

// Trace is an exchange as it is shown: its bodies abridged, and no key.
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

// Document makes what can be written of a report.
func (r *Report) Document() Document {
	d := Document{Contract: r.Title + " " + r.Version, Endpoint: r.redact(r.URL), Model: r.redact(r.Model), Planned: r.Planned, Total: Tally{}}
	for _, result := range r.Results {
		entry := Entry{
			ID: result.Case.ID, Level: result.Case.Level, Verdict: result.Verdict, Says: result.Case.Says, Pointer: result.Case.Pointer,
			Reason: abridged(r.redact(result.Reason), mostReason), Seconds: result.Took.Seconds(), Exchanges: []Trace{},
		}
		for _, x := range result.Exchanges {
			entry.Exchanges = append(entry.Exchanges, r.trace(x))
		}
		d.add(result.Case.Group(), entry)
	}
	return d
}

func (d *Document) add(group string, entry Entry) {
	d.Cases = append(d.Cases, entry)
	if len(d.Groups) == 0 || d.Groups[len(d.Groups)-1].Group != group {
		d.Groups = append(d.Groups, Tally{Group: group})
	}
	d.Groups[len(d.Groups)-1].count(entry)
	d.Total.count(entry)
}

func (t *Tally) count(e Entry) {
	t.Cases++
	switch {
	case e.Verdict == Holds:
		t.Holds++
	case e.Verdict == NotApplicable:
		t.NotApplicable++
	case e.Level == Required:
		t.Deviates++
	default:
		t.Quality++
	}
}

// usual are headers that every request of a kind has.
var usual = []string{"User-Agent: specgate-conformance", "Accept-Encoding: identity", "Content-Type: application/json"}

func (r *Report) trace(x *Exchange) Trace {
	t := Trace{Sent: r.redact(x.Method + " " + x.Path), Body: r.shown(x.Body), Status: x.Status, Answer: r.shown(x.Got)}
	for name, values := range x.Header {
		if line := name + ": " + strings.Join(values, ", "); !slices.Contains(usual, line) {
			t.Header = append(t.Header, r.redact(line))
		}
	}
	slices.Sort(t.Header)
	if x.Answer != nil {
		t.Type = r.redact(http.Header(x.Answer).Get("Content-Type"))
	}
	if x.Err != nil {
		t.Failure = r.redact(x.Err.Error())
	}
	return t
}

// shown is a body without the key. It is abridged only then: half a key is one too.
func (r *Report) shown(body []byte) string {
	text := r.redact(string(body))
	if !utf8.ValidString(text) {
		text = fmt.Sprintf("%q", text)
	}
	return abridged(text, mostShown)
}

// of are the cases of a verdict and a level.
func (d *Document) of(verdict Verdict, level Level) []Entry {
	return slices.DeleteFunc(slices.Clone(d.Cases), func(e Entry) bool { return e.Verdict != verdict || e.Level != level })
}

// last is the exchange that decided.
func (e *Entry) last() (t Trace, ok bool) {
	if len(e.Exchanges) == 0 {
		return t, false
	}
	return e.Exchanges[len(e.Exchanges)-1], true
}
