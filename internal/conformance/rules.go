package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/internal/contract"
)

// ruleCases hold an endpoint to each of x-rules: by a request that breaks it and nothing else, and by one
// that keeps it and differs in one field.
func (s *Suite) ruleCases() []Case {
	list, _ := s.requestSchema().Extensions["x-rules"].([]any)
	var all []Case
	for i, entry := range list {
		rule, _ := entry.(map[string]any)
		pointer := fmt.Sprintf("%s/x-rules/%d", asked, i)
		id, msg := fmt.Sprint(rule["id"]), fmt.Sprint(rule["msg"])
		broken, kept := s.instances(rule)
		if broken != "" {
			all = append(all, required("rules/"+id+"-broken", "Refused: "+msg+".", pointer, refused(ruled(broken))))
		}
		if kept != "" {
			all = append(all, required("rules/"+id+"-kept", "Accepted, since this is kept: "+msg+".", pointer, accepted(ruled(kept))))
		}
	}
	const by = asked + "/properties/best_of/description"
	return append(all,
		required("rules/best-of-equal", "best_of may not be n.", by, refused(ruled(`"best_of":2,"n":2`))),
		required("rules/best-of-below", "best_of may not be less than n.", by, refused(ruled(`"best_of":2,"n":3`))),
		required("rules/best-of-greater", "best_of may be greater than n.", by, accepted(ruled(`"best_of":3,"n":2`))),
		required("rules/best-of-null", "best_of says nothing of an n that is null.", by, accepted(ruled(`"best_of":2,"n":null`))),
		required("rules/stream-options-alone", "stream_options need a stream that is asked for.", askedField+"stream_options/description", refused(ruled(`"stream_options":{"include_usage":false}`))),
	)
}

func ruled(fields string) string { return `"prompt":"By the rules","max_tokens":1,` + fields }

// instances looks for fields that break a rule and no other, and for fields that keep it; "" for none.
func (s *Suite) instances(rule map[string]any) (broken, kept string) {
	names := s.spokenOf(rule)
	if len(names) == 0 {
		return "", ""
	}
	var values [][]string
	for _, name := range names {
		values = append(values, candidates(s.fields()[name].Value))
	}
	var breaks []string
	var keeps [][]string
	each(values, func(picked []string) {
		switch fields := spell(names, picked); {
		case s.breaks(rule, fields) && breaks == nil:
			breaks = slices.Clone(picked)
		case s.keeps(ruled(fields)) && !slices.Contains(picked, ""):
			keeps = append(keeps, slices.Clone(picked))
		}
	})
	for _, picked := range keeps {
		if breaks != nil && differences(breaks, picked) == 1 {
			return spell(names, breaks), spell(names, picked)
		}
	}
	return spell(names, breaks), ""
}

// breaks reports whether fields break the rule alone.
func (s *Suite) breaks(rule map[string]any, fields string) bool {
	var invalid *contract.Invalid
	if !errors.As(s.request.Check(s.asking(ruled(fields)), nil), &invalid) || len(invalid.Violations) != 1 {
		return false
	}
	return strings.HasSuffix(invalid.Violations[0].Msg, fmt.Sprint(rule["msg"])) && strings.HasPrefix(dotted(invalid.Violations[0].Loc), dottedAny(rule["loc"]))
}

func dottedAny(loc any) string {
	list, _ := loc.([]any)
	return dotted(list)
}

// spokenOf are the declared fields that a rule names, wherever it does.
func (s *Suite) spokenOf(part any) []string {
	var names []string
	add := func(name string) {
		if s.fields()[name] != nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var look func(any)
	look = func(part any) {
		switch part := part.(type) {
		case string:
			add(part)
		case []any:
			for _, item := range part {
				look(item)
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(part)) {
				if key == "id" || key == "msg" {
					continue
				}
				add(key)
				look(part[key])
			}
		}
	}
	look(part)
	return names
}

// candidates are values that a field may have in a rule; "" is for none.
func candidates(schema *openapi3.Schema) []string {
	var all []string
	switch {
	case schema.Type.Is(openapi3.TypeBoolean):
		all = []string{"false", "true"}
	case schema.Type.Is(openapi3.TypeInteger), schema.Type.Is(openapi3.TypeNumber):
		all = []string{"1", "2", "3"}
	case schema.Type.Is(openapi3.TypeObject) && schema.AdditionalProperties.Schema != nil:
		all = []string{`{"65":1}`, `{"x":1}`}
	}
	if example, err := json.Marshal(schema.Example); err == nil && schema.Example != nil && !slices.Contains(all, string(example)) {
		all = append(all, string(example))
	}
	return append(all, "")
}

// each calls f with every way to take one of each list.
func each(lists [][]string, f func([]string)) {
	picked := make([]string, len(lists))
	var from func(int)
	from = func(i int) {
		if i == len(lists) {
			f(picked)
			return
		}
		for _, value := range lists[i] {
			picked[i] = value
			from(i + 1)
		}
	}
	from(0)
}

func spell(names, picked []string) string {
	var fields []string
	for i, value := range picked {
		if value != "" {
			fields = append(fields, `"`+names[i]+`":`+value)
		}
	}
	return strings.Join(fields, ",")
}

func differences(a, b []string) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
