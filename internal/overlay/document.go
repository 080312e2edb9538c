package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/pb33f/go-yaml"
	model "github.com/pb33f/libopenapi/datamodel/high/overlay"
)

// document is an Overlay document of version 1.0 or 1.1. A key that the versions do not have, and that is
// no extension, is a misspelt one: what it was meant to do would not be done.
type document struct {
	Overlay string `yaml:"overlay"`
	Info    struct {
		Title       string         `yaml:"title"`
		Version     string         `yaml:"version"`
		Description string         `yaml:"description"`
		More        map[string]any `yaml:",inline"`
	} `yaml:"info"`
	Extends string         `yaml:"extends"` // which document it is for; there is but one
	Actions []action       `yaml:"actions"`
	More    map[string]any `yaml:",inline"`
}

type action struct {
	Target      string         `yaml:"target"`
	Description string         `yaml:"description"`
	Update      yaml.Node      `yaml:"update"`
	Remove      bool           `yaml:"remove"`
	Copy        string         `yaml:"copy"`
	More        map[string]any `yaml:",inline"`
}

var versions = regexp.MustCompile(`^1\.[01]\.[0-9]+$`)

// read returns the actions of an overlay, at least one.
func read(text []byte) ([]action, error) {
	var d document
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&d); errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	} else if err != nil {
		return nil, fmt.Errorf("it is not an Overlay document: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document")
	}
	switch {
	case d.Overlay == "":
		return nil, errors.New("it is not an Overlay document: overlay, its version, is missing")
	case !versions.MatchString(d.Overlay):
		return nil, fmt.Errorf("it is of version %q: versions 1.0 and 1.1 are understood, written as 1.0.0", d.Overlay)
	case d.Info.Title == "" || d.Info.Version == "":
		return nil, errors.New("info must have a title and a version")
	case len(d.Actions) == 0:
		return nil, errors.New("it has no actions")
	}
	if err := extensionsAlone(d.More, d.Info.More); err != nil {
		return nil, err
	}
	for i, a := range d.Actions {
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("actions[%d], target %s: %w", i, a.Target, err)
		}
	}
	return d.Actions, nil
}

func (a action) check() error {
	does := 0
	for _, set := range []bool{!a.Update.IsZero(), a.Remove, a.Copy != ""} {
		if set {
			does++
		}
	}
	if err := extensionsAlone(a.More); err != nil {
		return err
	}
	switch {
	case a.Target == "":
		return errors.New("it has no target")
	case a.Remove && strings.TrimSpace(a.Target) == "$":
		return errors.New("the whole document cannot be removed")
	case does == 0:
		return errors.New("it neither updates nor removes anything")
	case does > 1:
		return errors.New("it has more than one of update, remove and copy: make actions of them")
	}
	return checkUpdate(&a.Update)
}

// keys are those of Overlay documents and their parts.
var keys = []string{"overlay", "info", "title", "version", "extends", "actions", "target", "description", "update", "remove", "copy"}

func extensionsAlone(all ...map[string]any) error {
	for _, more := range all {
		for name := range more {
			if !strings.HasPrefix(name, "x-") {
				return fmt.Errorf("%s is no key of an Overlay document%s", name, meant(name, keys))
			}
		}
	}
	return nil
}

// documentOf is actions as the library has them.
func documentOf(actions []action) *model.Overlay {
	d := &model.Overlay{Overlay: "1.1.0", Info: &model.Info{Title: "specgate", Version: "1"}}
	for _, a := range actions {
		one := &model.Action{Target: a.Target, Remove: a.Remove, Copy: a.Copy}
		if !a.Update.IsZero() {
			one.Update = &a.Update
		}
		d.Actions = append(d.Actions, one)
	}
	return d
}
