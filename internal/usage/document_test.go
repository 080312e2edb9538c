package usage

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every field of a record comes back from what is written of it, whatever it holds, and no field is left out.
func TestDocument(t *testing.T) {
	t.Parallel()
	texts := []string{"", "plain", `"quoted" \ and </script>`, "\x01\n\t\x7f", "ünïcødé 😀\u2028", "\xff\xfe"}
	for i, text := range texts {
		var r Record
		for f := range reflect.ValueOf(&r).Elem().NumField() {
			switch field := reflect.ValueOf(&r).Elem().Field(f); field.Kind() {
			case reflect.String:
				field.SetString(text)
			case reflect.Bool:
				field.SetBool(i%2 == 1)
			default:
				field.SetInt(int64(i) * int64(f-9) << 40)
			}
		}
		var got, want Record
		slow, err := json.Marshal(r)
		if err == nil {
			err = json.Unmarshal(slow, &want)
		}
		if err == nil {
			err = json.Unmarshal(r.AppendJSON(nil), &got)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got)\n%s", text, err, diff)
		}
	}
	if text := string((&Record{}).AppendJSON([]byte("x"))); text != "x{}" {
		t.Errorf("of nothing: %s", text)
	}
}
