package meter

import (
	"fmt"
	"strings"
	"time"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/limits"
)

// refusal tells the caller which limit has not enough left, and for how long. left is that of the limit on tokens that
// is nearest to its end, which may be another.
func refusal(r limits.Refusal, left limits.Left, estimate int64) *apierror.Error {
	limit := fmt.Sprintf("the limit of %d %s of this %s", r.Limit, noun(r.Kind), r.Of())
	uses := fmt.Sprintf("The request may use %d tokens, with its prompt and max_tokens; ", estimate)
	again := "Try again in " + rounded(r.Wait).String()
	reached := upper(limit) + " is reached. " + again + "."
	switch {
	case r.Never:
		return apierror.LimitTooSmall(uses+"that is more than "+limit+".", r.Wait)
	case r.Kind == limits.Parallel:
		return apierror.LimitReached(upper(limit)+" is reached. Try again when one of them is over.", r.Wait)
	case r.Kind == limits.Requests:
		return apierror.LimitReached(reached, r.Wait)
	case left.Limit != r.Limit:
		reached = uses + "less is left of " + limit + ". " + again + ", or ask for fewer."
	case left.Remaining > 0:
		reached = fmt.Sprintf("%s%d are left of %s. %s, or ask for fewer.", uses, left.Remaining, limit, again)
	}
	if r.Kind == limits.Tokens {
		return apierror.LimitReached(reached, r.Wait)
	}
	return apierror.QuotaSpent(reached, r.Wait)
}

// rounded is a time in seconds, as Retry-After has it: who waits for as long as it says is not sent away again.
func rounded(wait time.Duration) time.Duration {
	return max(time.Second, (wait + time.Second - 1).Truncate(time.Second))
}

func upper(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }

// noun is what a limit is of, in the words that it is called by in settings and flags.
func noun(k limits.Kind) string {
	if k == limits.Parallel {
		return "requests in parallel"
	}
	return strings.ReplaceAll(k.String(), "_", " ")
}
