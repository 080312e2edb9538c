package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/specgate/specgate/gen"
)

// noSuchModel is an id that nobody gives a model.
const noSuchModel = "specgate-conformance-no-such-model"

func (s *Suite) modelCases() []Case {
	const list, single = "/paths/~1v1~1models/get", "/paths/~1v1~1models~1{model}/get"
	return []Case{
		required("models/list", "The models are listed, and one is there.", list+"/responses/200", listsModels),
		required("models/retrieve", "An entry of the list can be asked for by its id.", single+"/responses/200", retrievesModel),
		required("models/unknown", "A model that the list has not is not found.", single+"/responses/404", func(t *trial) error {
			x, err := t.send(request{method: http.MethodGet, path: "/models/" + noSuchModel})
			return orElse(err, x.mustBe(http.StatusNotFound))
		}),
		s.unknownAsked(),
	}
}

// unknownAsked asks for a model that is not there. A contract that lists its models refuses it, before anybody
// looks for it.
func (s *Suite) unknownAsked() Case {
	const id, rest = "models/unknown-asked", `"prompt":"Who is there?","max_tokens":1`
	body := `{` + s.opening(noSuchModel, rest) + `,` + rest + `}`
	if s.takes(noSuchModel) {
		return required(id, "A completion of a model that the list has not is not found.", post+"/responses/404",
			expecting(http.StatusNotFound, request{method: http.MethodPost, path: "/completions", body: body}))
	}
	return required(id, "A completion of a model that the contract has not is refused.", askedField+"model", malformed(body))
}

// list gets the models.
func (t *trial) list() (*gen.ModelList, error) {
	x, err := t.send(request{method: http.MethodGet, path: "/models"})
	if err := orElse(err, x.mustBe(http.StatusOK)); err != nil {
		return nil, err
	}
	var list gen.ModelList
	if err := json.Unmarshal(x.Got, &list); err != nil {
		return nil, err
	}
	return &list, nil
}

func listsModels(t *trial) error {
	list, err := t.list()
	switch {
	case err != nil:
		return err
	case len(list.Data) == 0:
		return fmt.Errorf("the list is empty")
	}
	return nil
}

func retrievesModel(t *trial) error {
	if t.model == "" {
		return fmt.Errorf("there is no model to ask for: %w (--model names one)", t.noModel)
	}
	x, err := t.send(request{method: http.MethodGet, path: "/models/" + url.PathEscape(t.model)})
	if err := orElse(err, x.mustBe(http.StatusOK)); err != nil {
		return err
	}
	var model gen.Model
	if err := json.Unmarshal(x.Got, &model); err != nil {
		return err
	}
	if model.Id != t.model {
		return fmt.Errorf("the entry is of %q instead of %q", model.Id, t.model)
	}
	return nil
}

// answersAs expects the model of an answer to be the one that was asked, or one of the list.
func answersAs(t *trial) error {
	c, err := t.complete(`"prompt":"My name is",` + few)
	if err != nil || c.Model == t.model {
		return err
	}
	list, err := t.list()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list.Data, func(m gen.Model) bool { return m.Id == c.Model }) {
		return fmt.Errorf("the answer is of model %q, which was not asked and is not listed", c.Model)
	}
	return nil
}

// orElse is the first of two things that are wrong. A status that was not expected says more than the
// shape of what came with it.
func orElse(shape, status error) error {
	if status != nil {
		return status
	}
	return shape
}
