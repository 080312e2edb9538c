package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/specgate/specgate/gen"
)

func (s *Suite) errorCases() []Case {
	const unauthorized, media, method = errorAnswer + "Unauthorized", errorAnswer + "UnsupportedMediaType", errorAnswer + "MethodNotAllowed"
	const list = schemas + "/ValidationError"
	return []Case{
		required("errors/first", "The error repeats the first violation.", list+"/properties/error", repeatsFirst),
		required("errors/all", "All that is wrong is told at once, in the order of the fields.", list+"/properties/detail/description", refused(`"max_tokens":1,"prompt":"All wrong","temperature":"hot","n":-4,"echo":"loud"`)),
		required("errors/many", "Of very many violations the first are told, and how many more there are.", asked+"/x-max-violations", refused(s.manyWrong())),
		required("errors/secret", "What is said of a value never repeats it.", schemas+"/Violation/properties/msg/description", keepsSecret),
		required("errors/nothing", "An object with nothing in it lacks all that is required.", asked+"/required", malformed(`{}`)),
		required("errors/empty", "A body has to be there.", post+"/requestBody/required", malformed(``)),
		required("errors/array", "A body is an object, not an array.", asked+"/type", malformed(`[]`)),
		required("errors/null", "A body is an object, not null.", asked+"/type", malformed(`null`)),
		required("errors/text", "A body is an object, not a text.", asked+"/type", malformed(`"Hello World"`)),
		required("errors/cut", "JSON that is cut off is refused.", post+"/responses/422", malformed(`{"model":"any","max_tokens":1,"prompt":`)),
		required("errors/trailing", "So is what follows behind the object.", post+"/responses/422", malformed(`{"model":"any","max_tokens":1,"prompt":"x"} x`)),
		required("errors/nan", "NaN is no number.", post+"/responses/422", malformed(`{"model":"any","max_tokens":1,"prompt":"x","temperature":NaN}`)),
		required("errors/single-quotes", "Texts stand in double quotes.", post+"/responses/422", malformed(`{"model":'any',"max_tokens":1,"prompt":"x"}`)),
		required("errors/comma", "No comma stands behind the last field.", post+"/responses/422", malformed(`{"model":"any","max_tokens":1,"prompt":"x",}`)),
		required("errors/no-key", "Without a key, a request is not authorized, and told how it would be.", unauthorized, turnedAway("Who goes there?", "Authorization:")),
		required("errors/unknown-key", "Nor is it with a key that nobody has.", unauthorized, turnedAway("Who goes here?", "Authorization: Bearer specgate-conformance-no-such-key")),
		required("errors/scheme", "Nor with another scheme than Bearer.", unauthorized, turnedAway("Who goes where?", "Authorization: Basic c3BlY2dhdGU6Y29uZm9ybWFuY2U=")),
		required("errors/key-first", "Whoever is not authorized is not told what else is wrong.", unauthorized, turnedAway(`","n":"`, "Authorization:")),
		required("errors/models-no-key", "The list of models needs a key too.", "/paths/~1v1~1models/get/responses/401", func(t *trial) error {
			x, err := t.send(request{method: http.MethodGet, path: "/models", header: []string{"Authorization:"}})
			return orElse(err, x.mustBe(http.StatusUnauthorized))
		}),
		required("errors/not-found", "A path that is not there is not found.", errorAnswer+"NotFound", expecting(http.StatusNotFound, request{method: http.MethodPost, path: "/no-such-path", body: `{}`})),
		required("errors/method", "A method that a path does not take is told apart, with those that it takes.", method, refusesMethod(http.MethodGet, "/completions", http.MethodPost)),
		required("errors/models-method", "So it is for the list of models.", method, refusesMethod(http.MethodDelete, "/models", http.MethodGet)),
		required("errors/media-type", "A body of another type than application/json is not read.", media, expecting(http.StatusUnsupportedMediaType, plea("Plainly", "Content-Type: text/plain"))),
		required("errors/no-media-type", "Nor is one without a type.", media, expecting(http.StatusUnsupportedMediaType, plea("Untyped", "Content-Type:"))),
		required("errors/form", "Nor is a form.", media, expecting(http.StatusUnsupportedMediaType, plea("Formally", "Content-Type: application/x-www-form-urlencoded"))),
		required("errors/encoding", "A body that is encoded with anything but gzip is not read.", media, expecting(http.StatusUnsupportedMediaType, plea("Brittle", "Content-Encoding: br"))),
	}
}

// plea is a small request with a header of its own.
func plea(prompt string, header ...string) request {
	return request{method: http.MethodPost, path: "/completions", header: header, body: `{` + anyModel + `,"prompt":"` + prompt + `","max_tokens":1}`}
}

// expecting is a request that is answered with an error of a status.
func expecting(status int, r request) func(*trial) error {
	return func(t *trial) error {
		named := r
		named.body = t.named(r.body)
		x, err := t.send(named)
		return orElse(err, x.mustBe(status))
	}
}

// turnedAway is a request whose key is none.
func turnedAway(prompt, header string) func(*trial) error {
	return func(t *trial) error {
		r := plea(prompt, header)
		r.body = t.named(r.body)
		x, err := t.send(r)
		if err := orElse(err, x.mustBe(http.StatusUnauthorized)); err != nil {
			return err
		}
		if how := x.Answer.Get("WWW-Authenticate"); !strings.HasPrefix(strings.ToLower(how), "bearer") {
			return fmt.Errorf("the header WWW-Authenticate is %q", how)
		}
		return nil
	}
}

func refusesMethod(method, path, allowed string) func(*trial) error {
	return func(t *trial) error {
		x, err := t.send(request{method: method, path: path})
		if err := orElse(err, x.mustBe(http.StatusMethodNotAllowed)); err != nil {
			return err
		}
		if !strings.Contains(x.Answer.Get("Allow"), allowed) {
			return fmt.Errorf("the header Allow is %q, without %s", x.Answer.Get("Allow"), allowed)
		}
		return nil
	}
}

// repeatsFirst looks at the error of a refusal, which other clients look at than at its list.
func repeatsFirst(t *trial) error {
	body, err := t.body(`"max_tokens":1,"prompt":"First things first","stop":["a",5],"top_p":"x"`)
	if err != nil {
		return err
	}
	x, err := t.completions(body)
	if err := orElse(err, x.mustBe(http.StatusUnprocessableEntity)); err != nil {
		return err
	}
	var got gen.ValidationError
	if err := json.Unmarshal(x.Got, &got); err != nil {
		return err
	}
	first, e := got.Detail[0], got.Error
	if e.Code == nil || *e.Code != first.Type || e.Param == nil || "body."+*e.Param != dotted(first.Loc) || !strings.Contains(e.Message, first.Msg) {
		return fmt.Errorf("the first violation is %s at %s, and the error says %s", first.Type, dotted(first.Loc), x.Got)
	}
	return nil
}

// keepsSecret sends what nobody should say again.
func keepsSecret(t *trial) error {
	const secret = "xyzzy-8d1f"
	body, err := t.body(`"max_tokens":1,"prompt":"Open","temperature":"` + secret + `"`)
	if err != nil {
		return err
	}
	x, err := t.completions(body)
	if err := orElse(err, x.mustBe(http.StatusUnprocessableEntity)); err != nil {
		return err
	}
	if strings.Contains(string(x.Got), secret) {
		return errors.New("the answer repeats the value that was sent")
	}
	return nil
}

// manyWrong has more violations than are told.
func (s *Suite) manyWrong() string {
	most, _ := s.requestSchema().Extensions["x-max-violations"].(float64)
	keys := make([]string, int(most)+16)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"no-%03d":1`, i)
	}
	return `"max_tokens":1,"prompt":"Many wrongs","logit_bias":{` + strings.Join(keys, ",") + `}`
}
