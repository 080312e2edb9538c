package conformance

import (
	"bytes"
	"fmt"
	"strings"
)

// markdown is the report for a page.
func (d *Document) markdown() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s at %s\n\nModel %s. %s\n\n", d.Contract, code(d.Endpoint), code(d.Model), d.summary())
	fmt.Fprint(&out, "| group | cases | hold | deviate | quality | not applicable |\n|---|--:|--:|--:|--:|--:|\n")
	for _, t := range append(d.Groups, d.total()) {
		fmt.Fprintf(&out, "| %s | %d | %d | %d | %d | %d |\n", t.Group, t.Cases, t.Holds, t.Deviates, t.Quality, t.NotApplicable)
	}
	for _, s := range d.sections() {
		fmt.Fprintf(&out, "\n## %s\n", s.title)
		for _, e := range s.cases {
			fmt.Fprintf(&out, "\n### %s\n\n%s (%s)\n\n%s\n", e.ID, escaped(e.Says), code("openapi.yaml#"+e.Pointer), escaped(line(e.Reason)))
			if x, ok := e.last(); ok {
				fmt.Fprintf(&out, "\n- sent: %s\n- came: %s\n", code(line(x.request())), code(line(x.response())))
			}
		}
	}
	if len(d.LeftOut) > 0 {
		fmt.Fprintf(&out, "\n## Left out\n\n- %s\n", strings.Join(d.LeftOut, "\n- "))
	}
	if len(d.NotRun) > 0 {
		fmt.Fprintf(&out, "\n## Not run\n\n- %s\n", strings.Join(d.unrun(), "\n- "))
	}
	return out.Bytes()
}

// code is a text as it is, in a span that no backtick within it ends.
func code(text string) string {
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if fence == "`" {
		return fence + text + fence
	}
	return fence + " " + text + " " + fence
}

// escaped is a text that Markdown takes for nothing else.
func escaped(text string) string {
	return strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, "|", `\|`, "#", `\#`, "&", `\&`,
	).Replace(text)
}
