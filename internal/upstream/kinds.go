package upstream

// kinds is a set of repairs.
type kinds uint32

// The repairs that there are. Their names are the values of a metric's label.
const (
	repairedID kinds = 1 << iota
	repairedObject
	repairedCreated
	repairedModel
	repairedIndex
	repairedFinishReason
	repairedLogprobsMissing
	repairedLogprobsChat
	repairedLogprobs
	repairedUsage
	repairedUsagePlace
	repairedFingerprint
	repairedError
	repairedText
	repairedKeys
)

var kindNames = [...]string{
	"id", "object", "created", "model", "index", "finish_reason", "logprobs_missing", "logprobs_chat",
	"logprobs", "usage", "usage_place", "system_fingerprint", "error_null", "encoding", "duplicate_key",
}

// Repairs lists every kind that Options.Repaired is called with.
func Repairs() []string { return append([]string(nil), kindNames[:]...) }

// each calls f with the name of each kind in the set.
func (k kinds) each(f func(name string)) {
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			f(name)
		}
	}
}
