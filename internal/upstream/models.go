package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
)

// Models lists the models of the backend. Entries without an id are left out; whatever else an entry
// lacks is filled, and what it has beyond the contract stays.
func (c *Client) Models(ctx context.Context) (gen.ModelList, error) {
	list, err := c.list(ctx)
	return list, c.discreet(err)
}

func (c *Client) list(ctx context.Context) (gen.ModelList, error) {
	x, err := c.ask(ctx, call{method: http.MethodGet, url: c.modelsURL, accept: jsonType})
	if err != nil {
		return gen.ModelList{}, err
	}
	defer x.close()
	body, err := x.readAll(c.options.MaxResponse)
	if err != nil {
		return gen.ModelList{}, err
	}
	return c.modelList(bytes.TrimSpace(body))
}

// modelList reads OpenAI's list, or a bare array, which some hosts give.
func (c *Client) modelList(body []byte) (gen.ModelList, error) {
	list := gen.ModelList{Object: gen.List, Data: []gen.Model{}}
	if !json.Valid(body) {
		return gen.ModelList{}, apierror.Upstream("The backend's list of models is not JSON.", nil)
	}
	doc, _ := members(body)
	if reportsError(doc, false) {
		return gen.ModelList{}, inBand(complaintOf(body).bounded())
	}
	data, ok := doc.find("data")
	if doc == nil {
		data, ok = body, isArray(body)
	}
	entries, isList := elements(data)
	if !ok || !isList && !isNull(data) { // Ollama without models says null
		return gen.ModelList{}, apierror.Upstream("The backend's list of models cannot be read.", nil)
	}
	for _, entry := range entries {
		if m, ok := c.model(entry); ok {
			list.Data = append(list.Data, m)
		}
	}
	list.AdditionalProperties = extras(doc, "object", "data")
	return list, nil
}

// model reads one entry, and reports whether it names a model. The owner that a backend does not
// name is the backend.
func (c *Client) model(raw []byte) (gen.Model, bool) {
	o, _ := members(raw)
	m := gen.Model{
		Id:                   text(o.get("id")),
		Object:               gen.ModelObjectModel,
		OwnedBy:              text(o.get("owned_by")),
		AdditionalProperties: extras(o, "id", "object", "created", "owned_by"),
	}
	if created, ok := number(o.get("created")); ok {
		m.Created = int64(created)
	}
	if m.OwnedBy == "" {
		m.OwnedBy = c.options.Name
	}
	return m, m.Id != ""
}

// extras are the members that have none of the names, as they were written.
func extras(o object, names ...string) map[string]any {
	var out map[string]any
	for _, m := range o {
		if slices.Contains(names, string(m.name)) {
			continue
		}
		if out == nil {
			out = map[string]any{}
		}
		out[string(m.name)] = json.RawMessage(m.value)
	}
	return out
}
