package upstream

import (
	"compress/gzip"
	"fmt"
	"io"
	"strings"

	"github.com/specgate/specgate/internal/apierror"
)

// decode takes the content encoding off the body. None is asked for, but some proxies in front of
// backends compress whatever they are asked. Where it fails the status and the headers still count.
func (x *exchange) decode() error {
	switch encoding := strings.ToLower(x.response.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		x.body = reading{x}
	case "gzip", "x-gzip":
		x.body = &inflated{source: reading{x}}
	default:
		return apierror.UpstreamSpent("The backend's answer comes in an encoding that was not asked for.", nil)
	}
	return nil
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
