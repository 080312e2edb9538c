package server

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/oapi-codegen/echo-middleware"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
)

// validator holds the requests of one operation to the contract: echo-middleware its headers and path,
// the compiled program of its schema the body.
type validator struct {
	parameters echo.HandlerFunc // gives what is wrong with headers and path
	media      string           // of the body; empty for an operation without one
	check      func(document []byte, spans []contract.Span) error
}

// newValidators makes a validator for each operation, by its id. It changes doc, and keeps it.
func newValidators(doc *openapi3.T) (map[string]*validator, error) {
	prepare(doc)
	all := map[string]*validator{}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			v := &validator{parameters: checkParameters(doc, operation)}
			if err := v.compileBody(operation); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			all[operation.OperationID] = v
		}
	}
	return all, nil
}

// prepare makes of the contract what echo-middleware reads. Servers would have the Host checked, and
// security is long settled. A path parameter that ends its path may hold slashes.
func prepare(doc *openapi3.T) {
	doc.Servers, doc.Security = nil, nil
	paths := openapi3.NewPaths()
	for path, item := range doc.Paths.Map() {
		if open, ok := strings.CutSuffix(path, "}"); ok {
			path = open + ":.+}"
		}
		paths.Set(path, item)
		for _, operation := range item.Operations() {
			operation.Servers, operation.Security = nil, nil
		}
	}
	doc.Paths = paths
}

// checkParameters is echo-middleware, with nothing behind it. It has nothing to look at in a request
// that has none of the operation's headers: Echo has found the route, and the body is not its own.
func checkParameters(doc *openapi3.T, operation *openapi3.Operation) echo.HandlerFunc {
	headers, others := headersOf(operation.Parameters)
	middleware := echomiddleware.OapiRequestValidatorWithOptions(doc, &echomiddleware.Options{
		Skipper: func(c echo.Context) bool { return !others && !anyOf(headers, c.Request().Header) },
		Options: openapi3filter.Options{
			MultiError:          true,
			SkipSettingDefaults: true, // a header that was not sent is not added
			ExcludeRequestBody:  true,
		},
		MultiErrorHandler: func(all openapi3.MultiError) *echo.HTTPError {
			return &echo.HTTPError{Code: http.StatusUnprocessableEntity, Internal: all}
		},
		ErrorHandler: func(_ echo.Context, err *echo.HTTPError) error { return refusal(err) },
	})
	return middleware(func(echo.Context) error { return nil })
}

// headersOf lists the headers that a request may have, as net/http keeps their names, and reports
// whether there are other parameters, or such as it must have.
func headersOf(parameters openapi3.Parameters) (headers []string, others bool) {
	for _, p := range parameters {
		headers = append(headers, http.CanonicalHeaderKey(p.Value.Name))
		others = others || p.Value.In != openapi3.ParameterInHeader || p.Value.Required
	}
	return headers, others
}

func anyOf(names []string, sent http.Header) bool {
	for _, name := range names {
		if sent[name] != nil {
			return true
		}
	}
	return false
}

// refusal reads what the middleware found.
func refusal(err *echo.HTTPError) error {
	var all openapi3.MultiError
	if !errors.As(err.Internal, &all) {
		all = openapi3.MultiError{err.Internal}
	}
	invalid := &contract.Invalid{}
	for _, one := range all {
		var request *openapi3filter.RequestError
		if !errors.As(one, &request) || request.Parameter == nil {
			return apierror.Internal(fmt.Errorf("the validator failed: %T", one))
		}
		invalid.Violations = append(invalid.Violations, ofParameter(request))
	}
	return invalid
}

func (v *validator) compileBody(operation *openapi3.Operation) error {
	if operation.RequestBody == nil {
		return nil
	}
	for media, content := range operation.RequestBody.Value.Content {
		if v.media != "" {
			return fmt.Errorf("bodies of both %s and %s cannot be checked", v.media, media)
		}
		v.media = media
		program, err := contract.Compile(content.Schema, completion.Facts()...)
		if err != nil {
			return err
		}
		v.check = program.Check
	}
	return nil
}

// validate refuses what breaks the contract, for all that is wrong with it.
func (s *Server) validate(v *validator) echo.MiddlewareFunc {
	check := s.traced(v.all)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := check(c); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// all checks headers, path and body.
func (v *validator) all(c echo.Context) error {
	err := v.parameters(c)
	if v.check != nil {
		err = both(err, v.checkBody(c.Request()))
	}
	return err
}

// both joins two refusals. A body that could not be read, or is of another type than the contract's,
// is refused for that alone.
func both(ofParameters, ofBody error) error {
	if ofParameters == nil {
		return ofBody
	}
	var headers, body *contract.Invalid
	if !errors.As(ofParameters, &headers) || ofBody == nil {
		return ofParameters
	}
	if !errors.As(ofBody, &body) {
		return ofBody
	}
	return &contract.Invalid{Violations: append(headers.Violations, body.Violations...)}
}

// checkBody reads the body, checks it, and leaves it for the binder.
func (v *validator) checkBody(r *http.Request) error {
	body, ok := r.Body.(*requestBody)
	if !ok { // there is none
		return v.check(nil, nil)
	}
	document, err := body.readAll()
	if err != nil {
		return err
	}
	if len(document) > 0 && !v.reads(r.Header["Content-Type"]) {
		return apierror.UnsupportedMediaType()
	}
	if body.accepted, err = completion.Read(document, v.check); err != nil {
		body.refused = document
	}
	return err
}

// reads reports whether a body of this type is one that the contract has. Parameters say nothing.
func (v *validator) reads(contentType []string) bool {
	if len(contentType) == 0 {
		return false
	}
	if contentType[0] == v.media {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType[0])
	return (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter)) && media == v.media
}
