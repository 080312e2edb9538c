package upstream

import (
	"errors"
	"strings"

	"github.com/specgate/specgate/internal/apierror"
)

// discreet takes the gateway's own key out of what a backend says: some quote the key that they were
// called with.
func (c *Client) discreet(err error) error {
	var e *apierror.Error
	key := c.options.APIKey
	if key == "" || !errors.As(err, &e) || !e.Quoted {
		return err
	}
	told := *e
	for _, words := range []*string{&told.Message, &told.Param, &told.Code, &told.Type} {
		*words = strings.ReplaceAll(*words, key, "[redacted]")
	}
	return &told
}
