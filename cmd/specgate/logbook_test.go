package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// logbook is a log that can be read, and waited for, while it is written.
type logbook struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	written chan struct{} // closed and made anew with every line
}

func newLogbook() *logbook { return &logbook{written: make(chan struct{})} }

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.written)
	l.written = make(chan struct{})
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	text, _ := l.read()
	return text
}

func (l *logbook) read() (text string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String(), l.written
}

// await waits for a line that holds all of the parts, and returns it.
func (l *logbook) await(t *testing.T, parts ...string) string {
	t.Helper()
	timeout := time.After(bounded)
	for {
		text, more := l.read()
	lines:
		for line := range strings.Lines(text) {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue lines
				}
			}
			return line
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("no line with %q in\n%s", parts, text)
		}
	}
}
