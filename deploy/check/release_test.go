package check

import (
	"strings"
	"testing"
)

// What may write a release is handed to the steps that publish one, and to none that runs what others have written.
func TestReleaseTokenIsWhereItIsNeeded(t *testing.T) {
	release := workflows(t)["release.yml"]
	job := release.Jobs["release"]
	shown := func(env map[string]string) bool {
		for _, value := range env {
			if strings.Contains(value, "github.token") || strings.Contains(value, "secrets.") {
				return true
			}
		}
		return false
	}
	if shown(release.Env) || shown(job.Env) || len(job.Steps) < 5 {
		t.Errorf("all of %d steps have a token: %v %v", len(job.Steps), release.Env, job.Env)
	}
	for _, s := range job.Steps {
		publishes := s.Run == "make release" || strings.HasPrefix(s.Run, "make push-") || strings.Contains(s.Run, "login") || strings.HasPrefix(s.Run, "gh ")
		if shown(s.Env) != publishes {
			t.Errorf("it publishes: %v, it has a token: %v: %s", publishes, shown(s.Env), s.Run)
		}
		if strings.Contains(s.Run, "docker buildx build") && !strings.Contains(s.Run, "cp LICENSE docs/licences.txt dist/image") {
			t.Error("the image is built without its licences")
		}
	}
}
