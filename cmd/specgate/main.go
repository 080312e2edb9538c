// Command specgate is the gateway: its commands are wired here, and nothing is decided here.
package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	_ "github.com/specgate/specgate/internal/quiet" // before all others
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	last := &lastWords{}
	ctx := interruptible(context.Background(), signals, func() {
		_, _ = os.Stderr.WriteString("specgate: ended by a second signal; what was running is cut off\n")
		last.say()
		os.Exit(exitFailure)
	})
	code := run(ctx, os.Args[1:], terminal{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, environ: os.Environ, last: last})
	last.hear()
	os.Exit(code)
}

// lastWords are what a process does before it is cut off by a second signal; it must not take long. Nil is a process
// that has none.
type lastWords struct {
	words  atomic.Pointer[func()]
	saying sync.Mutex // from the first of them on, for ever
}

func (l *lastWords) are(words func()) {
	if l != nil {
		l.words.Store(&words)
	}
}

// say says them. The process is to end then, and not otherwise.
func (l *lastWords) say() {
	l.saying.Lock()
	if words := l.words.Load(); words != nil {
		(*words)()
	}
}

// hear does not return where they are being said.
func (l *lastWords) hear() { l.saying.Lock() }

// interruptible is ctx until the first of signals, which is the request to stop. The second is from
// somebody who will not wait, and calls end.
func interruptible(ctx context.Context, signals <-chan os.Signal, end func()) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // lives as long as the process
		<-signals
		cancel()
		<-signals
		end()
	}()
	return ctx
}
