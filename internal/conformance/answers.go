package conformance

import (
	"fmt"
	"time"

	"github.com/specgate/specgate/gen"
)

// clocks is how far the endpoint's clock and this one may be apart.
const clocks = 24 * time.Hour

func (s *Suite) answerCases() []Case {
	const of = schemas + "/Completion/properties/"
	const choice = schemas + "/CompletionChoice"
	return []Case{
		required("answers/completion", "An answer keeps its schema.", schemas+"/Completion", accepted(`"prompt":"Hello World",`+few)),
		required("answers/choice", "So does each choice of it, with all four keys.", choice+"/required", accepted(`"prompt":"Hello to the town",`+few)),
		required("answers/finish-reason", "A finish_reason is one of those that the contract lists.", choice+"/properties/finish_reason/enum", accepted(`"prompt":"Hello to the sea",`+few)),
		required("answers/usage", "Usage, where there is some, has three counts.", schemas+"/CompletionUsage/required", accepted(`"prompt":"Hello to everyone",`+few)),
		required("answers/logprobs", "Logprobs that were asked for are there, and keep their schema.", schemas+"/Logprobs", answered(`"prompt":"Hello again","logprobs":1,`+few, one(hasLogprobs))),
		required("answers/id", "An id names one completion.", of+"id/description", namesOne),
		required("answers/created", "created is the present time, in seconds.", of+"created/description", answered(`"prompt":"The time is",`+few, func(c *gen.Completion) error {
			if off := time.Since(time.Unix(c.Created, 0)).Abs(); off > clocks {
				return fmt.Errorf("created is %d, which is %s from now", c.Created, off.Round(time.Hour))
			}
			return nil
		})),
		required("answers/integers", "Integers are written without a point or an exponent.", schemas+"/Completion/x-plain-integers", accepted(`"prompt":"The number is",`+few)),
		required("answers/model", "The model is the one that was asked, or one of the list.", of+"model/description", answersAs),
	}
}

// namesOne asks twice, and expects two ids.
func namesOne(t *trial) error {
	var ids []string
	for range 2 {
		c, err := t.complete(`"prompt":"The name of the cat is",` + few)
		if err != nil {
			return err
		}
		ids = append(ids, c.Id)
	}
	if ids[0] == ids[1] {
		return fmt.Errorf("two answers have the id %q", ids[0])
	}
	return nil
}
