package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Load is the configuration of a process: flags over the environment over the file over Default.
//
// file is the path of the YAML file; empty means that of SPECGATE_CONFIG, and none where that is
// empty too. flags are the values of flags that were given, by setting (log.level is --log-level).
// A variable that is empty counts as not set.
//
// The error joins every Problem there is. Config then holds what could be read, and Default besides.
func Load(file string, flags map[string]string, getenv func(string) string) (Config, error) {
	l := loader{getenv: getenv, text: firstText, secrets: firstSecret}
	return l.load(file, flags)
}

// LoadAgain is Load for a process that runs: it reads plain files alone, since for another it might wait for ever.
func LoadAgain(file string, flags map[string]string, getenv func(string) string) (Config, error) {
	l := loader{getenv: getenv, text: laterText, secrets: laterSecret}
	return l.load(file, flags)
}

func (l *loader) load(file string, flags map[string]string) (Config, error) {
	l.config, l.origins, l.used = Default(), map[string]string{}, map[string]bool{}
	l.config.Files, l.config.Variables = Files{}, l.used
	if file == "" {
		file = l.getenv("SPECGATE_CONFIG")
	}
	if file != "" {
		l.file(file)
	}
	l.environment()
	l.flags(flags)
	l.finish()
	return l.config, joined(l.problems)
}

// loader puts a Config together from its sources, the weakest first.
type loader struct {
	config     Config
	getenv     func(string) string
	text       reading           // of the file
	secrets    reading           // of those that variables name
	path       string            // of the file
	origins    map[string]string // by setting
	used       map[string]bool   // variables that the file refers to
	unreadable bool              // the file could not be read, so what is missing may well be in it
	problems   []Problem
	failed     []string // settings that were set, but not to anything that could be read
}

func (l *loader) report(origin, setting, message string) {
	l.problems = append(l.problems, Problem{Origin: origin, Setting: setting, Message: message})
	if setting != "" {
		l.failed = append(l.failed, setting)
	}
}

// variable is what the file refers to by ${NAME} in a setting. It is not known where it comes from a file that cannot
// be used, which is reported.
func (l *loader) variable(name, setting string) (value string, known bool) {
	l.used[name] = true
	before := len(l.problems)
	_, value = l.secret(name, setting)
	return value, len(l.problems) == before
}

// set reads text into a scalar.
func (l *loader) set(origin, path string, f form, v reflect.Value, text string) {
	value, err := parsers[f](text)
	if err != nil {
		l.report(origin, path, err.Error())
		return
	}
	v.Set(reflect.ValueOf(value))
	l.origins[path] = origin
}

// environment reads the variables. Those of scalars have their names from the struct; the tokens and
// the backend have rules of their own.
func (l *loader) environment() {
	l.scalars(func(path string, f field) (origin, text string, ok bool) {
		if f.env == "" {
			return "", "", false
		}
		origin, text = f.env, l.getenv(f.env)
		if f.form == formSecret {
			origin, text = l.secret(f.env, path)
		}
		return origin, text, text != ""
	})
	l.environmentTokens()
	l.environmentBackend()
	l.traces()
}

func (l *loader) flags(flags map[string]string) {
	l.scalars(func(path string, _ field) (origin, text string, ok bool) {
		text, ok = flags[path]
		return "--" + FlagName(path), text, ok
	})
}

// FlagName is what the flag of a setting is called, without its dashes. A section's file is called
// after the section.
func FlagName(setting string) string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(strings.TrimSuffix(setting, ".file"))
}

// scalars sets each scalar that stands alone, not in a list or under a name, from a source.
func (l *loader) scalars(source func(path string, f field) (origin, text string, ok bool)) {
	alone := Config{}
	walk(reflect.ValueOf(alone), "", func(path string, f field, _ reflect.Value) {
		if parsers[f.form] == nil {
			return
		}
		if origin, text, ok := source(path, f); ok {
			l.set(origin, path, f.form, l.find(path), text)
		}
	})
}

// find is the place of a scalar in the configuration.
func (l *loader) find(path string) reflect.Value {
	v := reflect.ValueOf(&l.config).Elem()
	for name := range strings.SplitSeq(path, ".") {
		for _, f := range fieldsOf(v.Type()) {
			if f.name == name {
				v = v.Field(f.index)
				break
			}
		}
	}
	return v
}

// finish fills in what is neither set nor a default, and validates. What could not be read is not
// reported a second time as missing.
func (l *loader) finish() {
	for i := range l.config.Auth.Tokens {
		if token := &l.config.Auth.Tokens[i]; token.Name == "" {
			token.Name = fmt.Sprintf("token-%d", i+1)
		}
	}
	l.config.Origins = l.origins
	if l.unreadable {
		return
	}
	if len(l.config.Upstreams) == 0 && !l.knownToFail("upstreams") {
		l.notice("no upstream is set, so the embedded test model specgate-1 answers: OPENAI_BASE_URL (with /v1), or base_url under upstreams.NAME in the file, puts a backend in its place")
	}
	l.idle()
	for _, p := range l.config.problems() {
		if !l.knownToFail(p.Setting) {
			p.Origin = l.origin(p.Setting)
			l.problems = append(l.problems, p)
		}
	}
}

func (l *loader) knownToFail(setting string) bool {
	for _, failed := range l.failed {
		if within(failed, setting) {
			return true
		}
	}
	return false
}

// origin is where a setting, or else what it stands in, was set.
func (l *loader) origin(setting string) string {
	for setting != "" {
		if origin := l.origins[setting]; origin != "" {
			return origin
		}
		setting = setting[:max(0, strings.LastIndexAny(setting, ".["))]
	}
	return ""
}
