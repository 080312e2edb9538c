package completion

import (
	"net/url"
	"slices"
	"strings"
)

// Tells reports whether a text that the caller chose is, or holds, a token: that which the request shows, or another of
// the gateway's.
func (c *Call) Tells(text string) bool { return c.Discreet(text) != text }

// What is longer is not passed on, for it is looked through before anybody knows who sent it. The W3C asks for no more
// of baggage, and allows half as many members of tracestate.
const (
	longest     = 8192 // bytes
	mostMembers = 64
)

// Harmless is a text that the caller chose, or nothing where it tells a token, or is too long.
func (c *Call) Harmless(text string) string {
	if len(text) > longest || c.Tells(text) {
		return ""
	}
	return text
}

// Members are those of a list that the caller sent, as tracestate and baggage are, with commas between them, that tell
// no token. A token across several of them leaves nothing, nor does a list that is too long.
func (c *Call) Members(list string) string {
	if list == "" || len(list) > longest || strings.Count(list, ",") >= mostMembers {
		return ""
	}
	return c.Harmless(strings.Join(slices.DeleteFunc(strings.Split(list, ","), c.memberTells), ","))
}

// memberTells looks at a member whole and at its value, with what stands behind a ; and without, and at each as it is and
// as a URL would have it: of some tokens only the hash is known, and they are found where they stand by themselves.
func (c *Call) memberTells(member string) bool {
	_, value, _ := strings.Cut(member, "=")
	bare, _, _ := strings.Cut(value, ";")
	for _, text := range []string{member, value, bare} {
		text = strings.TrimSpace(text)
		plain, err := url.PathUnescape(text)
		if c.Tells(text) || err == nil && plain != text && c.Tells(plain) {
			return true
		}
	}
	return false
}
