package server

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/completion"
)

const (
	toldFields = 4        // of a request that broke the contract, in its line of the log
	lookedAt   = 64 << 10 // bytes of it in which its model is looked for
)

// noteInvalid counts all that a request was refused for as one that breaks the contract, and tells its call what the log
// may say of it.
func (s *Server) noteInvalid(c echo.Context, call *completion.Call, err error) {
	fields, types := s.faultsIn(err)
	if fields == nil {
		return
	}
	var told []string
	for i, field := range fields {
		s.options.Metrics.Invalid(field, types[i])
		if len(told) < toldFields && !slices.Contains(told, field) {
			told = append(told, field)
		}
	}
	call.Invalid.Fields = strings.Join(told, ",")
	if body, ok := c.Request().Body.(*requestBody); ok {
		call.Invalid.Model = s.named(modelOf(body.refused))
	}
}

// named is what the settings call a model; empty for none.
func (s *Server) named(model string) string {
	switch {
	case model == "":
		return ""
	case s.options.Models == nil:
		return fieldOther
	}
	if name := s.options.Models(model); name != "" {
		return name
	}
	return fieldOther
}

// modelOf is the model of a body that was refused; empty where none can be read near its beginning.
func modelOf(document []byte) string {
	d := json.NewDecoder(bytes.NewReader(document[:min(len(document), lookedAt)]))
	if opening, err := d.Token(); err != nil || opening != json.Delim('{') {
		return ""
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return ""
		}
		var model string
		var other json.RawMessage
		if key == "model" {
			_ = d.Decode(&model) // one that is no text is none
			return model
		}
		if d.Decode(&other) != nil {
			return ""
		}
	}
	return ""
}
