package faults

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// setting is one line of a rule. read takes its text; the error says what is wrong as the end of a
// sentence that begins with the setting.
type setting struct {
	name   string
	effect bool // whether it does something, or says when
	read   func(r *rule, text string) error
}

// settings are in the order in which messages list them.
var settings = []setting{
	{"name", false, func(r *rule, text string) error { r.fault.Name = text; return nil }},
	{"nth", false, func(r *rule, text string) (err error) { r.nth, err = count(text); return err }},
	{"every", false, func(r *rule, text string) (err error) { r.every, err = count(text); return err }},
	{"from", false, func(r *rule, text string) (err error) { r.from, err = count(text); return err }},
	{"to", false, func(r *rule, text string) (err error) { r.to, err = count(text); return err }},
	{"probability", false, func(r *rule, text string) (err error) { r.probability, err = share(text); return err }},
	{"before_first_byte", true, func(r *rule, text string) (err error) { r.fault.BeforeFirstByte, err = wait(text); return err }},
	{"between_events", true, func(r *rule, text string) (err error) { r.fault.BetweenEvents, err = wait(text); return err }},
	{"status", true, func(r *rule, text string) (err error) { r.fault.Status, err = status(text); return err }},
	{"retry_after", true, func(r *rule, text string) (err error) { r.fault.RetryAfter, err = wait(text); return err }},
	{"cut_after", true, func(r *rule, text string) (err error) { r.fault.CutAfter, err = events(text); return err }},
	{"malformed_after", true, func(r *rule, text string) (err error) { r.fault.MalformedAfter, err = events(text); return err }},
	{"no_done", true, func(r *rule, text string) (err error) { r.fault.NoDone, err = yes(text); return err }},
	{"byte_by_byte", true, func(r *rule, text string) (err error) { r.fault.ByteByByte, err = yes(text); return err }},
}

// conditions are the settings that keep a rule from requests.
var conditions = []string{"nth", "every", "from", "to", "header", "probability"}

// known is every key of a rule, for a message.
func known() string {
	names := []string{"header"}
	for _, s := range settings {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

func count(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, errors.New("must be an integer, 1 or more: requests are counted from 1")
	}
	return n, nil
}

func events(text string) (*int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return nil, errors.New("must be a number of events, 0 or more")
	}
	return &n, nil
}

func share(text string) (float64, error) {
	p, err := strconv.ParseFloat(text, 64)
	if err != nil || !(p > 0 && p <= 1) {
		return 1, errors.New("must be a number above 0 and up to 1, such as 0.1 for one request in ten")
	}
	return p, nil
}

func wait(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("must be a time with its unit, such as 250ms or 2s")
	}
	return d, nil
}

func status(text string) (int, error) {
	switch text {
	case "429":
		return http.StatusTooManyRequests, nil
	case "500":
		return http.StatusInternalServerError, nil
	default:
		return 0, errors.New("must be 429 or 500")
	}
}

func yes(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, errors.New("must be true or false")
	}
	return text == "true", nil
}

// rule reads one rule, which path calls by its place.
func (p *parser) rule(node *yaml.Node, path string) rule {
	r := rule{probability: 1, fault: Fault{Name: path, RetryAfter: time.Second}}
	lines := map[string]int{}
	p.mapping(node, path, func(key, value *yaml.Node) {
		lines[key.Value] = key.Line
		i := slices.IndexFunc(settings, func(s setting) bool { return s.name == key.Value })
		switch {
		case key.Value == "header":
			r.header = p.header(value, path)
		case i < 0:
			p.report(key.Line, "%s.%s means nothing: a rule has %s", path, key.Value, known())
		case value.Kind != yaml.ScalarNode || value.Tag == "!!null":
			p.report(key.Line, "%s.%s must have a single value", path, key.Value)
		default:
			if err := settings[i].read(&r, value.Value); err != nil {
				p.report(key.Line, "%s.%s %v", path, key.Value, err)
			}
		}
	})
	r.always = node.Kind == yaml.MappingNode && !slices.ContainsFunc(conditions, func(name string) bool { return lines[name] > 0 })
	if node.Kind == yaml.MappingNode {
		p.together(&r, node.Line, path, lines)
	}
	return r
}

// header reads the headers that a request must bear.
func (p *parser) header(node *yaml.Node, path string) map[string]string {
	header := map[string]string{}
	p.mapping(node, path+".header", func(key, value *yaml.Node) {
		if value.Kind != yaml.ScalarNode || value.Value == "" {
			p.report(key.Line, "%s.header.%s must have a value, or \"*\" for any", path, key.Value)
		}
		header[key.Value] = value.Value
	})
	return header
}

// together checks what settings come to beside each other. lines says which are there, and where.
func (p *parser) together(r *rule, line int, path string, lines map[string]int) {
	clash := func(here, there, reason string) {
		if lines[here] > 0 && lines[there] > 0 {
			p.report(lines[here], "%s.%s stands beside %s: %s", path, here, there, reason)
		}
	}
	for _, other := range []string{"every", "from", "to"} {
		clash(other, "nth", "nth is one request; remove either")
	}
	for _, other := range []string{"between_events", "cut_after", "malformed_after", "no_done"} {
		clash(other, "status", "an error is no stream; remove either")
	}
	clash("no_done", "cut_after", "a stream that is cut has no end; remove either")
	if lines["retry_after"] > 0 && r.fault.Status != http.StatusTooManyRequests {
		p.report(lines["retry_after"], "%s.retry_after goes with status: 429 alone", path)
	}
	if r.to > 0 && r.to < r.from {
		p.report(lines["to"], "%s.to is before from: no request is both", path)
	}
	if !slices.ContainsFunc(settings, func(s setting) bool { return s.effect && lines[s.name] > 0 }) {
		p.report(line, "%s does nothing: say what is to go wrong, such as status: 500", path)
	}
}
