package conformance

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/gen"
)

func (s *Suite) headerCases() []Case {
	const id = "/components/headers/RequestId/description"
	all := []Case{
		required("headers/request-id", "Every answer names the request.", id, namesRequest(`"prompt":"Name me",`+few, "", http.StatusOK)),
		required("headers/request-id-kept", "A caller's own name for it is kept.", id, namesRequest(`"prompt":"My name is Marta",`+few, "conformance-0451", http.StatusOK)),
		required("headers/request-id-refused", "An error names the request too.", errorAnswer+"UnprocessableContent/headers/x-request-id", namesRequest(`"max_tokens":1,"prompt":7`, "conformance-0452", http.StatusUnprocessableEntity)),
		required("headers/parameters", "application/json may have parameters.", post+"/requestBody/content/application~1json", accepted(`"prompt":"In letters",`+few, "Content-Type: application/json; charset=utf-8")),
		required("headers/letter-case", "Its letters may be great or small.", post+"/requestBody/content/application~1json", accepted(`"prompt":"IN LETTERS",`+few, "Content-Type: Application/JSON")),
		required("headers/scheme-case", "So may those of the scheme Bearer.", "/components/securitySchemes/bearerAuth/description", func(t *trial) error {
			if t.key == "" {
				return accepted(`"prompt":"Bear with me",` + few)(t)
			}
			return accepted(`"prompt":"Bear with me",`+few, "Authorization: bEARER "+t.key)(t)
		}),
		required("headers/accept-encoding", "Who takes gzip gets what it can read.", post+"/responses/200", readsGzip),
	}
	for _, name := range []string{"Organization", "Project"} {
		all = append(all, s.parameterCases(name)...)
	}
	return all
}

// parameterCases are those of an optional header with a pattern.
func (s *Suite) parameterCases(name string) []Case {
	ref := s.doc.Components.Parameters[name]
	if ref == nil {
		return nil
	}
	header, pointer := ref.Value.Name, "/components/parameters/"+name
	lower := strings.ToLower(name)
	return []Case{
		required("headers/"+lower, header+" may be sent.", pointer, accepted(`"prompt":"On behalf of the `+lower+`",`+few, fmt.Sprintf("%s: %v", header, ref.Value.Example))),
		required("headers/"+lower+"-malformed", header+" has a form.", pointer+"/schema/pattern", refusesHeader(ref.Value)),
	}
}

func refusesHeader(p *openapi3.Parameter) func(*trial) error {
	return func(t *trial) error {
		body, err := t.kept(`"prompt":"On behalf of nobody",` + few)
		if err != nil {
			return err
		}
		x, err := t.completions(body, p.Name+": no such thing!")
		if err := orElse(err, x.mustBe(http.StatusUnprocessableEntity)); err != nil {
			return err
		}
		var got gen.ValidationError
		if err := json.Unmarshal(x.Got, &got); err != nil {
			return err
		}
		if v := got.Detail[0]; len(got.Detail) != 1 || v.Type != "string_pattern_mismatch" || dotted(v.Loc) != "header."+strings.ToLower(p.Name) {
			return fmt.Errorf("what is told is %s", listed(got.Detail))
		}
		return nil
	}
}

// namesRequest expects an x-request-id: the one that was sent, if there was one.
func namesRequest(fields, sent string, status int) func(*trial) error {
	return func(t *trial) error {
		body, err := t.body(fields)
		if err != nil {
			return err
		}
		var header []string
		if sent != "" {
			header = []string{"X-Request-Id: " + sent}
		}
		x, err := t.completions(body, header...)
		if err := orElse(err, x.mustBe(status)); err != nil {
			return err
		}
		if got := x.Answer.Get("X-Request-Id"); got == "" || sent != "" && got != sent {
			return fmt.Errorf("x-request-id is %q", got)
		}
		return nil
	}
}

// readsGzip takes what is not encoded, and what says truly that it is gzip.
func readsGzip(t *trial) error {
	body, err := t.kept(`"prompt":"Zip it up",` + few)
	if err != nil {
		return err
	}
	x, err := t.exchange(request{method: http.MethodPost, path: "/completions", body: body, header: []string{"Accept-Encoding: gzip, deflate"}})
	if err != nil {
		return orElse(err, x.mustBe(http.StatusOK))
	}
	if err := x.unzip(); err != nil {
		return err
	}
	return x.inFull(t.hold(x))
}

// unzip decodes an answer that says that it is encoded.
func (x *Exchange) unzip() error {
	switch encoding := x.Answer.Get("Content-Encoding"); encoding {
	case "", "identity":
		return nil
	case "gzip":
		zip, err := gzip.NewReader(bytes.NewReader(x.Got))
		if err == nil {
			x.Got, err = io.ReadAll(io.LimitReader(zip, mostAnswer))
		}
		if err != nil {
			return fmt.Errorf("the answer is not the gzip that it says it is: %w", err)
		}
		return nil
	default:
		return fmt.Errorf("the answer is encoded as %q, which was not asked for", encoding)
	}
}
