package meter

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/rawjson"
)

// stream counts the chunks of a stream as they pass.
type stream struct {
	completion.Stream
	job    *job
	hides  bool // whether the caller did not ask for the usage
	used   completion.Tokens
	whole  bool  // whether used is the backend's last word: nothing was generated after it that counts
	since  texts // that came after the backend had last counted what is generated
	closed bool
}

var (
	_ completion.Stream  = (*stream)(nil)
	_ completion.Waiting = (*stream)(nil)
)

// Next gives the next chunk that is for the caller. What was used is settled and recorded before the end is
// told, so that the caller's next request finds it so.
func (s *stream) Next() ([]byte, error) {
	for {
		chunk, err := s.Stream.Next()
		if err != nil {
			s.whole = s.whole || errors.Is(err, io.EOF)
			s.settle()
			if errors.Is(err, io.EOF) {
				s.job.answered()
			}
			return nil, err
		}
		if !s.job.reads {
			s.note()
			return chunk, nil
		}
		if s.read(chunk) {
			return chunk, nil
		}
	}
}

// BeforeWait has f called before the backend is waited for; see completion.Waiting.
func (s *stream) BeforeWait(f func()) bool { return completion.BeforeWait(s.Stream, f) }

// Close gives the backend up. A caller who has left pays for what was generated for him.
func (s *stream) Close() error {
	err := s.Stream.Close()
	s.settle()
	if !s.closed {
		s.closed = true
		s.job.meter.streams.Add(-1)
	}
	return err
}

func (s *stream) settle() {
	switch {
	case !s.job.reads:
		s.job.end(completion.Tokens{})
	case s.used.Reported && s.whole:
		s.job.end(s.used)
	default:
		s.job.end(s.job.ofStream(s.used, &s.since))
	}
}

var usageKey = []byte(`"usage"`)

// read counts a chunk, and reports whether it is for the caller.
func (s *stream) read(chunk []byte) bool {
	if bytes.Contains(chunk, usageKey) {
		used, ok := usageIn(chunk)
		if ok {
			s.used = used
		}
		if isUsage(chunk) {
			s.whole = true
			return !s.hides
		}
		if ok && used.Completion > 0 { // the chunk's own text among it
			s.whole, s.since = false, texts{}
			s.note()
			return true
		}
	}
	s.whole = false
	s.note()
	s.since.add(chunk)
	return true
}

// note notes when the first chunk came.
func (s *stream) note() {
	if s.job.call.FirstToken.IsZero() {
		s.job.call.FirstToken = time.Now()
	}
}

// isUsage reports whether a chunk holds no choice: it is there for its usage.
func isUsage(chunk []byte) bool {
	for range rawjson.Items(part(chunk, rawjson.Find(chunk, "choices"))) {
		return false
	}
	return true
}
