package check

import (
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
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

// within finds links to files of the repository, without what they name in them.
var within = regexp.MustCompile(`\]\(([^)#:\s]+)[)#]`)

// The pages of an archive lead to what is in it, or to source, of which an archive has none. make release-check
// looks again, at the archives themselves.
func TestArchivesHoldWhatTheirPagesLeadTo(t *testing.T) {
	sources := archived(t)
	followed := 0
	for _, page := range archivedPages(t) {
		for _, found := range within.FindAllStringSubmatch(read(t, filepath.Join("../..", page)), -1) {
			followed++
			if to := path.Join(path.Dir(page), found[1]); to != "gen/client" && !strings.HasPrefix(to, ".github/") && !inArchives(sources, to) {
				t.Errorf("%s leads to %s, which archives do not have", page, to)
			}
		}
	}
	if followed < 150 {
		t.Errorf("only %d links were found", followed)
	}
}

// archived are the files and folders that an archive is made of.
func archived(t *testing.T) (sources []string) {
	t.Helper()
	var settings struct {
		Archives []struct{ Files []struct{ Src string } }
	}
	if err := yaml.Unmarshal([]byte(read(t, "../../.goreleaser.yaml")), &settings); err != nil || len(settings.Archives) != 1 {
		t.Fatalf("%v: %+v", err, settings)
	}
	for _, file := range settings.Archives[0].Files {
		found, err := filepath.Glob(filepath.Join("../..", file.Src))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v %v", file.Src, found, err)
		}
		for _, one := range found {
			sources = append(sources, inRepository(one))
		}
	}
	return sources
}

func archivedPages(t *testing.T) []string {
	t.Helper()
	pages := []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
	err := filepath.WalkDir("../../docs", func(file string, _ fs.DirEntry, err error) error {
		if filepath.Ext(file) == ".md" {
			pages = append(pages, inRepository(file))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// inRepository is the path of a file from the repository's root on.
func inRepository(file string) string { return strings.TrimPrefix(filepath.ToSlash(file), "../../") }

// inArchives tells whether a file is in an archive, or a folder of which something is.
func inArchives(sources []string, file string) bool {
	return slices.ContainsFunc(sources, func(source string) bool {
		return file == "." || file == source || strings.HasPrefix(file, source+"/") || strings.HasPrefix(source, file+"/")
	})
}
