package config

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// form is how a setting is written, wherever it is written.
type form int

const (
	formString form = iota
	formSecret
	formSize
	formDuration
	formInteger
	formNumber
	formBoolean
	formStrings // a list of strings
	formItems   // a list of sections
	formEntries // sections by name
	formSection
)

func formOf(t reflect.Type) form {
	switch {
	case t == reflect.TypeFor[Secret]():
		return formSecret
	case t == reflect.TypeFor[Size]():
		return formSize
	case t == reflect.TypeFor[time.Duration]():
		return formDuration
	case t.Kind() == reflect.Int:
		return formInteger
	case t.Kind() == reflect.Float64:
		return formNumber
	case t.Kind() == reflect.Bool:
		return formBoolean
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return formStrings
	case t.Kind() == reflect.Slice:
		return formItems
	case t.Kind() == reflect.Map:
		return formEntries
	case t.Kind() == reflect.Struct:
		return formSection
	default:
		return formString
	}
}

// field is one setting as its struct declares it.
type field struct {
	name, env, doc string
	change         string // changeReload or changeRestart; empty for what holds others
	enum           []string
	within         string // the least and the most that it may be, as 0,10 or 1,; empty where every value is one
	form           form
	index          int
}

// What it takes for another value of a setting to hold.
const (
	changeReload  = "reload"
	changeRestart = "restart"
)

// fieldsOf lists the settings of a section in the order in which they are declared.
func fieldsOf(section reflect.Type) []field {
	var fields []field
	for i := range section.NumField() {
		f := section.Field(i)
		name := f.Tag.Get("yaml")
		if name == "-" {
			continue
		}
		declared := field{name: name, env: f.Tag.Get("env"), doc: f.Tag.Get("doc"), change: f.Tag.Get("change"), within: f.Tag.Get("within"), form: formOf(f.Type), index: i}
		if enum := f.Tag.Get("enum"); enum != "" {
			declared.enum = strings.Split(enum, ",")
		}
		fields = append(fields, declared)
	}
	return fields
}

// blank is a section in which nothing is set.
func blank(section reflect.Type) reflect.Value {
	v := reflect.New(section).Elem()
	switch section {
	case reflect.TypeFor[Config]():
		v.Set(reflect.ValueOf(Default()))
	case reflect.TypeFor[Backend]():
		v.Set(reflect.ValueOf(DefaultBackend()))
	case reflect.TypeFor[Model]():
		v.Set(reflect.ValueOf(DefaultModel()))
	case reflect.TypeFor[Target]():
		v.Set(reflect.ValueOf(DefaultTarget()))
	}
	return v
}

// walk visits every setting under section, each before what is in it. The places of a list are
// counted from 0.
func walk(section reflect.Value, path string, visit func(path string, f field, v reflect.Value)) {
	for _, f := range fieldsOf(section.Type()) {
		v, path := section.Field(f.index), join(path, f.name)
		visit(path, f, v)
		switch f.form {
		case formSection:
			walk(v, path, visit)
		case formItems:
			for i := range v.Len() {
				walk(v.Index(i), place(path, i), visit)
			}
		case formEntries:
			for _, name := range names(v) {
				walk(v.MapIndex(reflect.ValueOf(name)), entry(path, name), visit)
			}
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// entry is join for a name of the operator's choice, in which there may be dots.
func entry(path, name string) string {
	if strings.ContainsAny(name, `.[]"`) {
		return path + "[" + strconv.Quote(name) + "]"
	}
	return join(path, name)
}

func place(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func names(entries reflect.Value) []string {
	all := make([]string, 0, entries.Len())
	for _, key := range entries.MapKeys() {
		all = append(all, key.String())
	}
	return slices.Sorted(slices.Values(all))
}

// sample has one of everything, so that a walk over it meets every setting.
func sample() reflect.Value {
	c := Default()
	c.Upstreams = map[string]Backend{"NAME": DefaultBackend()}
	model := DefaultModel()
	model.Targets = []Target{DefaultTarget()}
	c.Models = map[string]Model{"NAME": model}
	c.Auth.Tokens = []Token{{}}
	return reflect.ValueOf(c)
}

// parsers read a setting from text, by form. Their errors say what is wrong as the end of a sentence
// that begins with the setting, and never repeat the text.
var parsers = map[form]func(string) (any, error){
	formString:   func(text string) (any, error) { return text, nil },
	formSecret:   func(text string) (any, error) { return NewSecret(text), nil },
	formSize:     func(text string) (any, error) { return ParseSize(text) },
	formDuration: func(text string) (any, error) { return parseDuration(text) },
	formInteger:  func(text string) (any, error) { return parseInteger(text) },
	formNumber:   func(text string) (any, error) { return parseNumber(text) },
	formBoolean:  func(text string) (any, error) { return parseBoolean(text) },
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("is not a duration: write numbers with their units, such as 30s, 1m30s or 500ms")
	}
	return d, nil
}

func parseInteger(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, errors.New("is not an integer: write digits alone, such as 4096")
	}
	return n, nil
}

func parseNumber(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, errors.New("is not a number: write digits, such as 0.1")
	}
	return n, nil
}

func parseBoolean(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, errors.New("is neither true nor false")
	}
	return text == "true", nil
}

// render writes a scalar, or a list of them, as it may be read again, but for secrets.
func render(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case Secret:
		return value.String()
	case Size:
		return value.String()
	case time.Duration:
		return renderDuration(value)
	case int:
		return strconv.Itoa(value)
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(value)
	case []string:
		return "[" + strings.Join(value, ", ") + "]"
	default:
		return v.String()
	}
}

// renderDuration leaves out the zeros of 10m0s.
func renderDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
