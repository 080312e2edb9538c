package tracing

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// busy is an endpoint that may take the same later.
type busy struct {
	cause error
	wait  time.Duration // that it asks for
}

func (b *busy) Error() string { return b.cause.Error() }

func (b *busy) Unwrap() error { return b.cause }

// rejection is an endpoint that took all but some spans.
type rejection struct{ spans int64 }

func (r rejection) Error() string { return fmt.Sprintf("the endpoint rejected %d spans", r.spans) }

// outcome is what the answer to a batch says.
func outcome(answer *http.Response) error {
	const most = 64 << 10
	said, _ := io.ReadAll(io.LimitReader(answer.Body, most)) // and the connection can be used again
	failed := fmt.Errorf("the endpoint answered with status %d", answer.StatusCode)
	switch answer.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		if n := rejected(said); n > 0 {
			return rejection{n}
		}
		return nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &busy{failed, retryAfter(answer.Header.Get("Retry-After"))}
	default:
		return failed
	}
}

// retryAfter is the time that is to be waited; 0 where none is named.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 && seconds < 1e6 {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, time.Until(at))
}

// rejected is partial_success.rejected_spans of an ExportTraceServiceResponse; 0 where there is none.
func rejected(said []byte) int64 {
	partial, _ := protoField(said, 1, protowire.BytesType)
	_, n := protoField(partial, 1, protowire.VarintType)
	return int64(n)
}

// protoField finds a field of a message, which is bytes or a number.
func protoField(message []byte, number protowire.Number, kind protowire.Type) (text []byte, value uint64) {
	for len(message) > 0 {
		found, of, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, 0
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(found, of, message)
		switch {
		case size < 0:
			return nil, 0
		case found != number || of != kind:
		case of == protowire.BytesType:
			text, _ = protowire.ConsumeBytes(message)
			return text, 0
		default:
			value, _ = protowire.ConsumeVarint(message)
			return nil, value
		}
		message = message[size:]
	}
	return nil, 0
}
