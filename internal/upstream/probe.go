package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/specgate/specgate/internal/apierror"
)

var errIll = errors.New("the backend answered with a status of 5xx")

// Probe asks for a path below the base URL, which may have a query, and fails where no answer comes or
// one with a status of 500 or more. Any other status is that of a server which is there: whether it has the path, and takes the key, is
// not what is asked.
func (c *Client) Probe(ctx context.Context, path string) error {
	path, query, _ := strings.Cut(path, "?")
	at := c.options.BaseURL.JoinPath(path)
	if query != "" {
		at.RawQuery = query
	}
	x, err := c.open(ctx, call{method: http.MethodGet, url: at, accept: jsonType})
	if err != nil {
		return err
	}
	defer x.close()
	if x.response.StatusCode >= http.StatusInternalServerError {
		return apierror.Upstream("The backend is not well.", errIll)
	}
	// Read to its end, the connection can be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(reading{x}, maxRefusal))
	return nil
}
