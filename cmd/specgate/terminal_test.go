//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// newTerminal is a terminal: what a window has of it, and what a program has.
func newTerminal(t *testing.T) (window, inside *os.File) {
	t.Helper()
	window, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	t.Cleanup(func() { _ = window.Close() })
	if err := unix.IoctlSetPointerInt(int(window.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(window.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return window, inside
}

// A gateway that was started in a window reads its settings at SIGHUP, and ends when the window is closed.
func TestReloadIsNotForAClosedTerminal(t *testing.T) {
	t.Parallel()
	window, inside := newTerminal(t)
	g := startChangingBy(t, func(cmd *exec.Cmd) {
		cmd.Stdin, cmd.SysProcAttr = inside, &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}, "")
	_ = inside.Close()
	g.change("retry: {attempts: 4}")
	_ = window.Close()
	if code := g.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
