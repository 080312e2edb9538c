// Package quiet turns the log of the standard library off, which is for none of what this program says: others' packages
// repeat there, to the byte, what a backend sends unasked, and variables that are none of ours to judge.
//
// It does so before they are initialized, where some begin to speak: of packages whose imports are ready the first by its
// path comes first, so that this one may import nothing but what they need too.
package quiet

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
