package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/server"
)

// line is what is logged under one message.
type line struct{ Level, Fields string }

// lines are those that the code logs, by their messages.
type lines struct {
	t   *testing.T
	all map[string]line
}

// The messages, and the fields, of calls in which they are no literals. Notices have words of their own.
var (
	saidBy = map[string][]string{
		"what": {"request failed", "answer broke off"},
		"n":    nil, "notice": nil, "onPurpose": nil,
	}
	toldBy = map[string][]string{"what": {"setting", "change"}}
)

// logged reads the code of the gateway.
func logged(t *testing.T) map[string]line {
	t.Helper()
	found := lines{t: t, all: map[string]line{}}
	for _, root := range []string{".", "../../server", "../../handlers", "../../internal"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil && (file.Name.Name != "main" || root == ".") { // other programs log for themselves
				ast.Inspect(file, found.see)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found.all
}

// see takes a call of a logger.
func (l lines) see(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return true
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return true
	}
	level, inContext := strings.CutSuffix(method.Sel.Name, "Context")
	switch to := strings.ToLower(nameOfExpr(method.X)); {
	case method.Sel.Name == "LogAttrs":
		l.add(call.Args[2], strings.TrimPrefix(nameOfExpr(call.Args[1]), "Level"), call.Args[3:])
	case method.Sel.Name == "NewRecord":
		l.add(call.Args[2], "see above", nil)
	case !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, level) || to != "log" && to != "logger":
	case inContext:
		l.add(call.Args[1], level, call.Args[2:])
	default:
		l.add(call.Args[0], level, call.Args[1:])
	}
	return true
}

func (l lines) add(message ast.Expr, level string, fields []ast.Expr) {
	l.t.Helper()
	messages, known := saidBy[nameOfExpr(message)]
	if text, ok := literal(message); ok {
		messages, known = []string{text}, true
	}
	if !known {
		l.t.Errorf("a line is logged under %s, of which nothing is known", nameOfExpr(message))
	}
	for _, m := range messages {
		l.all[m] = line{strings.ToLower(level), strings.Join(namesOf(fields), ", ")}
	}
}

// namesOf are the names of fields: each second argument, or the first of those of slog.
func namesOf(args []ast.Expr) (names []string) {
	for i := 0; i < len(args); i++ {
		if name, ok := literal(args[i]); ok {
			names = append(names, name)
			i++ // its value
			continue
		}
		if call, ok := args[i].(*ast.CallExpr); ok {
			name, _ := literal(call.Args[0])
			names = append(names, name)
			continue
		}
		names = append(names, toldBy[nameOfExpr(args[i])]...)
	}
	return names
}

func literal(e ast.Expr) (string, bool) {
	basic, ok := e.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}

// nameOfExpr is the last name of an expression.
func nameOfExpr(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		return nameOfExpr(e.Fun)
	default:
		return fmt.Sprintf("%T", e)
	}
}

var (
	lineRow  = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([a-z, ]+) \\|([^|]*)\\|[^|]*\\|$")
	fieldRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| [a-z]* ?\\|[^|]*\\|$")
)

// docs/logs.md has every line that the code logs, and no other, with its level and its fields.
func TestLogIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## All lines")
	documented := map[string]line{}
	for _, found := range lineRow.FindAllStringSubmatch(table, -1) {
		documented[found[1]] = line{found[2], strings.TrimSpace(strings.ReplaceAll(found[3], "`", ""))}
	}
	want := logged(t)
	want["request"] = line{"info, debug", "see above"} // whose level is chosen, and whose fields have a table
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("lines (-logged +documented)\n%s", diff)
	}
	_, refused, _ := strings.Cut(table, "| `request for operations refused` |")
	refused, _, _ = strings.Cut(refused, "\n")
	for _, reason := range server.Strangers() {
		if !strings.Contains(refused, "`"+reason+"`") {
			t.Errorf("of why operations are refused, %s is not told", reason)
		}
	}
}

// The table of fields has those that lines of requests have, of which some are there only where they say something.
func TestFieldsOfTheLineOfARequest(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Requests")
	table, _, _ = strings.Cut(table, "### ")
	var documented []string
	for _, found := range fieldRow.FindAllStringSubmatch(table, -1) {
		documented = append(documented, found[1])
	}
	script := filepath.Join(t.TempDir(), "faults.yaml")
	if err := os.WriteFile(script, []byte("rules: [{nth: 1, status: 500}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startWith(t, "log: {addresses: true}\nfaults: {file: "+script+"}\nlimits: {max_concurrent: 1}\n", func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Await(nil)
	})
	g.log.await(t, `"level":"WARN","msg":"completions go wrong on purpose, as `)
	g.complete(plainBody, "X-Request-Id: faulty")
	g.complete(`{"model":"m"}`, "X-Request-Id: invalid")
	g.open()
	g.complete(plainBody, "X-Request-Id: busy")
	seen := map[string]bool{}
	for _, id := range []string{"faulty", "invalid", "busy"} {
		for field := range g.lineOf(t, id) {
			seen[field] = true
		}
	}
	got := slices.Sorted(maps.Keys(seen))
	if diff := cmp.Diff(slices.Sorted(slices.Values(documented)), got); diff != "" {
		t.Errorf("fields (-documented +logged)\n%s", diff)
	}
}

// lineOf is the line of a request, without what every line has.
func (g *running) lineOf(t *testing.T, id string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(g.log.await(t, `"msg":"request"`, `"id":"`+id+`"`)), &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"time", "level", "msg"} {
		delete(fields, name)
	}
	return fields
}

// Times have their unit in their name, and addresses are there only where that was asked for.
func TestLineOfARequest(t *testing.T) {
	t.Parallel()
	for settings, logs := range map[string]bool{"": false, "log: {addresses: true}\n": true} {
		g := startWith(t, settings, fakebackend.JSON(200, answered))
		g.complete(plainBody, "X-Request-Id: it", "Authorization: Bearer sg-nobody", "X-Forwarded-For: 192.0.2.1")
		told := g.lineOf(t, "it")
		if ms, ok := told["duration_ms"].(float64); !ok || ms <= 0 || ms > bounded.Seconds()*1000 {
			t.Errorf("it took %v", told["duration_ms"])
		}
		from, ok := told["from"].(string)
		if ok != logs || ok && !strings.HasPrefix(from, "127.0.0.1:") {
			t.Errorf("%q: it came from %v", settings, told["from"])
		}
		if strings.Contains(g.log.String(), "192.0.2.1") {
			t.Error("a header is believed")
		}
	}
}

// The line of a 422 says which fields of the contract were at fault, and the model by its name in the settings: nothing
// that the caller wrote.
func TestLinesOfWhatBreaksTheContract(t *testing.T) {
	t.Parallel()
	const own = "of-the-caller"
	g := startWith(t, `upstreams: {gpu: {base_url: '${OPENAI_BASE_URL}'}}
models: {m: {targets: [{upstream: gpu}]}, "llama-*": {targets: [{upstream: gpu}]}}
health: {interval: 0}
`, fakebackend.JSON(200, answered))
	for id, test := range map[string]struct{ body, fields, model string }{
		"one":         {`{"model":"m","prompt":"x","temperature":9}`, "temperature", "m"},
		"several":     {`{"temperature":9,"prompt":"x","n":"` + own + `","model":"llama-` + own + `"}`, "n,temperature", "llama-*"},
		"many":        {`{"model":"m","prompt":5,"best_of":0,"echo":0,"n":0,"top_p":5}`, "prompt,best_of,echo,n", "m"},
		"twice":       {`{"model":"m","prompt":["a",1,2]}`, "prompt", "m"},
		"other model": {`{"model":"` + own + `","prompt":5}`, "prompt", "other"},
		"other field": {`{"model":"m","prompt":"x","` + own + `":1,"` + own + `":2}`, "other", "m"},
		"cut":         {`{"model":"m","prompt":"` + own, "body", "m"},
		"no model":    {`{"prompt":"` + own + `"}`, "model", ""},
		"no text":     {`{"model":["` + own + `"],"prompt":"x"}`, "model", ""},
		"no object":   {`["` + own + `"]`, "body", ""},
		"far in":      {`{"prompt":"` + strings.Repeat("x", 1<<17) + `","n":0,"model":"m"}`, "n", ""},
	} {
		id := strings.ReplaceAll(id, " ", "-")
		if got := g.complete(test.body, "X-Request-Id: "+id); got.status != 422 {
			t.Errorf("%s: %d %s", id, got.status, got.body)
			continue
		}
		told := g.lineOf(t, id)
		if diff := cmp.Diff([]any{test.fields, test.model}, []any{told["fields"], told["model"]}); diff != "" {
			t.Errorf("%s (-want +got)\n%s", id, diff)
		}
	}
	if strings.Contains(g.log.String(), own) {
		t.Errorf("the log has the caller's words:\n%s", g.log)
	}
}
