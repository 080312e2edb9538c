package conformance_test

import (
	"net/http"
	"regexp"
	"strings"
)

// Requests are told apart by what they send: each case has words of its own.
func about(words string) func(*seen) bool {
	return func(s *seen) bool { return strings.Contains(s.body, words) }
}

func to(method, path string) func(*seen) bool {
	return func(s *seen) bool { return s.method == method && s.path == path }
}

func both(a, b func(*seen) bool) func(*seen) bool {
	return func(s *seen) bool { return a(s) && b(s) }
}

func without(header string) func(*seen) bool {
	return func(s *seen) bool { return s.header.Get(header) == "" }
}

func withField(name string) func(*seen) bool {
	return func(s *seen) bool { return s.fields()[name] != nil }
}

// refuse is an answer that finds fault with what the contract accepts.
func refuse(a *reply) {
	a.status, a.header = 422, http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"r"}}
	a.body = `{"detail":[{"loc":["body","model"],"msg":"Input should be better","type":"literal_error"}],` +
		`"error":{"message":"Input should be better","type":"invalid_request_error","param":"model","code":"literal_error"}}`
}

// take is an answer that finds none in what it refuses.
func take(a *reply) {
	a.status, a.header = 200, http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"r"}}
	a.body = `{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":"a","index":0,"logprobs":null,"finish_reason":"stop"}]}`
}

// refuses and takes break a rule for the requests that say some words; the others change what they say.
func refuses(words string) func() deviation { return changes(words, refuse) }

func takes(words string) func() deviation { return changes(words, take) }

func changes(words string, answer func(*reply)) func() deviation {
	return func() deviation { return deviation{when: about(words), answer: answer} }
}

func asks(words string, ask func(*seen)) func() deviation {
	return func() deviation { return deviation{when: about(words), ask: ask} }
}

// swap replaces what matches in an answer, everywhere.
func swap(pattern, with string) func(*reply) {
	re := regexp.MustCompile(pattern)
	return func(a *reply) { a.body = re.ReplaceAllString(a.body, with) }
}

// swapLast replaces the last that is there.
func swapLast(old, with string) func(*reply) {
	return func(a *reply) {
		if at := strings.LastIndex(a.body, old); at >= 0 {
			a.body = a.body[:at] + with + a.body[at+len(old):]
		}
	}
}

func header(name, value string) func(*reply) {
	return func(a *reply) {
		a.header.Del(name)
		if value != "" {
			a.header.Set(name, value)
		}
	}
}

func status(code int) func(*reply) { return func(a *reply) { a.status = code } }

// second is done to the second of two requests alone.
func second[T any](do func(T)) func(T) {
	n := 0
	return func(x T) {
		if n++; n == 2 {
			do(x)
		}
	}
}

// letIn gives a request the key that it has not.
func letIn(s *seen) { s.header.Set("Authorization", "Bearer "+testKey) }

// raiseTemperature takes other tokens than the likeliest, always the same ones.
func raiseTemperature(s *seen) {
	set("temperature", "2")(s)
	set("seed", "3")(s)
}
