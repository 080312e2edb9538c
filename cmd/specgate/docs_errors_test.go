package main

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/apierror"
)

// ownErrors are the errors that a gateway makes itself, each way in which it does.
var ownErrors = []*apierror.Error{
	apierror.InvalidEncoding(nil), apierror.MissingAPIKey(), apierror.InvalidAPIKey(), apierror.OrganizationNotAllowed(),
	apierror.ProjectNotAllowed(), apierror.ModelNotAllowed(), apierror.NotFound(""), apierror.ModelNotFound(), apierror.MethodNotAllowed(),
	apierror.RequestTimeout(nil), apierror.BodyTooLarge(1), apierror.UnsupportedMediaType(), apierror.UnsupportedEncoding(),
	apierror.RateLimited(time.Second), apierror.LimitReached("", time.Second), apierror.LimitTooSmall("", time.Second),
	apierror.QuotaSpent("", time.Second), apierror.LimitsAway(nil), apierror.Internal(nil), apierror.Upstream("", nil),
	apierror.UpstreamSpent("", nil), apierror.UpstreamAuth(nil), apierror.UpstreamTimeout(nil), apierror.Overloaded(), apierror.Busy(time.Second),
	apierror.CircuitOpen(time.Second), apierror.ShuttingDown(), apierror.KeysUnavailable(nil),
	apierror.InvalidTokenID("", ""), apierror.ContextLengthExceeded("", ""), apierror.WorkLimitExceeded("", ""),
}

var (
	errorRow     = regexp.MustCompile("(?m)^\\| ([0-9]{3}) \\| `([a-z_]+)` \\| `([a-z_]+)` \\| .+ \\| .+ \\| (.+) \\|$")
	violationRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| [^|]+ \\| [^|]+ \\|$")
)

// docs/errors.md has every code that openapi.yaml lists, and no other, with the status and the type that it has.
func TestDocsOfErrors(t *testing.T) {
	t.Parallel()
	page := readPage(t, "docs/errors.md")
	want := map[string]string{}
	for _, e := range ownErrors {
		want[e.Code] = strconv.Itoa(e.Status) + " " + e.Type
	}
	got := map[string]string{}
	for _, m := range errorRow.FindAllStringSubmatch(page, -1) {
		got[m[3]] = m[1] + " " + m[2]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-made +written):\n%s", diff)
	}
	if diff := cmp.Diff(without(listed(t, "ErrorObject", "code")), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("codes (-listed +written):\n%s", diff)
	}
	var types []string
	for _, m := range violationRow.FindAllStringSubmatch(page, -1) {
		types = append(types, m[1])
	}
	if diff := cmp.Diff(without(listed(t, "Violation", "type")), without(types)); diff != "" {
		t.Errorf("types of violations (-listed +written):\n%s", diff)
	}
}
