package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// unknown says what may have been meant by a setting that does not exist: the message, and the
// setting where there is one that it comes near.
func unknown(path, name string, section []field) (message, meant string) {
	known := make([]string, len(section))
	for i, f := range section {
		known[i] = f.name
	}
	if near := Nearest(name, known); near != "" {
		meant = join(strings.TrimSuffix(strings.TrimSuffix(path, name), "."), near)
		return fmt.Sprintf("is not a setting; did you mean %s?", meant), meant
	}
	if elsewhere := namesake(name); elsewhere != "" && !begun(name, known) {
		return fmt.Sprintf("is not a setting; did you mean %s?", elsewhere), ""
	}
	return "is not a setting; known here: " + strings.Join(known, ", "), ""
}

// begun reports whether any of those known begins with the words of a name, as tokens_per_day does with tokens: which of
// them is meant cannot be told, but hardly a setting elsewhere.
func begun(name string, known []string) bool {
	return slices.ContainsFunc(known, func(one string) bool { return strings.HasPrefix(one, name+"_") })
}

// Nearest is the one of those known that a name was most likely meant to be, or empty. A third of the
// letters may be wrong: more, and the guess would be no help.
func Nearest(name string, known []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, one := range known {
		if d := distance(plain(name), plain(one)); d < least {
			best, least = one, d
		}
	}
	return best
}

// plain takes away the ways of writing a name: maxConcurrent, max-concurrent, MAX_CONCURRENT.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(name))
}

// namesake is a setting of the same name in another section, or empty.
func namesake(name string) string {
	found := ""
	walk(sample(), "", func(path string, f field, _ reflect.Value) {
		if found == "" && plain(f.name) == plain(name) {
			found = strings.ReplaceAll(path, "[0]", "[]")
		}
	})
	return found
}

// distance is how many letters must be added, removed or replaced to make b from a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
