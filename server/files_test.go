package server_test

import (
	"bytes"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/server"
)

const noToken = "Authorization: "

// reference is what a page, a style sheet or a module loads or leads to.
var reference = regexp.MustCompile(`(?:href|src)="([^"]+)"|from '([^']+)'|import\(?'([^']+)'|url\(([^)]+)\)|fetch\('([^']+)'`)

// follow asks for a file and for all that it refers to, and returns the answers by their paths.
func follow(r *running, seen map[string]answer, at string) {
	if _, done := seen[at]; done {
		return
	}
	got := r.send("GET", at, "", noToken)
	seen[at] = got
	if !strings.HasPrefix(at, "/docs") && !strings.HasPrefix(at, "/playground") {
		return // no page
	}
	for _, found := range reference.FindAllStringSubmatch(got.body, -1) {
		to := strings.Join(found[1:], "")
		switch {
		case strings.HasPrefix(to, "#"), strings.HasPrefix(to, "/v1/"):
		case strings.HasPrefix(to, "./"):
			follow(r, seen, path.Join(path.Dir(at), to))
		default:
			follow(r, seen, to)
		}
	}
}

func TestPagesForPeople(t *testing.T) {
	r := start(t, nil)
	seen := map[string]answer{}
	follow(r, seen, "/docs")
	follow(r, seen, "/playground")
	kinds := map[string]string{".js": "javascript", ".css": "text/css", ".svg": "image/svg+xml", "": "text/html", ".json": "application/json", ".yaml": "application/yaml"}
	for at, got := range seen {
		if !strings.HasPrefix(at, "/") || strings.HasPrefix(at, "//") {
			t.Errorf("something is loaded from elsewhere: %s", at)
			continue
		}
		if kind := got.header.Get("Content-Type"); got.status != 200 || got.body == "" || !strings.Contains(kind, kinds[path.Ext(at)]) {
			t.Errorf("%s: %d %s", at, got.status, kind)
		}
		if !strings.HasPrefix(at, "/openapi") {
			isGuarded(t, at, got)
		}
	}
	for _, at := range []string{"/docs/docs.js", "/docs/schema.js", "/playground/main.js", "/playground/sse.js", "/openapi.json"} {
		if _, ok := seen[at]; !ok {
			t.Errorf("no page needs %s", at)
		}
	}
	if r.log.String() != "" {
		t.Errorf("pages are in the log at the usual level: %s", r.log)
	}
}

func isGuarded(t *testing.T, at string, got answer) {
	t.Helper()
	policy := got.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy+";", part+";") {
			t.Errorf("%s: the policy lacks %s: %q", at, part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
		t.Errorf("%s: the policy is lax: %q", at, policy)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin",
	} {
		if value := got.header.Get(name); value != want {
			t.Errorf("%s: %s is %q", at, name, value)
		}
	}
}

// What a page holds in itself would need a policy that lets scripts and styles of anybody's through.
func TestPagesHoldNoScript(t *testing.T) {
	r := start(t, nil)
	inline := regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle=|\son[a-z]+=`)
	for _, at := range []string{"/docs", "/playground"} {
		if found := inline.FindString(r.send("GET", at, "", noToken).body); found != "" {
			t.Errorf("%s has %q", at, found)
		}
	}
}

func TestFilesOfPages(t *testing.T) {
	r := start(t, nil)
	for _, at := range []string{"/playground", "/playground/", "/playground/main.js", "/playground/playground.css", "/docs", "/docs/docs.js"} {
		whole := r.send("GET", at, "", noToken)
		etag := whole.header.Get("ETag")
		if whole.status != 200 || etag == "" || whole.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d, ETag %q, Cache-Control %q", at, whole.status, etag, whole.header.Get("Cache-Control"))
		}
		if got := r.send("GET", at, "", noToken, "If-None-Match: "+etag); got.status != 304 || got.body != "" {
			t.Errorf("%s again: %d %s", at, got.status, got.body)
		}
		head := r.send("HEAD", at, "", noToken)
		if head.status != 200 || head.body != "" || head.header.Get("Content-Type") != whole.header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d %v", at, head.status, head.header)
		}
	}
	for _, at := range []string{"/playground/nothing.js", "/playground/..%2fdocs%2fdocs.js", "/playground/index.html", "/docs/nothing"} {
		got := r.send("GET", at, "", noToken)
		if got.status != 404 || got.code() != "not_found" || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s %s", at, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
	if got := r.send("POST", "/playground", "", noToken); got.status != 405 {
		t.Errorf("POST /playground: %d", got.status)
	}
}

// The title is the contract's, and no HTML.
func TestTitleOfPages(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Spec = bytes.Replace(gen.Spec, []byte("title: specgate"), []byte(`title: a<b>&"c`), 1)
	})
	for _, at := range []string{"/docs", "/playground"} {
		if page := r.send("GET", at, "", noToken).body; !strings.Contains(page, "<title>a&lt;b&gt;&amp;&#34;c - ") || strings.Contains(page, "$title") {
			t.Errorf("%s: %s", at, page)
		}
	}
}
