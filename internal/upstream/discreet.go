package upstream

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/specgate/specgate/internal/apierror"
)

// keyLike is what no part of a path is called, but where it is a key or an account.
var keyLike = regexp.MustCompile(`[A-Za-z0-9]{12,}`)

// shortest is how long a path has to be to be looked for within what a backend says: /v1 and /api are in many links.
const shortest = 8

// public is a part of a path that many services have, and of which whole ones tell nothing of a deployment: /openai/v1 is
// Azure's and Groq's, /v1beta/openai Google's, /inference/v1 Fireworks', /compatible-mode/v1 DashScope's.
var public = regexp.MustCompile(`^(api|compatibility|compatible-mode|inference|openai|v[0-9]{1,2}((alpha|beta)[0-9]?)?)?$`)

// secretsOf is all of what a client was made with that no caller is told, longest first: the gateway's key, the path of
// the base URL, for some services have a key or an account in it, and what in that looks like one. One word that is not
// public hides all of the path: it may be how a team, a proxy or a model is called inside.
func secretsOf(o Options) []string {
	var all []string
	for _, path := range []string{o.BaseURL.Path, o.BaseURL.EscapedPath()} {
		hidden := func(part string) bool { return !public.MatchString(part) }
		if len(path) >= shortest && slices.ContainsFunc(strings.Split(path, "/"), hidden) {
			all = append(all, strings.TrimRight(path, "/"))
		}
		for part := range strings.SplitSeq(path, "/") {
			if strings.ContainsAny(strings.Join(keyLike.FindAllString(part, -1), ""), "0123456789") {
				all = append(all, part)
			}
		}
	}
	if o.APIKey != "" {
		all = append(all, o.APIKey)
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// discreet takes the client's secrets out of what a backend says: some quote the key that they were called with,
// or the path.
func (c *Client) discreet(err error) error {
	var e *apierror.Error
	if len(c.secrets) == 0 || !errors.As(err, &e) || !e.Quoted {
		return err
	}
	told := *e
	for _, words := range []*string{&told.Message, &told.Param, &told.Code, &told.Type} {
		for _, secret := range c.secrets {
			*words = strings.ReplaceAll(*words, secret, "[redacted]")
		}
	}
	return &told
}
