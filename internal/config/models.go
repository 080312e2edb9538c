package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const (
	maxModelID  = 256 // characters, as openapi.yaml has it
	maxWeight   = 1_000_000
	maxAttempts = 10
)

// models checks what says where requests go.
func (k *checks) models(c Config) {
	if len(c.Models) > 0 && len(c.Upstreams) == 0 {
		k.add("models", "is set, and there is no upstream for it: add one under upstreams, with its base_url")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Models)) {
		path := entry("models", name)
		switch {
		case name == "" || len([]rune(name)) > maxModelID:
			k.add(path, "must have a name of 1 to %d characters: a model's id, or a pattern", maxModelID)
		case strings.Contains(name, "**"):
			k.add(path, "has two asterisks in a row: one stands for any characters")
		}
		if len(c.Models[name].Targets) == 0 {
			k.add(join(path, "targets"), "is empty: name at least one backend, such as [{upstream: gpu}]")
		}
		for i, t := range c.Models[name].Targets {
			k.target(place(join(path, "targets"), i), t, c.Upstreams)
		}
		k.distinct(path, name, c.Models[name].Targets)
	}
}

// distinct wants no target of a model twice: where the first of them fails, the second is no other.
func (k *checks) distinct(path, id string, targets []Target) {
	type model struct{ upstream, id string }
	known := map[model]int{}
	for i, t := range targets {
		m := model{t.Upstream, cmp.Or(t.Model, id)}
		if first, twice := known[m]; twice && t.Upstream != "" {
			k.add(place(join(path, "targets"), i), "has the upstream and the model of targets[%d]: remove one, and give the other the weight of both", first)
			continue
		}
		known[m] = i
	}
}

func (k *checks) target(path string, t Target, upstreams map[string]Backend) {
	if _, known := upstreams[t.Upstream]; !known && len(upstreams) > 0 {
		k.add(join(path, "upstream"), "%s", unknownUpstream(t.Upstream, slices.Sorted(maps.Keys(upstreams))))
	}
	if len([]rune(t.Model)) > maxModelID {
		k.add(join(path, "model"), "has more than %d characters", maxModelID)
	}
	if t.Weight < 1 || t.Weight > maxWeight {
		k.add(join(path, "weight"), "is %d: it must be 1 to %d; leave out a target that is to get nothing", t.Weight, maxWeight)
	}
	if t.Priority < 1 {
		k.add(join(path, "priority"), "is %d: it must be at least 1, which is asked first", t.Priority)
	}
}

func unknownUpstream(name string, known []string) string {
	all := strings.Join(known, ", ")
	if name == "" {
		return "is missing: name one of " + all
	}
	if near := Nearest(name, known); near != "" {
		return fmt.Sprintf("is %q, and no upstream is called that; did you mean %s?", name, near)
	}
	return fmt.Sprintf("is %q, and no upstream is called that; there is %s", name, all)
}

// retries checks what happens where a backend fails.
func (k *checks) retries(c Config) {
	if c.Retry.Attempts < 1 || c.Retry.Attempts > maxAttempts {
		k.add("retry.attempts", "is %d: it must be 1, which turns retries off, to %d", c.Retry.Attempts, maxAttempts)
	}
	if c.Retry.Budget < 0 || c.Retry.Budget > 1 {
		k.add("retry.budget", "is %v: it must be a share of 0 to 1, such as 0.1", c.Retry.Budget)
	}
	k.notNegative("breaker.failures", c.Breaker.Failures)
	if c.Breaker.Failures > 0 {
		k.more("breaker.window", c.Breaker.Window)
		k.more("breaker.open", c.Breaker.Open)
	}
	if c.Health.Interval > 0 {
		k.more("health.timeout", c.Health.Timeout)
	}
	if (c.Health.Interval > 0 || c.Health.Path != "") && !healthPath.MatchString(c.Health.Path) {
		k.add("health.path", "must begin with a slash, and have no space, ? or # in it, such as /models")
	}
}

var healthPath = regexp.MustCompile(`^/[!"$->@-~]*$`)
