package meter

import (
	"fmt"
	"strings"
	"time"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/limits"
)

// refusal tells the caller which limit was reached, and for how long.
func refusal(r limits.Refusal, estimate int64) *apierror.Error {
	limit := fmt.Sprintf("the limit of %d %s of this %s", r.Limit, noun(r.Kind), r.Of())
	reached := upper(limit) + " is reached. Try again in " + r.Wait.Round(time.Second).String() + "."
	switch {
	case r.Never:
		message := fmt.Sprintf("The request may use %d tokens, with its prompt and max_tokens; that is more than %s.", estimate, limit)
		return apierror.LimitTooSmall(message, r.Wait)
	case r.Kind == limits.DayTokens || r.Kind == limits.MonthTokens:
		return apierror.QuotaSpent(reached, r.Wait)
	case r.Kind == limits.Parallel:
		return apierror.LimitReached(upper(limit)+" is reached. Try again when one of them is over.", r.Wait)
	default:
		return apierror.LimitReached(reached, r.Wait)
	}
}

func upper(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }

func noun(k limits.Kind) string {
	switch k {
	case limits.Requests:
		return "requests a minute"
	case limits.Tokens:
		return "tokens a minute"
	case limits.Parallel:
		return "requests at one time"
	case limits.DayTokens:
		return "tokens a day"
	default:
		return "tokens a month"
	}
}
