// Package overlay applies an OpenAPI Overlay document to the contract, for a deployment whose limits are
// others than the published ones. It owns what an overlay may change (shape.go, schema.go) and which of its
// actions is told to be at fault. It must never know how the contract is enforced: whoever does says
// whether what came out can be.
package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pb33f/libopenapi/overlay"
	"go.yaml.in/yaml/v3"
)

// Apply returns spec, which is openapi.yaml, as the overlay's actions leave it. It fails where the overlay
// is no Overlay document, where an action meets nothing, where one changes what the gateway's code rests on,
// and where usable does not take the result. The error names the action and its target.
func Apply(spec, text []byte, usable func(spec []byte) error) ([]byte, error) {
	actions, err := read(text)
	if err != nil {
		return nil, err
	}
	a := applied{spec: spec, actions: actions, usable: usable}
	out, err := a.upTo(len(actions))
	if err != nil {
		return nil, err
	}
	if err := a.check(out); err != nil {
		return nil, a.blame(err)
	}
	return out, nil
}

// applied is an overlay on a contract.
type applied struct {
	spec    []byte
	actions []action
	usable  func(spec []byte) error
}

// upTo is the contract after the first n actions.
func (a applied) upTo(n int) ([]byte, error) {
	if n == 0 {
		return a.spec, nil
	}
	document := documentOf(a.actions[:n])
	result, err := overlay.Apply(a.spec, document)
	var failed *overlay.OverlayError
	switch {
	case errors.As(err, &failed):
		for i, of := range document.Actions {
			if of == failed.Action {
				return nil, a.at(i, hinted(of.Target, failed.Cause))
			}
		}
		return nil, failed.Cause
	case err != nil:
		return nil, err
	}
	for _, warning := range result.Warnings { // of the library, they are what came to nothing
		for i, of := range document.Actions {
			if of == warning.Action {
				return nil, a.at(i, errors.New(warning.Message))
			}
		}
	}
	return indented(result.Bytes)
}

// indented writes a document as openapi.yaml is written, so that the two can be laid side by side.
func indented(text []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&root); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

func (a applied) check(out []byte) error {
	if err := sameSkeleton(a.spec, out); err != nil {
		return err
	}
	return a.usable(out)
}

// blame finds the action after which the contract never was whole again: what one breaks, a later one
// may mend. last is what is wrong after all of them.
func (a applied) blame(last error) error {
	for n := len(a.actions); ; n-- {
		before, err := a.upTo(n - 1)
		if err != nil {
			return err
		}
		wrong := a.check(before)
		if wrong == nil {
			return a.at(n-1, last)
		}
		last = wrong
	}
}

// hyphenated is a name after a dot that JSONPath has in brackets alone.
var hyphenated = regexp.MustCompile(`\.([A-Za-z0-9_]+-[A-Za-z0-9_-]*)`)

// hinted is why an action could not be applied, with what is to be written instead.
func hinted(target string, err error) error {
	if errors.Is(err, overlay.ErrIncompatibleUpdate) {
		return fmt.Errorf("%w: an object, a list and a plain value do not take each other's place: "+
			"an action before this one has to remove what is there, and this one to update the object that held it", err)
	}
	if name := hyphenated.FindStringSubmatch(target); name != nil {
		return fmt.Errorf("%w: a name with a hyphen stands in brackets, ['%s']", err, name[1])
	}
	return err
}

// at names the action. Reasons that kin-openapi gives go on with the whole schema, line after line; that an
// example is part of the contract they leave to be guessed.
func (a applied) at(i int, err error) error {
	reason, _, _ := strings.Cut(err.Error(), "\n")
	reason = readable(reason)
	if strings.Contains(reason, "invalid example: ") {
		reason += " (an example has to keep the contract: change it with what it is an example of, or remove it)"
	}
	return fmt.Errorf("actions[%d], target %s: %s", i, a.actions[i].Target, reason)
}
