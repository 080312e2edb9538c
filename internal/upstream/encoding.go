package upstream

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/specgate/specgate/internal/apierror"
)

// decoded is the body without its content encoding. None is asked for, but some proxies in front of
// backends compress whatever they are asked.
func decoded(header http.Header, body io.Reader) (io.Reader, error) {
	switch encoding := strings.ToLower(header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return &inflated{source: body}, nil
	default:
		return nil, apierror.UpstreamSpent("The backend's answer comes in an encoding that was not asked for.", nil)
	}
}

// inflated opens the gzip stream with the first read, not before: its header may be long in coming.
type inflated struct {
	source io.Reader
	gzip   *gzip.Reader
}

func (r *inflated) Read(p []byte) (int, error) {
	if r.gzip == nil {
		var err error
		if r.gzip, err = gzip.NewReader(r.source); err != nil {
			return 0, fmt.Errorf("open gzip: %w", err)
		}
	}
	return r.gzip.Read(p)
}
