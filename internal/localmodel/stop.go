package localmodel

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// gate holds text back for as long as it may be the beginning of a stop.
type gate struct {
	stops []string // none of them empty
	held  []cluster
	text  string // of held
}

// push takes the next cluster and returns what is now known to belong to the text. stopped is whether
// a stop has come: the text ends before it.
func (g *gate) push(c cluster) (free []cluster, stopped bool) {
	if len(g.stops) == 0 {
		return []cluster{c}, false
	}
	g.held = append(g.held, c)
	g.text += c.text
	if at := g.find(); at >= 0 {
		return cutBefore(g.held, at), true
	}
	settled := len(g.text) - g.begun()
	for len(g.held) > 0 && len(g.held[0].text) <= settled {
		n := len(g.held[0].text)
		settled -= n
		free, g.held, g.text = append(free, g.held[0]), g.held[1:], g.text[n:]
	}
	return free, false
}

// flush returns what is held, at an end that is no stop.
func (g *gate) flush() []cluster { return g.held }

// find is where the first stop begins; -1 where there is none.
func (g *gate) find() int {
	first := -1
	for _, stop := range g.stops {
		if at := strings.Index(g.text, stop); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

// begun is the length of the longest end of the text with which a stop begins.
func (g *gate) begun() int {
	most := 0
	for _, stop := range g.stops {
		for n := min(len(stop)-1, len(g.text)); n > most; n-- {
			if strings.HasSuffix(g.text, stop[:n]) {
				most = n
			}
		}
	}
	return most
}

// cutBefore is what stands before a byte of some clusters' text. A token that the cut goes through
// stays.
func cutBefore(all []cluster, at int) []cluster {
	for i, c := range all {
		if at >= len(c.text) {
			at -= len(c.text)
			continue
		}
		if at == 0 {
			return all[:i]
		}
		c.text, c.cut = c.text[:at], true
		end := c.tokens[0].offset + utf8.RuneCountInString(c.text)
		past := func(t scored) bool { return t.offset >= end }
		if i := slices.IndexFunc(c.tokens, past); i >= 0 {
			c.tokens = c.tokens[:i]
		}
		return append(all[:i:i], c)
	}
	return all
}
