package conformance

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The form that CI systems read: https://github.com/testmoapp/junitxml
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Seconds string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// junit is the report for CI. A deviation in quality fails nothing: it is skipped, with its reason.
func (d *Document) junit() ([]byte, error) {
	all := junitSuites{Name: d.Contract + " at " + d.Endpoint, Tests: d.Total.Cases, Failures: d.Total.Deviates, Skipped: d.Total.Quality + d.Total.NotApplicable}
	for _, t := range d.Groups {
		suite := junitSuite{Name: t.Group, Tests: t.Cases, Failures: t.Deviates, Skipped: t.Quality + t.NotApplicable}
		for _, e := range d.Cases {
			if group, name, _ := strings.Cut(e.ID, "/"); group == t.Group {
				suite.Cases = append(suite.Cases, e.junit(group, name))
			}
		}
		all.Suites = append(all.Suites, suite)
	}
	if missing := d.notRun(); missing.Tests > 0 {
		all.Suites = append(all.Suites, missing)
		all.Tests, all.Skipped = all.Tests+missing.Tests, all.Skipped+missing.Skipped
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(append([]byte(xml.Header), text...), '\n'), nil
}

// notRun is a suite of the cases that the run did not come to.
func (d *Document) notRun() junitSuite {
	suite := junitSuite{Name: "not run", Tests: len(d.NotRun), Skipped: len(d.NotRun)}
	for _, id := range d.NotRun {
		group, name, _ := strings.Cut(id, "/")
		suite.Cases = append(suite.Cases, junitCase{Name: name, Class: "conformance." + group, Seconds: "0.000", Skipped: &junitMessage{Message: "not run"}})
	}
	return suite
}

func (e *Entry) junit(group, name string) junitCase {
	c := junitCase{Name: name, Class: "conformance." + group, Seconds: fmt.Sprintf("%.3f", e.Seconds)}
	message := &junitMessage{Message: e.Reason, Text: fmt.Sprintf("%s (openapi.yaml#%s)", e.Says, e.Pointer)}
	if x, ok := e.last(); ok {
		message.Text += "\nsent: " + x.request() + "\ncame: " + x.response()
	}
	switch {
	case e.Verdict == Deviates && e.Level == Required:
		message.Type = string(Deviates)
		c.Failure = message
	case e.Verdict != Holds:
		message.Message = fmt.Sprintf("%s, %s: %s", e.Level, e.Verdict, e.Reason)
		c.Skipped = message
	}
	return c
}
