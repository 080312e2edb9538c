package overlay

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// sameSkeleton fails where after differs from before in more than the shape of the document lets it. It
// compares what came out, whatever the actions were called or aimed at.
func sameSkeleton(before, after []byte) error {
	old, err := tree(before)
	if err != nil {
		return err
	}
	current, err := tree(after)
	if err != nil {
		return err
	}
	return shapeOf(schemasOf(old)).same("", old, current)
}

func tree(text []byte) (map[string]any, error) {
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("it leaves what cannot be read: %w", err)
	}
	return root, nil
}

// same compares the values at a place. A shape that is nil is that of what stays as it is.
func (s *shape) same(path string, before, after any) error {
	if s == nil {
		s = &shape{}
	}
	switch old := before.(type) {
	case map[string]any:
		if current, ok := after.(map[string]any); ok {
			return s.sameObject(path, old, current)
		}
	case []any:
		if current, ok := after.([]any); ok && len(old) == len(current) {
			for i := range old {
				if err := s.items.same(path+"["+strconv.Itoa(i)+"]", old[i], current[i]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if !reflect.DeepEqual(before, after) {
		return fixed("changes", path)
	}
	return nil
}

func (s *shape) sameObject(path string, before, after map[string]any) error {
	if ref, ok := before["$ref"].(string); ok { // beside which nothing else means anything
		if err := besideReference(path, ref, before, after); err != nil {
			return err
		}
		s = &shape{free: prose}
	}
	for _, key := range keysOf(before, after) {
		at := path + "." + key
		if path == "" {
			at = key
		}
		if err := s.sameKey(at, key, before, after); err != nil {
			return err
		}
	}
	if s.isSchema && !reflect.DeepEqual(before, after) {
		return checkFits(path, after)
	}
	return nil
}

// sameKey compares what two objects have under a key.
func (s *shape) sameKey(at, key string, before, after map[string]any) error {
	old, was := before[key]
	current, is := after[key]
	if is && (s.isSchema || slices.Contains(s.free, key)) && !reflect.DeepEqual(old, current) {
		if err := checkKind(at, key, current); err != nil {
			return err
		}
	}
	if s.isFree(key) {
		return nil
	}
	if check, ok := s.limits[key]; ok {
		if reason := check(old, current); reason != "" {
			return fmt.Errorf("%s %s", at, reason)
		}
		return nil
	}
	switch {
	case !is:
		return fixed("removes", at)
	case was:
		return s.under(key).same(at, old, current)
	default:
		return s.mayCome(at, key, current)
	}
}

// mayCome fails for a key that was not there, unless the shape lets more come.
func (s *shape) mayCome(at, key string, value any) error {
	if s.more {
		return checkNew(at, value)
	}
	if hint := meant(key, keywords); s.isSchema && hint != "" {
		return fmt.Errorf("%s is no keyword%s", at, hint)
	}
	return fixed("adds", at)
}

// besideReference fails for what was added beside a $ref, and says where it belongs.
func besideReference(path, ref string, before, after map[string]any) error {
	for _, key := range keysOf(before, after) {
		if _, was := before[key]; was || slices.Contains(prose, key) {
			continue
		}
		place := strings.ReplaceAll(strings.TrimPrefix(ref, "#/"), "/", ".")
		return fmt.Errorf("%s.%s stands beside a $ref, where OpenAPI reads nothing but a description: its place is $.%s", path, key, place)
	}
	return nil
}

func fixed(verb, place string) error {
	return fmt.Errorf("it %s %s, on which the gateway's code rests (https://github.com/specgate/specgate/blob/main/docs/overlays.md lists what may change)", verb, place)
}
