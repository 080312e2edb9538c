package fanout

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/specgate/specgate/internal/rawjson"
)

// tally adds up the usage of the parts.
type tally struct {
	sum   []byte
	count int // parts that gave one
}

// add takes in the usage of a part; null and nothing are none.
func (t *tally) add(usage []byte) {
	if isNull(usage) {
		return
	}
	t.count++
	t.sum = add(t.sum, usage)
}

// total is the usage of all parts, null where one of them gave none: the others' is not the whole.
func (t *tally) total(parts int) []byte {
	if t.count < parts {
		return null
	}
	return t.sum
}

// add adds up two values that stand at the same place of two usages. Integers are added, objects
// member by member; of null and something else the something stays, of all others the first.
func add(a, b []byte) []byte {
	switch {
	case isNull(a):
		return bytes.Clone(b)
	case isNull(b):
		return a
	case a[0] == '{' && b[0] == '{':
		return addObjects(a, b)
	}
	x, errX := strconv.ParseInt(string(a), 10, 64)
	y, errY := strconv.ParseInt(string(b), 10, 64)
	if errX != nil || errY != nil {
		return a
	}
	return strconv.AppendInt(nil, sum(x, y), 10)
}

// sum stays at the end of int64 rather than go past it.
func sum(x, y int64) int64 {
	switch {
	case y > 0 && x > math.MaxInt64-y:
		return math.MaxInt64
	case y < 0 && x < math.MinInt64-y:
		return math.MinInt64
	}
	return x + y
}

func addObjects(a, b []byte) []byte {
	var patches []rawjson.Patch
	var more []byte
	for name, at := range rawjson.Members(b) {
		if known := rawjson.Find(a, string(name)); known.End > 0 {
			patches = append(patches, rawjson.Patch{At: known, With: add(part(a, known), part(b, at))})
			continue
		}
		more = append(append(more, ','), member(name, part(b, at))...)
	}
	end := bytes.LastIndexByte(a, '}')
	if len(more) > 0 {
		if len(bytes.TrimSpace(a[1:end])) == 0 {
			more = more[1:]
		}
		patches = append(patches, rawjson.Patch{At: rawjson.Span{Start: end, End: end}, With: more})
	}
	return rawjson.Apply(a, patches...)
}

// member writes a member of an object; name is unescaped.
func member(name, value []byte) []byte {
	key, _ := json.Marshal(string(name)) // a string is always encoded
	return slices.Concat(key, []byte{':'}, value)
}
