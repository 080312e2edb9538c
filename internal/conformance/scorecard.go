package conformance

import (
	"bytes"
	"fmt"
	"strings"
)

// Score is a report beside others.
type Score struct {
	Name string
	Document
}

// Scorecards sets reports side by side: a table of groups, and what deviates in each.
func Scorecards(all []Score) []byte {
	var out bytes.Buffer
	head, rule := "| group | cases |", "|---|--:|"
	for _, s := range all {
		head += " " + s.Name + " |"
		rule += "--:|"
	}
	fmt.Fprintf(&out, "%s\n%s\n", head, rule)
	for i, t := range append(all[0].Groups, all[0].total()) {
		fmt.Fprintf(&out, "| %s | %d |", t.Group, t.Cases)
		for _, s := range all {
			fmt.Fprintf(&out, " %s |", append(s.Groups, s.total())[i].mark())
		}
		out.WriteByte('\n')
	}
	for _, s := range all {
		fmt.Fprintf(&out, "\n### %s\n\n", s.Name)
		s.list(&out)
	}
	return out.Bytes()
}

// mark is what a table says of a group: how many hold, and how many could not.
func (t Tally) mark() string {
	text := fmt.Sprint(t.Holds)
	if t.NotApplicable > 0 {
		text += fmt.Sprintf(" + %d n/a", t.NotApplicable)
	}
	return text
}

// list names what deviates, and why.
func (s Score) list(out *bytes.Buffer) {
	sections := s.sections()
	if len(sections) == 0 {
		fmt.Fprintln(out, "Everything holds.")
	}
	for _, section := range sections {
		fmt.Fprintf(out, "%s:\n\n", section.title)
		for _, e := range section.cases {
			fmt.Fprintf(out, "- %s: %s\n", code(e.ID), escaped(strings.TrimSuffix(line(e.Reason), ".")))
		}
		fmt.Fprintln(out)
	}
}
