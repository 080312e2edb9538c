package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// variables reads variables that others have named, and reports what is wrong with each. Blanks around a value are
// none of it.
type variables struct{ *loader }

func (v variables) get(name string) string { return strings.TrimSpace(v.getenv(name)) }

func (v variables) report(name, message string) { v.loader.report(name, "", message) }

// What the names of the variables of OpenTelemetry's exporters begin with.
const (
	otlpAll    = "OTEL_EXPORTER_OTLP_"
	otlpTraces = "OTEL_EXPORTER_OTLP_TRACES_"
)

// otlpHeaders is the signal that holds secrets.
const otlpHeaders = "HEADERS"

// signal is a variable of OpenTelemetry's exporters: the one for traces, or else the one for all signals.
func (v variables) signal(what string) (name, value string) {
	if value = v.get(otlpTraces + what); value != "" {
		return otlpTraces + what, value
	}
	return otlpAll + what, v.get(otlpAll + what)
}

// secretSignal is one that may be given as a file.
func (v variables) secretSignal(what string) (name, value string) {
	if name, value = v.secret(otlpTraces+what, ""); value != "" {
		return name, strings.TrimSpace(value)
	}
	name, value = v.secret(otlpAll+what, "")
	return name, strings.TrimSpace(value)
}

// oneOf is a variable that has one of some values, in any letter case.
func (v variables) oneOf(name, otherwise string, values ...string) string {
	value := v.get(name)
	if value == "" {
		return otherwise
	}
	at := slices.IndexFunc(values, func(one string) bool { return strings.EqualFold(one, value) })
	if at < 0 {
		v.report(name, "must be one of "+strings.Join(values, ", "))
		return otherwise
	}
	return values[at]
}

// millis is a variable of milliseconds.
func (v variables) millis(name string, otherwise time.Duration) time.Duration {
	return time.Duration(v.count(name, int(otherwise/time.Millisecond))) * time.Millisecond
}

// count is a variable that is a number of something, one at least.
func (v variables) count(name string, otherwise int) int {
	text := v.get(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		v.report(name, "must be an integer of at least 1")
		return otherwise
	}
	return int(n)
}

// share is a variable from 0 to 1.
func (v variables) share(name string, otherwise float64) float64 {
	text := v.get(name)
	if text == "" {
		return otherwise
	}
	share, err := strconv.ParseFloat(text, 64)
	if err != nil || !(share >= 0 && share <= 1) {
		v.report(name, "must be a number from 0 to 1")
		return otherwise
	}
	return share
}

// pairs reads key=value,key=value, with what could not stand there written as %2C. None of it is repeated where it
// cannot be read: it may be a secret.
func (v variables) pairs(name, text string) map[string]string {
	all := map[string]string{}
	if text == "" {
		return all
	}
	for i, pair := range strings.Split(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || key == "" || err != nil {
			v.report(name, fmt.Sprintf("must be key=value pairs with commas between them, and its pair %d is none", i+1))
			continue
		}
		all[key] = value
	}
	return all
}
