package contract

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestEscapedKeys sets keys beside each other of which one, unescaped, reads as another does in its
// escapes.
func TestEscapedKeys(t *testing.T) {
	p, err := compileYAML(t, "{}")
	if err != nil {
		t.Fatal(err)
	}
	pieces := []string{`\"`, `\\`, `\u0022`, `\u005c`, `a`, `b`, `:`, `é`, `\u00e9`, `\n`, `/`, `\/`}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var document strings.Builder
		seen, twice := map[string]bool{}, false
		for i := range 1 + random.IntN(12) {
			key := `"`
			for range random.IntN(4) {
				key += pieces[random.IntN(len(pieces))]
			}
			key += `"`
			var plain string
			if err := json.Unmarshal([]byte(key), &plain); err != nil {
				t.Fatal(err)
			}
			twice = twice || seen[plain]
			seen[plain] = true
			if i > 0 {
				document.WriteByte(',')
			}
			document.WriteString(key + ":0")
		}
		if got := p.Accept([]byte("{"+document.String()+"}"), nil); got == twice {
			t.Fatalf("{%s} is accepted: %v", document.String(), got)
		}
	}
}
