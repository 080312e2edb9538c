package apierror

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// Panic is a bug that broke an operation off. It tells where, and of the value only the type: the
// rest may be a caller's.
type Panic struct{ value, at string }

func (p *Panic) Error() string { return "panic with " + p.value + " at " + p.at }

// Recovered is the error of a panic whose value is v: Internal, with a *Panic for its cause. It is
// called by the deferred function that has recovered it.
func Recovered(v any) *Error { return Internal(&Panic{value: fmt.Sprintf("%T", v), at: frames()}) }

// frames names the innermost functions of a panic, as file:line.
func frames() string {
	const most, skip = 8, 5 // this function, its callers down to the deferred one, the runtime's own
	var pcs [most]uintptr
	var at []string
	for in := runtime.CallersFrames(pcs[:runtime.Callers(skip, pcs[:])]); ; {
		frame, more := in.Next()
		at = append(at, fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line))
		if !more {
			return strings.Join(at, " < ")
		}
	}
}
