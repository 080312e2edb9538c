package main

import "fmt"

// ending is how a request ended, as its client saw it. One that is whole has status 200 and no code. A
// stream that broke has status 200, and the code of its error event.
type ending struct {
	status int
	code   string // what the error says; "" for null
	event  bool   // whether it came as an event of a stream
}

var (
	whole = ending{status: 200}
	left  = ending{status: 499, code: "client_closed"}

	// brokenOff is how a request ends whose backend goes away.
	brokenOff = []ending{{502, "upstream_error", false}, {200, "upstream_error", true}}
)

func (e ending) String() string {
	switch {
	case e == whole:
		return "whole"
	case e == left:
		return "left by the client"
	case e.event:
		return fmt.Sprintf("error event %q", e.code)
	default:
		return fmt.Sprintf("%d %q", e.status, e.code)
	}
}

// counted is what the gateway calls it in its metrics: the codes of backends are not theirs to choose.
func (e ending) counted() counter {
	if !ownCodes[e.code] {
		return counter{e.status, "other"}
	}
	return counter{e.status, e.code}
}

// counter is the labels of one counter of the gateway's.
type counter struct {
	status int
	code   string
}

// ownCodes are the codes that the contract lists and that may come up here.
var ownCodes = map[string]bool{
	"": true, "client_closed": true, "upstream_error": true, "upstream_auth": true, "upstream_timeout": true,
	"unavailable": true, "rate_limit_exceeded": true, "invalid_api_key": true, "model_not_found": true,
	"unsupported_media_type": true, "less_than_equal": true, "json_invalid": true, "value_error": true,
	"internal_error": true,
}
