package check

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const repository = "../.."

// workflow is a file of .github/workflows, as far as the rules here need it.
type workflow struct {
	On          map[string]any    `json:"true"` // which `on` is, as YAML 1.1 has it
	Permissions map[string]string `json:"permissions"`
	Env         map[string]string `json:"env"`
	Jobs        map[string]job    `json:"jobs"`
}

type job struct {
	Uses        string            `json:"uses"`
	Needs       string            `json:"needs"`
	Permissions map[string]string `json:"permissions"`
	Env         map[string]string `json:"env"`
	Steps       []step            `json:"steps"`
}

type step struct {
	Uses string            `json:"uses"`
	Run  string            `json:"run"`
	With map[string]any    `json:"with"`
	Env  map[string]string `json:"env"`
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob(repository + "/.github/workflows/*.yml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v: %v", files, err)
	}
	all := map[string]workflow{}
	for _, file := range files {
		var w workflow
		if err := yaml.Unmarshal([]byte(read(t, file)), &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = w
	}
	return all
}

// runs are the commands of all steps of all jobs, and what is handed to actions.
func (w workflow) runs() string {
	var all strings.Builder
	for _, j := range w.Jobs {
		for _, s := range j.Steps {
			fmt.Fprintln(&all, s.Run)
			for _, value := range s.With {
				fmt.Fprintln(&all, value)
			}
		}
	}
	return all.String()
}

// uses are the actions and workflows that it is made of.
func (w workflow) uses() (all []string) {
	for _, j := range w.Jobs {
		all = append(all, j.Uses)
		for _, s := range j.Steps {
			all = append(all, s.Uses)
		}
	}
	return all
}

var (
	makes      = regexp.MustCompile(`\bmake +([^\n;&|]+)`)
	assigned   = regexp.MustCompile(`(?m)^([A-Z_]+) *[:?]?= *(.*)$`)
	variable   = regexp.MustCompile(`\$\(([A-Z_]+)\)`)
	target     = regexp.MustCompile(`(?m)^([a-zA-Z0-9/._-]+):[^=]`)
	output     = regexp.MustCompile(`-o (?:\$\(abspath )?(bin/[a-z0-9-]+)`)
	inBin      = regexp.MustCompile(`(?:^|[\s"'=])(bin/[a-zA-Z0-9._-]+)`)
	ownScripts = regexp.MustCompile(`\.ci/[a-z0-9._-]+`)
)

// makefile is the Makefile with its variables put in.
func makefile(t *testing.T) string {
	t.Helper()
	text := read(t, repository+"/Makefile")
	values := map[string]string{}
	for _, m := range assigned.FindAllStringSubmatch(text, -1) {
		values[m[1]] = m[2]
	}
	return variable.ReplaceAllStringFunc(text, func(use string) string {
		if value, ok := values[use[2:len(use)-1]]; ok {
			return value
		}
		return use
	})
}

// What workflows run is there: targets of the Makefile, what these leave in bin, scripts, actions.
func TestWorkflowsRunWhatIsThere(t *testing.T) {
	text := makefile(t)
	var targets, made []string
	for _, m := range target.FindAllStringSubmatch(text, -1) {
		targets = append(targets, m[1])
	}
	for _, m := range output.FindAllStringSubmatch(text, -1) {
		made = append(made, m[1])
	}
	looked := 0
	for name, w := range workflows(t) {
		for _, m := range makes.FindAllStringSubmatch(w.runs(), -1) {
			for word := range strings.FieldsSeq(m[1]) {
				if looked++; !strings.Contains(word, "=") && !slices.Contains(targets, word) {
					t.Errorf("%s makes %s, of which the Makefile has no rule", name, word)
				}
			}
		}
		for _, m := range inBin.FindAllStringSubmatch(w.runs(), -1) {
			if looked++; !slices.Contains(targets, m[1]) && !slices.Contains(made, m[1]) {
				t.Errorf("%s runs %s, which the Makefile does not make", name, m[1])
			}
		}
		for _, script := range ownScripts.FindAllString(w.runs(), -1) {
			if info, err := os.Stat(filepath.Join(repository, script)); err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%s runs %s, which cannot be: %v", name, script, err)
			}
		}
		for _, used := range w.uses() {
			if own, ok := strings.CutPrefix(used, "./"); ok && !there(filepath.Join(repository, own)) {
				t.Errorf("%s uses %s, which is not there", name, used)
			}
		}
	}
	if looked < 30 {
		t.Errorf("only %d were found", looked)
	}
}

// Nothing but the job that releases may write, and no step after a checkout finds its token in .git/config.
func TestWorkflowsMayDoLittle(t *testing.T) {
	for name, w := range workflows(t) {
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s may %v", name, w.Permissions)
		}
		for id, j := range w.Jobs {
			if len(j.Permissions) > 0 && name+" "+id != "release.yml release" {
				t.Errorf("%s: %s may %v", name, id, j.Permissions)
			}
			for _, s := range j.Steps {
				if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
					t.Errorf("%s: %s keeps the token of its checkout", name, id)
				}
			}
		}
	}
}

// A tag is released once all that a change has to pass has passed for its commit.
func TestReleaseWaitsForTheChecks(t *testing.T) {
	all := workflows(t)
	release := all["release.yml"]
	if needs := release.Jobs["release"].Needs; release.Jobs[needs].Uses != "./.github/workflows/ci.yml" {
		t.Errorf("it waits for %q, which is not ci.yml", needs)
	}
	ci := all["ci.yml"]
	for _, event := range []string{"pull_request", "workflow_call"} {
		if _, ok := ci.On[event]; !ok {
			t.Errorf("ci.yml does not run on %s", event)
		}
	}
	for _, check := range []string{".ci/run", "make test-browser", "make test-deploy", "make security", "make breaking"} {
		if !strings.Contains(ci.runs(), check) {
			t.Errorf("ci.yml does not run %s", check)
		}
	}
	if !strings.Contains(read(t, repository+"/.ci/run"), "\nmake check\n") {
		t.Error(".ci/run does not make check")
	}
}
