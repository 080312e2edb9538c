//go:build !unix || solaris || aix

package usage

import (
	"errors"
	"os"
)

var errLocked = errors.New("locked by another process")

// lock cannot tell whether another process has the file, so that there is no spool on disk.
func lock(*os.File) error { return errors.ErrUnsupported }
