package completion_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/completion"
)

// As many members are looked at as may be, and a longer list is not passed on: what it costs to look is paid for whoever
// sends it.
func TestMembersAreBounded(t *testing.T) {
	t.Parallel()
	var call completion.Call
	for list, passed := range map[string]bool{
		strings.Repeat("a=1,", 63) + "a=1": true, strings.Repeat("a=1,", 64) + "a=1": false, strings.Repeat(",", 8000): false,
		strings.Repeat("a", 8192): true, strings.Repeat("a", 8193): false,
	} {
		if got := call.Members(list); got != map[bool]string{true: list}[passed] {
			t.Errorf("%d bytes, %d commas: %q", len(list), strings.Count(list, ","), got)
		}
	}
	if call.Harmless(strings.Repeat("a", 8192)) == "" || call.Harmless(strings.Repeat("a", 8193)) != "" {
		t.Error("the bound is another for one text")
	}
}

// Of a list go those members that tell a token, in whichever way, and no others.
func TestMembersTellNoToken(t *testing.T) {
	t.Parallel()
	const own, plain, short, hashed = "the-own/token=1", "of-the,settings", "ab", "known-by-its-hash"
	call := &completion.Call{Token: own, Secrets: &completion.Secrets{Plain: []string{plain, short}, Hashes: [][sha256.Size]byte{sha256.Sum256([]byte(hashed))}}}
	managed := "sg-" + strings.Repeat("a2", 38)
	for list, want := range map[string]string{
		"": "", "a=1": "a=1", "a=1, b=2;c=3,,d": "a=1, b=2;c=3,,d", "a=%zz": "a=%zz", "a=abc": "a=abc",
		"a=" + own: "", "a=1,b=x" + own + "y,c=3": "a=1,c=3", "a=the-own%2Ftoken%3D1,b=2": "b=2", own + "=1,b=2": "b=2",
		"a=" + short + ",b=2": "b=2", "a= " + short + ";p=1,b=2": "b=2",
		"a=" + hashed + ",b=2": "b=2", "a=" + hashed + ";p=1,b=2": "b=2", "a=known%2dby-its-hash,b=2": "b=2",
		"a=" + managed + ",b=2": "b=2", "a=" + plain + ",c=3": "",
	} {
		if got := call.Members(list); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}
