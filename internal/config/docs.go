package config

import (
	_ "embed"
	"fmt"
	"reflect"
	"strings"
)

//go:generate go run ./publish ../../docs ../../deploy/helm/specgate

//go:embed docs.md
var introduction string

// Docs is the reference of every setting, as Markdown.
func Docs() []byte {
	var out strings.Builder
	out.WriteString(introduction)
	table := false
	walk(sample(), "", func(path string, f field, v reflect.Value) {
		if f.form == formSection || f.form == formItems || f.form == formEntries {
			fmt.Fprintf(&out, "\n### %s\n\n%s\n", published(path), describe(f))
			table = false
			return
		}
		if !table {
			out.WriteString("\n| setting | type | default | environment | change | meaning |\n|---|---|---|---|---|---|\n")
			table = true
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", code(published(path)), f.kind(), code(render(v)), code(f.env), f.change, f.prose())
	})
	return []byte(out.String())
}

func published(path string) string { return strings.ReplaceAll(path, "[0]", "[]") }

// describe is the meaning of a section, and the variable that sets it as a whole.
func describe(f field) string {
	if f.env == "" {
		return f.prose()
	}
	return f.prose() + " Environment: " + code(f.env) + "."
}

// prose is what the documentation says of a setting, with links to the pages that it names.
func (f field) prose() string { return aPage.ReplaceAllString(f.doc, "[$1]($1)") }

// kind is how a setting is written, in a word or two.
func (f field) kind() string {
	if f.enum != nil {
		return strings.Join(f.enum, ", ")
	}
	return [...]string{
		formString:   "string",
		formSecret:   "secret",
		formSize:     "size",
		formDuration: "duration",
		formInteger:  "integer",
		formNumber:   "number",
		formBoolean:  "boolean",
		formStrings:  "list of strings",
	}[f.form]
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
