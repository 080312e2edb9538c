package config

import (
	"reflect"
	"slices"
)

// Change is a setting that is another in a second configuration.
type Change struct {
	Setting string // retry.attempts, upstreams.gpu, auth.tokens.search.models
	How     string // added, removed, changed, or both values; never a secret, nor the path of a URL
	Restart bool   // whether the second value holds only once the process has been started again
}

// Changes are what next has otherwise, in the order in which settings are declared. The items of a list that have a
// name are told apart by it.
func (c Config) Changes(next Config) []Change {
	var found changes
	found.section("", reflect.ValueOf(c), reflect.ValueOf(next))
	if c.tokensWait(next) {
		found.wait("auth.tokens")
	}
	return found
}

// tokensWait reports whether the tokens wait with auth.mode: it is not tokens any more, and so next has none; or is not
// tokens yet.
func (c Config) tokensWait(next Config) bool {
	if c.Auth.Mode == AuthTokens {
		return next.Auth.Mode != AuthTokens && len(next.Auth.Tokens) == 0
	}
	return next.Auth.Mode == AuthTokens
}

// wait has all that changes in a setting wait for a restart.
func (c changes) wait(setting string) {
	for i := range c {
		c[i].Restart = c[i].Restart || within(c[i].Setting, setting)
	}
}

// Take gives what a process that runs with c can run with next: of settings that need a restart, it has those of c;
// and its tokens, where those of next wait with auth.mode. The error joins every Problem of that; next may have none,
// and c's listen still be open to everybody.
func (c Config) Take(next Config) (Config, error) {
	if c.tokensWait(next) {
		next.Auth.Tokens = c.Auth.Tokens
	}
	keep(reflect.ValueOf(c), reflect.ValueOf(&next).Elem())
	return next, next.Validate()
}

// keep copies what needs a restart.
func keep(from, into reflect.Value) {
	for _, f := range fieldsOf(from.Type()) {
		switch {
		case f.form == formSection:
			keep(from.Field(f.index), into.Field(f.index))
		case f.change == changeRestart:
			into.Field(f.index).Set(from.Field(f.index))
		}
	}
}

// changes gathers them.
type changes []Change

func (c *changes) section(path string, a, b reflect.Value) {
	for _, f := range fieldsOf(a.Type()) {
		path, a, b := join(path, f.name), a.Field(f.index), b.Field(f.index)
		switch f.form {
		case formSection:
			c.section(path, a, b)
		case formEntries:
			c.entries(path, a, b)
		case formItems:
			c.items(path, a, b)
		default:
			c.scalar(path, f, a, b)
		}
	}
}

func (c *changes) scalar(path string, f field, a, b reflect.Value) {
	if equal(a, b) {
		return
	}
	before, after := shown(f, a), shown(f, b)
	how := before + " -> " + after
	if before == after {
		how = "changed"
	}
	*c = append(*c, Change{Setting: path, How: how, Restart: f.change == changeRestart})
}

func equal(a, b reflect.Value) bool {
	if secret, ok := a.Interface().(Secret); ok {
		return secret.Equal(b.Interface().(Secret)) //nolint:forcetypeassert // both are of one type
	}
	return render(a) == render(b)
}

// shown is what may be logged of a value: nothing of a secret, and of a URL where it leads to.
func shown(f field, v reflect.Value) string {
	switch {
	case f.form == formSecret:
		return ""
	case f.name == "base_url":
		return Origin(v.String())
	}
	return render(v)
}

func (c *changes) entries(path string, a, b reflect.Value) {
	all := append(names(a), names(b)...)
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		key := reflect.ValueOf(name)
		c.either(entry(path, name), a.MapIndex(key), b.MapIndex(key))
	}
}

// either compares what one of two configurations may not have, which is then no value.
func (c *changes) either(path string, a, b reflect.Value) {
	switch {
	case !a.IsValid():
		*c = append(*c, Change{Setting: path, How: "added"})
	case !b.IsValid():
		*c = append(*c, Change{Setting: path, How: "removed"})
	default:
		c.section(path, a, b)
	}
}

// items compares lists: tokens by their names, others as a whole.
func (c *changes) items(path string, a, b reflect.Value) {
	before, tokens := a.Interface().([]Token)
	if !tokens {
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			*c = append(*c, Change{Setting: path, How: "changed"})
		}
		return
	}
	old, now := byName(before), byName(b.Interface().([]Token)) //nolint:forcetypeassert // both are fields of one type
	c.entries(path, reflect.ValueOf(old), reflect.ValueOf(now))
}

func byName(tokens []Token) map[string]Token {
	all := make(map[string]Token, len(tokens))
	for _, t := range tokens {
		all[t.Name] = t
	}
	return all
}
