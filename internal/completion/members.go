package completion

import (
	"net/url"
	"slices"
	"strings"
)

// Tells reports whether a text that the caller chose is, or holds, a token: that which the request shows, or another of
// the gateway's.
func (c *Call) Tells(text string) bool { return c.Discreet(text) != text }

// Harmless is a text that the caller chose, or nothing where it tells a token.
func (c *Call) Harmless(text string) string {
	if c.Tells(text) {
		return ""
	}
	return text
}

// A longer list is not passed on. The W3C asks for no more of baggage, and allows no more than half as many members of
// tracestate; each is looked at before anybody knows who sent it.
const (
	mostMembers = 64
	longestList = 8192 // bytes
)

// Members are those of a list that the caller sent, as tracestate and baggage are, with commas between them, that tell
// no token. A token across several of them leaves nothing, nor does a list that is too long.
func (c *Call) Members(list string) string {
	if list == "" || len(list) > longestList || strings.Count(list, ",") >= mostMembers {
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
