package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Validate joins every Problem of the configuration, each of which names a setting and how to mend
// it; nil where there is none.
func (c Config) Validate() error { return joined(c.problems()) }

// problems are in the order in which the settings are declared.
func (c Config) problems() []Problem {
	var k checks
	k.values(c)
	k.addresses(c)
	k.tls(c.TLS)
	k.tokens(c.Auth.Tokens)
	k.store(c)
	k.upstreams(c)
	k.models(c)
	k.retries(c)
	k.limits(c)
	k.counted(c)
	k.usage(c)
	k.faults(c)
	rank := map[string]int{}
	for i, f := range fieldsOf(reflect.TypeFor[Config]()) {
		rank[f.name] = i
	}
	slices.SortStableFunc(k, func(a, b Problem) int { return cmp.Compare(rank[top(a.Setting)], rank[top(b.Setting)]) })
	return k
}

func top(setting string) string {
	name, _, _ := strings.Cut(setting, ".")
	return name
}

// checks gathers problems.
type checks []Problem

func (k *checks) add(setting, format string, args ...any) {
	*k = append(*k, Problem{Setting: setting, Message: fmt.Sprintf(format, args...)})
}

// values checks what each form forbids wherever it stands.
func (k *checks) values(c Config) {
	walk(reflect.ValueOf(c), "", func(path string, f field, v reflect.Value) {
		switch value := v.Interface().(type) {
		case time.Duration:
			if value < 0 {
				k.add(path, "is negative: give the time to wait, such as 30s")
			}
		case Secret:
			if value.Reveal() == redacted {
				k.add(path, "is %s, which is what config print shows in place of a secret: put the secret itself there", redacted)
			}
		case []string:
			for i, item := range value {
				if item == "" {
					k.add(place(path, i), "is empty: give it a value or remove it")
				}
			}
		}
		if f.enum != nil && !slices.Contains(f.enum, v.String()) {
			k.add(path, "is %q: it must be %s", v.String(), alternatives(f.enum))
		}
	})
}

func alternatives(values []string) string {
	last := len(values) - 1
	if last == 0 {
		return values[0]
	}
	return strings.Join(values[:last], ", ") + " or " + values[last]
}

// headerSafe is what may stand in a header or a log line as it is.
var headerSafe = regexp.MustCompile(`^[!-~]+$`)

func (k *checks) tokens(tokens []Token) {
	byHash, byName := map[string]int{}, map[string]int{}
	for i, t := range tokens {
		path := place("auth.tokens", i)
		if slices.ContainsFunc(tokens, t.isNamedBy) {
			k.add(join(path, "name"), "is, or holds, a token: the log, metrics and records of usage would tell it")
		} else if first, twice := byName[t.Name]; twice && t.Name != "" {
			k.add(join(path, "name"), "is %q, which is the name of auth.tokens[%d] too: the log could not tell them apart", t.Name, first)
		}
		byName[t.Name] = i
		hash, ok := k.token(path, t)
		if first, twice := byHash[hash]; twice && ok {
			k.add(path, "is the same token as auth.tokens[%d]: remove one", first)
		}
		byHash[hash] = i
	}
}

// isNamedBy reports whether the name of t tells another token, or itself. One of few characters may be a part of any
// name.
func (t Token) isNamedBy(other Token) bool {
	sum := sha256.Sum256([]byte(t.Name))
	token := other.Token.Reveal()
	return t.Name != "" && (t.Name == token || strings.EqualFold(other.SHA256.Reveal(), hex.EncodeToString(sum[:])) ||
		len(token) >= 8 && strings.Contains(t.Name, token))
}

// token is the hash of a token that can be used.
func (k *checks) token(path string, t Token) (hash string, ok bool) {
	switch {
	case t.Token.IsZero() == t.SHA256.IsZero():
		k.add(path, "must have either token or sha256")
	case t.SHA256.IsZero() && !headerSafe.MatchString(t.Token.Reveal()):
		k.add(join(path, "token"), "holds a space or a character beyond ASCII, which no client can send in a header")
	case t.SHA256.IsZero():
		sum := sha256.Sum256([]byte(t.Token.Reveal()))
		return hex.EncodeToString(sum[:]), true
	case !digest.MatchString(t.SHA256.Reveal()):
		k.add(join(path, "sha256"), "must be 64 hexadecimal digits, as printf %%s TOKEN | sha256sum prints them")
	default:
		return strings.ToLower(t.SHA256.Reveal()), true
	}
	return "", false
}

var digest = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

func (k *checks) limits(c Config) {
	for _, size := range []struct {
		setting string
		value   Size
	}{
		{"upstream.max_response", c.Upstream.MaxResponse},
		{"upstream.max_event", c.Upstream.MaxEvent},
		{"limits.body", c.Limits.Body},
	} {
		if size.value <= 0 {
			k.add(size.setting, "must be more than 0, such as 16MiB")
		}
	}
	if c.Limits.InflightBytes < c.Limits.Body {
		k.add("limits.inflight_bytes", "is %v, less than limits.body (%v): a body of that size could never be accepted", c.Limits.InflightBytes, c.Limits.Body)
	}
	if c.Limits.MaxConcurrent < 1 {
		k.add("limits.max_concurrent", "must be at least 1")
	}
	k.neverOff("limits.header_timeout", c.Limits.HeaderTimeout)
	k.neverOff("limits.body_timeout", c.Limits.BodyTimeout)
	k.neverOff("stream.write_timeout", c.Stream.WriteTimeout)
}

// faults keeps what is for tests away from where others may depend on it.
func (k *checks) faults(c Config) {
	if c.Faults.File != "" && !c.Faults.Allow && !loopback(c.Listen) {
		k.add("faults.file", "is set, and others can reach listen (%s): listen on 127.0.0.1, or set faults.allow to true", c.Listen)
	}
}

// more is for times that have no meaning at 0.
func (k *checks) more(setting string, d time.Duration) {
	if d == 0 {
		k.add(setting, "must be more than 0, such as 10s")
	}
}

// neverOff is for timeouts without which one client could hold a connection for ever.
func (k *checks) neverOff(setting string, d time.Duration) {
	if d == 0 {
		k.add(setting, "must be more than 0, such as 30s: without it a client could hold its connection for ever")
	}
}
