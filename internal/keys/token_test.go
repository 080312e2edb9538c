package keys_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/keys"
)

func TestTokenIsReadAgain(t *testing.T) {
	id := keys.NewID()
	token, hash := keys.NewSecret(id)
	got, ok := keys.ParseToken(token)
	if !ok || got.ID != id || got.Hash != hash {
		t.Errorf("%q was read as %v, %v", token, got, ok)
	}
	secret := token[len("sg-")+len(id)+1 : len(token)-7]
	if hash != sha256.Sum256([]byte(secret)) {
		t.Error("what is kept is not the SHA-256 of the secret")
	}
}

// A letter that was mistyped, left out or swapped is refused before anybody looks for a key.
func TestTokenMistyped(t *testing.T) {
	token, _ := keys.NewSecret(keys.NewID())
	for i := range len(token) {
		other := byte('q')
		if token[i] == other {
			other = 'r'
		}
		for _, bad := range []string{
			token[:i] + string(other) + token[i+1:],
			token[:i] + token[i+1:],
			token[:i] + strings.ToUpper(token[i:i+1]) + token[i+1:],
		} {
			if _, ok := keys.ParseToken(bad); ok && bad != token {
				t.Errorf("%q is taken for a token", bad)
			}
		}
	}
}

func FuzzParseToken(f *testing.F) {
	token, _ := keys.NewSecret(keys.NewID())
	f.Add(token)
	f.Add("")
	f.Add("sg-" + strings.Repeat("a", 76))
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := keys.ParseToken(text); ok && !strings.HasPrefix(text, "sg-"+got.ID+"-") {
			t.Errorf("%q is read as the token of %q", text, got.ID)
		}
	})
}

func TestNames(t *testing.T) {
	for name, okay := range map[string]bool{
		"search": true, "Suche für Bücher": true, "'; DROP TABLE keys; --": true,
		"": false, " ": false, " a": false, "a\n": false, "\x1b[31mred": false, "\xff": false, "a\u202eb": false, "sg-x": false, "abcdefghijklmnop": false, "abcdefghijklmnopq": true, "production-batch": true,
		strings.Repeat("ä", 64): true, strings.Repeat("ä", 65): false,
	} {
		if err := keys.CheckKeyName(name); (err == nil) != okay {
			t.Errorf("%q: %v", name, err)
		}
	}
	for pattern, okay := range map[string]bool{"*": true, "llama3.1:*": true, "": false, "a**": false, "a\x00": false, strings.Repeat("a", 257): false} {
		if err := keys.CheckModels([]string{pattern}); (err == nil) != okay {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}
