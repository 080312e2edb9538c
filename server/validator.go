package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

const mediaJSON = "application/json"

// newValidator makes the middleware that holds a request to the contract: echo-middleware looks at
// route, headers and media type, and hands the body to the compiled program of its schema. It changes
// doc, and keeps it.
func newValidator(doc *openapi3.T) (echo.MiddlewareFunc, error) {
	if err := prepare(doc); err != nil {
		return nil, err
	}
	return echomiddleware.OapiRequestValidatorWithOptions(doc, &echomiddleware.Options{
		Options: openapi3filter.Options{
			MultiError:          true,
			SkipSettingDefaults: true, // a default is never written into a body
			KeepValidatedValue:  true, // what decodeBody returns is what the binder hands on
		},
		MultiErrorHandler: func(all openapi3.MultiError) *echo.HTTPError {
			return &echo.HTTPError{Code: http.StatusUnprocessableEntity, Internal: all}
		},
		ErrorHandler: func(_ echo.Context, err *echo.HTTPError) error { return refusal(err) },
	}), nil
}

// prepare makes of the contract what the validator reads. Servers would have the Host checked, and
// security is long settled. A path parameter that ends its path may hold slashes. Each body's schema
// gives way to the program that was compiled from it.
func prepare(doc *openapi3.T) error {
	doc.Servers, doc.Security = nil, nil
	paths := openapi3.NewPaths()
	for path, item := range doc.Paths.Map() {
		if open, ok := strings.CutSuffix(path, "}"); ok {
			path = open + ":.+}"
		}
		paths.Set(path, item)
		for method, operation := range item.Operations() {
			operation.Servers, operation.Security = nil, nil
			if err := compileBody(operation); err != nil {
				return fmt.Errorf("%s %s: %w", method, path, err)
			}
		}
	}
	doc.Paths = paths
	return nil
}

// extProgram is where the program of a body stands in what prepare makes of the contract.
const extProgram = "x-program"

func compileBody(operation *openapi3.Operation) error {
	if operation.RequestBody == nil {
		return nil
	}
	for media, content := range operation.RequestBody.Value.Content {
		if media != mediaJSON {
			return fmt.Errorf("a body of %s cannot be checked", media)
		}
		program, err := contract.Compile(content.Schema, completion.Facts()...)
		if err != nil {
			return err
		}
		content.Schema = &openapi3.SchemaRef{
			Value:      &openapi3.Schema{},
			Extensions: map[string]any{extProgram: program},
		}
	}
	return nil
}

// The decoders of kin-openapi are the whole process's; this one leaves every body alone whose schema
// does not carry a program.
func init() { openapi3filter.RegisterBodyDecoder(mediaJSON, decodeBody) }

func decodeBody(body io.Reader, h http.Header, schema *openapi3.SchemaRef, enc openapi3filter.EncodingFn) (any, error) {
	program, ok := schema.Extensions[extProgram].(*contract.Program)
	if !ok {
		return openapi3filter.JSONBodyDecoder(body, h, schema, enc)
	}
	data, err := bytesOf(body)
	if err != nil {
		return nil, err
	}
	return completion.Read(data, program.Check)
}

// bytesOf takes the bytes out of the bytes.Reader that the filter made of a body it has read, without
// copying them.
func bytesOf(body io.Reader) ([]byte, error) {
	if r, ok := body.(*bytes.Reader); ok {
		var whole capture
		_, err := r.WriteTo(&whole)
		return whole.data, err
	}
	return io.ReadAll(body)
}

type capture struct{ data []byte }

func (c *capture) Write(p []byte) (int, error) {
	c.data = p
	return len(p), nil
}

// refusal finds what a request was refused for. A request that could not be read, or is of another
// type than the contract's, is refused for that alone; otherwise for all its violations.
func refusal(err *echo.HTTPError) error {
	var all openapi3.MultiError
	if !errors.As(err.Internal, &all) {
		all = openapi3.MultiError{err.Internal}
	}
	invalid := &contract.Invalid{}
	for _, one := range all {
		var known *apierror.Error
		if errors.As(one, &known) {
			return known
		}
		violations, err := violationsOf(one)
		if err != nil {
			return err
		}
		invalid.Violations = append(invalid.Violations, violations...)
	}
	return invalid
}
