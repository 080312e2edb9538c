package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/internal/usage"
)

// sumView is a sum as it is printed. What it is not kept apart by is left out.
type sumView struct {
	Day              *string `json:"day,omitempty"`
	Organization     *string `json:"organization,omitempty"`
	OrganizationName *string `json:"organization_name,omitempty"`
	Project          *string `json:"project,omitempty"`
	ProjectName      *string `json:"project_name,omitempty"`
	Key              *string `json:"key,omitempty"`
	KeyName          *string `json:"key_name,omitempty"`
	Model            *string `json:"model,omitempty"`
	User             *string `json:"user,omitempty"`
	Requests         int64   `json:"requests"`
	Errors           int64   `json:"errors"`
	Cancelled        int64   `json:"cancelled"`
	Prompt           int64   `json:"prompt_tokens"`
	Cached           int64   `json:"cached_tokens"`
	Completion       int64   `json:"completion_tokens"`
	Reasoning        int64   `json:"reasoning_tokens"`
	Tokens           int64   `json:"total_tokens"`
	Estimated        int64   `json:"estimated_requests"`

	first []string // cells
}

func viewSum(u store.UsageSum, apart dimensions, called labels) sumView {
	v := sumView{
		Requests: u.Requests, Errors: u.Errors, Cancelled: u.Cancelled, Estimated: u.Estimated,
		Prompt: u.Prompt, Cached: u.Cached, Completion: u.Completion, Reasoning: u.Reasoning, Tokens: u.Prompt + u.Completion,
	}
	for _, d := range apart {
		v.first = append(v.first, d.show(&v, u, called)...)
	}
	return v
}

func (v sumView) cells() []string {
	cells := v.first
	for _, n := range []int64{v.Requests, v.Errors, v.Cancelled, v.Prompt, v.Cached, v.Completion, v.Reasoning, v.Tokens, v.Estimated} {
		cells = append(cells, strconv.FormatInt(n, 10))
	}
	return cells
}

// inOrder sorts sums by their day, and those of a day by how much was used, the most first.
func inOrder(sums []store.UsageSum) {
	slices.SortStableFunc(sums, func(a, b store.UsageSum) int {
		return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(b.Prompt+b.Completion, a.Prompt+a.Completion), cmp.Compare(b.Requests, a.Requests))
	})
}

func newUsageRecords(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "records",
		Short:   "List single requests, the newest first",
		Long:    "List the records of single requests, the newest first: with --format json a line of JSON each.",
		Example: `  specgate usage records --key search --since 1h --format json | jq -r 'select(.status >= 500) | .error'`,
		Args:    arguments(),
	}
	most := cmd.Flags().Int("limit", 1000, "the most `records` that are listed; 0 for all")
	oldest := cmd.Flags().Bool("oldest", false, "list the oldest first")
	choose, format, run := usageFlags(cmd, "24h"), outputFlag(cmd), readStore(cmd, term)
	cmd.RunE = func(*cobra.Command, []string) error {
		if *most < 0 {
			return usageError{errors.New("--limit is negative: 0 lists all")}
		}
		return run(func(ctx context.Context, s *store.Store) error {
			f, missing, err := choose(ctx, s)
			if err != nil {
				return err
			}
			pages := s.NewestRecords
			if *oldest {
				pages = s.Records
			}
			called, err := namesIn(ctx, s)
			if err != nil {
				return err
			}
			read := func(from string, n int) ([]usage.Record, error) { return pages(ctx, f, from, n) }
			shown, err := eachRecord(*most, read, recordPrinter(term, *format, called))
			if err == nil && shown == 0 && missing != nil {
				return missing
			}
			if err == nil && *most > 0 && shown == *most {
				_, _ = fmt.Fprintf(term.stderr, "specgate: note: there may be more than these %d: --limit 0 lists all, --since and --until choose\n", shown)
			}
			return err
		})
	}
	return cmd
}

// eachRecord shows records a page at a time; most is 0 for all. It shows an empty page at last. read gives those that
// come next to one with an id.
func eachRecord(most int, read func(from string, n int) ([]usage.Record, error), show func([]usage.Record) error) (shown int, err error) {
	const page = 1000
	for from := ""; ; {
		n := page
		if most > 0 {
			n = min(page, most-shown)
		}
		records, err := read(from, n)
		if err != nil {
			return shown, err
		}
		if err := show(records); err != nil || len(records) == 0 {
			return shown, err
		}
		shown, from = shown+len(records), records[len(records)-1].ID
	}
}

// recordPrinter prints pages: lines of JSON as they come, or one table at the end.
func recordPrinter(term terminal, format output, called labels) func([]usage.Record) error {
	var all []recordView
	view := func(r usage.Record) recordView { return viewRecord(r, called) }
	return func(page []usage.Record) error {
		if format == "json" {
			encoder := json.NewEncoder(term.stdout)
			encoder.SetEscapeHTML(false)
			for _, r := range page {
				if err := encoder.Encode(view(r)); err != nil {
					return err
				}
			}
			return nil
		}
		if len(page) == 0 {
			return list(term, format, recordTitles, all)
		}
		all = append(all, views(page, view)...)
		return nil
	}
}

// recordView is a record as it is printed.
type recordView struct {
	ID           string `json:"id"`
	Time         string `json:"time"`
	Key          string `json:"key"`
	Organization string `json:"organization"`
	Project      string `json:"project"`
	Model        string `json:"model"`
	Upstream     string `json:"upstream"`
	Status       int    `json:"status"`
	Error        string `json:"error"`
	Prompt       int64  `json:"prompt_tokens"`
	Cached       int64  `json:"cached_tokens"`
	Completion   int64  `json:"completion_tokens"`
	Reasoning    int64  `json:"reasoning_tokens"`
	Estimated    bool   `json:"estimated"`
	Duration     int64  `json:"duration_ms"`
	FirstToken   *int64 `json:"first_token_ms"`
	Streamed     bool   `json:"streamed"`
	Cancelled    bool   `json:"cancelled"`
	User         string `json:"user"`

	called labels
}

var recordTitles = []string{
	"time", "key", "name", "organization", "project", "model", "upstream", "status", "error",
	"prompt", "cached", "completion", "reasoning", "estimated", "ms", "first token", "streamed", "cancelled", "user",
}

func viewRecord(r usage.Record, called labels) recordView {
	v := recordView{
		ID: r.ID, Time: time.UnixMilli(r.At).UTC().Format("2006-01-02T15:04:05.000Z"),
		Key: r.Key, Organization: r.Organization, Project: r.Project, Model: r.Model, Upstream: r.Upstream,
		Status: r.Status, Error: r.Error, Prompt: r.Prompt, Cached: r.Cached, Completion: r.Completion, Reasoning: r.Reasoning,
		Estimated: r.Estimated(), Duration: r.Duration, Streamed: r.Streamed, Cancelled: r.Cancelled, User: r.User,
		called: called,
	}
	if r.FirstToken > 0 {
		v.FirstToken = &r.FirstToken
	}
	return v
}

func (v recordView) cells() []string {
	first := "-"
	if v.FirstToken != nil {
		first = strconv.FormatInt(*v.FirstToken, 10)
	}
	return []string{
		v.Time, printable(v.Key), dash(v.called[v.Key]), dash(v.called.name(v.Organization)), dash(v.called.name(v.Project)), dash(printable(v.Model)), dash(v.Upstream),
		strconv.Itoa(v.Status), dash(v.Error),
		strconv.FormatInt(v.Prompt, 10), strconv.FormatInt(v.Cached, 10), strconv.FormatInt(v.Completion, 10), strconv.FormatInt(v.Reasoning, 10),
		yesNo(v.Estimated), strconv.FormatInt(v.Duration, 10), first, yesNo(v.Streamed), yesNo(v.Cancelled), dash(v.User),
	}
}
