package rawjson_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/rawjson"
)

func TestMembers(t *testing.T) {
	const raw = " {\n\"a\" : [1, {\"b\":\"}\"}] ,\"\\u0062\":\"\\\"]\" , \"c\":1e2,\"d\":{ }}\n"
	got := map[string]string{}
	for name, at := range rawjson.Members([]byte(raw)) {
		got[string(name)] = raw[at.Start:at.End]
	}
	want := map[string]string{"a": `[1, {"b":"}"}]`, "b": `"\"]"`, "c": "1e2", "d": "{ }"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if at := rawjson.Find([]byte(raw), "b"); raw[at.Start:at.End] != `"\"]"` {
		t.Errorf("found %v", at)
	}
	if at := rawjson.Find([]byte(raw), "e"); at != (rawjson.Span{}) {
		t.Errorf("found %v", at)
	}
}

func TestItems(t *testing.T) {
	for raw, want := range map[string][]string{
		` [ ]`: nil, `["a, b" , [1,2],null,-1.5]`: {`"a, b"`, `[1,2]`, "null", "-1.5"},
		`"[1]"`: nil, `{"a":[1]}`: nil, "null": nil, "": nil,
	} {
		var got []string
		for at := range rawjson.Items([]byte(raw)) {
			got = append(got, raw[at.Start:at.End])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", raw, diff)
		}
	}
}

func TestApply(t *testing.T) {
	raw := []byte(`{"a":1,"b":[ 2 ],"c":3}`)
	got := rawjson.Apply(raw,
		rawjson.Patch{At: rawjson.Find(raw, "c"), With: []byte("null")},
		rawjson.Patch{At: rawjson.Find(raw, "a"), With: []byte(`"long"`)},
	)
	if string(got) != `{"a":"long","b":[ 2 ],"c":null}` || string(raw) != `{"a":1,"b":[ 2 ],"c":3}` {
		t.Errorf("got %s of %s", got, raw)
	}
}

// FuzzWalk holds the walk against encoding/json: the same items and members, and no panic.
func FuzzWalk(f *testing.F) {
	for _, seed := range []string{` {"a" : [1, {"b":"}"}] ,"\u0062":"\"]" }`, `[[],{},"\\"]`, `null`, ` [ 1e5 ,true] `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) == nil {
			i := 0
			for at := range rawjson.Items(raw) {
				if string(items[i]) != string(raw[at.Start:at.End]) {
					t.Fatalf("item %d of %q is %q", i, raw, raw[at.Start:at.End])
				}
				i++
			}
			if i != len(items) {
				t.Fatalf("%d items in %q", i, raw)
			}
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) == nil {
			got := map[string]json.RawMessage{}
			for name, at := range rawjson.Members(raw) {
				got[string(name)] = raw[at.Start:at.End]
			}
			for name := range members {
				if string(got[name]) != string(members[name]) && json.Valid([]byte(`"`+name+`"`)) {
					t.Fatalf("member %q of %q is %q", name, raw, got[name])
				}
			}
		}
	})
}
