package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/fakebackend"
)

// A file that is written a hundred times in a row, each time in pieces, costs no request and no process, whatever of it
// is found: what stands there in the end holds soon.
func TestReloadOfAFileThatIsWrittenAgainAndAgain(t *testing.T) {
	t.Parallel()
	b := fakebackend.New(t, fakebackend.JSON(200, answered))
	settings := func(i int) string {
		return inFront("m", "a", b.URL) + fmt.Sprintf("auth: {tokens: [{name: a, token: %s}, {name: b, token: sg-%d}]}\n", testToken, i)
	}
	g := startChanging(t, settings(0))
	stop := g.asking(testToken)
	const times = 100
	for i := range times {
		text := settings(i + 1)
		g.write("specgate.yaml", text[:len(text)*(i%10)/10])
		if i%3 == 0 {
			g.signal(syscall.SIGHUP) // from somebody who is wrong in saying that it is whole
		}
		time.Sleep(time.Duration(i%4) * 5 * time.Millisecond)
		g.write("specgate.yaml", text)
		time.Sleep(time.Duration(i%5) * 5 * time.Millisecond)
	}
	g.awaitToken(fmt.Sprintf("sg-%d", times))
	answers := stop()
	if answers[200] == 0 || len(answers) != 1 {
		t.Errorf("answered %v", answers)
	}
	g.eventually("specgate_config_generations", "1")
	g.mustCount("specgate_config_last_reload_successful", "1")
}

// awaitToken waits until a token of the settings that were written last is accepted.
func (g *changing) awaitToken(token string) {
	g.t.Helper()
	const pause = 10 * time.Millisecond
	for range bounded / pause {
		if g.ask("m", token) == 200 {
			return
		}
		time.Sleep(pause)
	}
	g.t.Fatal("what was written last does not hold")
}

// A thousand signals are a few readings, during which requests are answered; the last of the settings is what holds.
func TestReloadByAThousandSignals(t *testing.T) {
	t.Parallel()
	b := fakebackend.New(t, fakebackend.JSON(200, answered))
	settings := func(i int) string {
		return inFront("m", "a", b.URL) + fmt.Sprintf("reload: {watch: false}\nupstream: {max_event: %d}\nauth: {tokens: [{name: a, token: %s}, {name: b, token: sg-%d}]}\n", 1<<20+i, testToken, i)
	}
	g := startChanging(t, settings(0))
	stop := g.asking(testToken)
	for i := range 1000 {
		if i%50 == 0 {
			g.write("new", settings(i))
			if err := os.Rename(g.dir+"/new", g.file); err != nil {
				t.Fatal(err)
			}
		}
		g.signal(syscall.SIGHUP)
	}
	g.awaitToken("sg-950")
	answers := stop()
	if answers[200] == 0 || len(answers) != 1 {
		t.Errorf("answered %v", answers)
	}
	g.eventually("specgate_config_generations", "1")
	if log := g.log.String(); strings.Contains(log, "refused") {
		t.Error("settings were refused")
	}
}

// Settings whose file is gone are refused by that reason, and looked for again.
func TestReloadOfAFileThatIsGone(t *testing.T) {
	t.Parallel()
	g := startChanging(t, "retry: {attempts: 1}\n")
	if err := os.Remove(g.file); err != nil {
		t.Fatal(err)
	}
	g.reload("refused")
	g.log.await(t, "setting refused", "specgate.yaml", "no such file")
	g.mustCount("specgate_config_last_reload_successful", "0")
	if got := g.ask("specgate-1", testToken); got != 200 {
		t.Errorf("%d", got)
	}
	g.set("retry: {attempts: 2}\n")
	g.awaitRead("taken")
	g.mustCount("specgate_config_last_reload_successful", "1")
}
