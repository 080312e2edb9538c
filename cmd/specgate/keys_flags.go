package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
)

// keyFlags are what a key is made with, and what can be changed of it.
type keyFlags struct {
	cmd                     *cobra.Command
	name, description       *string
	projects, models        *[]string
	defaultProject, expires *string
	allProjects, allModels  *bool
	limit                   func(*keys.Key) error
}

func newKeyFlags(cmd *cobra.Command) keyFlags {
	f := cmd.Flags()
	limit := limitFlags(cmd)
	return keyFlags{
		cmd:            cmd,
		name:           f.String("name", "", "`name`, which the log has"),
		description:    f.String("description", "", "`text` on what it is for"),
		projects:       f.StringArray("project", nil, "`project` that it may be used in, by id or name; may be given more than once; none is every project"),
		defaultProject: f.String("default-project", "", "`project` of requests that name none; the first of --project, or the organization's default"),
		models:         f.StringArray("model", nil, "`pattern` of models that it may use, in which * stands for any characters; may be given more than once; none is all"),
		allProjects:    f.Bool("all-projects", false, "let it be used in every project of its organization, later ones too"),
		allModels:      f.Bool("all-models", false, "let it use every model"),
		expires:        f.String("expires", "", "`when` it ends: a time from now (90d, 12h), or a date (2027-01-31, 2027-01-31T12:00:00Z); never ends nothing"),
		limit:          func(k *keys.Key) error { return limit(&k.Limits) },
	}
}

// check refuses flags that say two things, or nothing.
func (f keyFlags) check() error {
	set := f.cmd.Flags().Changed
	switch {
	case *f.allProjects && set("project"):
		return usageError{errors.New("--all-projects and --project cannot be given both")}
	case *f.allModels && set("model"):
		return usageError{errors.New("--all-models and --model cannot be given both")}
	case slices.Contains(*f.projects, ""):
		return usageError{errors.New("--project is empty: name a project, or give --all-projects")}
	case slices.Contains(*f.models, ""):
		return usageError{errors.New("--model is empty: give a pattern, or --all-models")}
	case set("default-project") && *f.defaultProject == "":
		return usageError{errors.New("--default-project is empty: name a project")}
	default:
		return nil
	}
}

// plain sets what was given and needs no store.
func (f keyFlags) plain(k *keys.Key) error {
	set := f.cmd.Flags().Changed
	var problems []error
	if set("name") {
		k.Name = *f.name
		problems = append(problems, keys.CheckKeyName(k.Name))
	}
	if set("description") {
		k.Description = *f.description
		problems = append(problems, keys.CheckDescription(k.Description))
	}
	if set("model") || *f.allModels {
		k.Models = *f.models
		problems = append(problems, keys.CheckModels(k.Models))
	}
	if set("expires") {
		at, err := parseExpiry(*f.expires, time.Now())
		problems = append(problems, err)
		k.Expires = at
	}
	return errors.Join(append(problems, f.limit(k))...)
}

// in sets the projects that were given, of the key's organization.
func (f keyFlags) in(find store.Projects, k *keys.Key) error {
	if err := f.only(find, k); err != nil {
		return err
	}
	switch {
	case *f.defaultProject != "" || k.EveryProject && k.DefaultProject == "":
		p, err := find(*f.defaultProject)
		if err != nil {
			return err
		}
		k.DefaultProject = p.ID
	case !k.MayUseProject(k.DefaultProject):
		k.DefaultProject = k.Projects[0]
	}
	if !k.MayUseProject(k.DefaultProject) {
		return errors.New("--default-project is none of the key's projects")
	}
	return nil
}

// only binds the key to the projects that were given, or frees it.
func (f keyFlags) only(find store.Projects, k *keys.Key) error {
	if *f.allProjects {
		k.EveryProject, k.Projects = true, nil
	}
	if !f.cmd.Flags().Changed("project") {
		return nil
	}
	k.EveryProject, k.Projects = false, nil
	for _, named := range *f.projects {
		p, err := find(named)
		if err != nil {
			return err
		}
		if !k.MayUseProject(p.ID) {
			k.Projects = append(k.Projects, p.ID)
		}
	}
	return nil
}

// maxYears is how far away a key's end may be. What is not to end never does.
const maxYears = 100

// parseExpiry reads when a key ends; the zero time is never.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse(time.DateOnly, text)
	}
	if days, ok := strings.CutSuffix(text, "d"); err != nil && ok {
		var n int
		if n, err = strconv.Atoi(days); err == nil {
			at = now.AddDate(0, 0, n)
		}
	}
	if text == "never" {
		return time.Time{}, nil
	}
	if err != nil {
		var d time.Duration
		if d, err = time.ParseDuration(text); err == nil {
			at = now.Add(d)
		}
	}
	switch {
	case err != nil:
		return at, fmt.Errorf("--expires is %q: write 90d, 12h, 2027-01-31, 2027-01-31T12:00:00Z or never", text)
	case !at.After(now):
		return at, fmt.Errorf("--expires is %q, which is over", text)
	case at.After(now.AddDate(maxYears, 0, 0)):
		return at, fmt.Errorf("--expires is %q, which is more than %d years away: write never", text, maxYears)
	default:
		return at, nil
	}
}
