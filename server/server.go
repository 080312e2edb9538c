// Package server is all of Echo and of the transport to callers: it takes requests in, holds them to
// the contract, hands them to the operations and renders every error. It knows the operations by the
// interface that the contract generates, and nothing of backends.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/completion"
)

// Authenticator knows who makes a request. Its errors are those of auth; any other means that it cannot
// say at present.
type Authenticator interface {
	Authenticate(ctx context.Context, r auth.Request) (auth.Principal, error)
}

// Metrics counts requests.
type Metrics interface {
	Request(route string, status int, code string)
	// Completion observes a request for a completion that is over, by what its call has been told.
	Completion(call *completion.Call, took time.Duration)
	// Invalid counts one thing that was wrong with a request: a field of the contract, body for the whole of it,
	// or other for what the contract does not have; and which of the contract's types of errors it is.
	Invalid(field, kind string)
	// Unavailable counts one request that was answered 503 for one of apierror.Reasons.
	Unavailable(reason string)
	// Stranger counts one request that the operations listener refused, for one of Strangers.
	Stranger(reason string)
}

// Limits bounds what callers may cost. None may be zero.
type Limits struct {
	Body          int64         // bytes of one body, as sent and as decoded
	InflightBytes int64         // bytes of all bodies that are held at one time
	MaxConcurrent int64         // authenticated requests that run at one time
	HeaderTimeout time.Duration // for the whole header of a request
	BodyTimeout   time.Duration // for the next byte of a body
	WriteTimeout  time.Duration // for the caller to take what is written
}

// Shutdown says how a server ends: it goes on taking requests for Delay, so that balancers see that
// it is not ready any more, and gives what still runs then Drain to end well.
type Shutdown struct {
	Delay time.Duration
	Drain time.Duration
}

// Options are what a generation of a server is made of; all are needed but Secrets, Models, Addresses, TLS, Meter, Usage, Tracer, Faults and the last three.
type Options struct {
	Spec       []byte                    // openapi.yaml, served as it is and enforced
	API        gen.StrictServerInterface // the operations of the contract
	Tokens     Authenticator
	Secrets    *completion.Secrets // which no log or record repeats, whoever sends them; nil for none
	Logger     *slog.Logger
	Metrics    Metrics
	Models     func(id string) string // what the settings call a model, empty where they do not; nil where they name none
	Addresses  bool                   // whether the log says where requests come from
	Limits     Limits
	Meter      Meter  // nil where no caller is limited
	Usage      Usage  // nil where nothing is recorded
	Tracer     Tracer // nil where nothing is traced
	TLS        *TLS   // nil to serve callers without it
	H2C        bool   // HTTP/2 without TLS too, for callers who begin with it; nothing with TLS
	Shutdown   Shutdown
	Faults     Faults       // what goes wrong on purpose; nil for nothing
	Operations http.Handler // what the operations listener serves beside the health checks; may be nil
	OpsToken   string       // that it asks for, as a bearer's; empty for none
	Parts      func() any   // what /readyz of the operations listener tells of each part, as JSON; may be nil
}

// Server is a gateway with one set of options, and serves once. Those that come after it, by Next, are the same gateway
// with others.
type Server struct {
	*shared
	options Options
	echo    *echo.Echo

	*enforced
	operations http.Handler
	asked      *atomic.Int64 // requests for a completion that kept the contract; counted where there are faults
	users      users
}

// New assembles a server, and fails where the contract asks for what it could not enforce.
func New(o Options) (*Server, error) {
	all, err := enforce(o.Spec)
	if err != nil {
		return nil, err
	}
	s, err := assemble(newShared(), all, o)
	if err != nil {
		return nil, err
	}
	s.current.Store(s)
	return s, nil
}

func assemble(all *shared, by *enforced, o Options) (*Server, error) {
	s := &Server{shared: all, enforced: by, options: o, echo: echo.New(), asked: &atomic.Int64{}}
	s.users.begin()
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.Binder = binder{}
	s.echo.HTTPErrorHandler = s.renderError
	s.operations = s.newOperations()
	if err := s.addPages(); err != nil {
		return nil, err
	}
	s.everyRequest(
		s.identify,    // x-request-id, and what else travels with the request, its trace among it
		s.logAccess,   // renders its error and writes its line, once all is over
		recoverPanics, // a bug costs one request, not the process; it has its line and its id
		s.limitBody,   // by its declared length, then byte by byte as it is read
	)
	// Then those of the contract, in this order. What comes earlier is cheaper to refuse.
	operations := map[string][]echo.MiddlewareFunc{}
	for id, v := range by.validators {
		operations[id] = inOrder(
			s.recordUse(id),        // what became of it, once it is known who asked
			s.authenticate,         // who asks, for whom; the body is still unread
			s.admit,                // not more at one time than the gateway can hold
			s.limit(id),            // nor more than the caller may ask
			s.validate(v),          // reads the body, and refuses what breaks the contract
			s.inject(id, o.Faults), // what is to go wrong in tests of clients
		)
	}
	gen.RegisterHandlersWithOptions(s.echo, gen.NewStrictHandler(o.API, nil), gen.RegisterHandlersOptions{
		OperationMiddlewares: operations,
	})
	return s, nil
}

// ServeHTTP answers one request with the options of s, as a listener's server would hand it over.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// everyRequest puts middlewares before every route, and before what has none. They are put together
// once; Echo would do so again for each request.
func (s *Server) everyRequest(list ...echo.MiddlewareFunc) {
	routed := func(c echo.Context) error { return c.Handler()(c) }
	all := chain(list, routed)
	s.echo.Use(func(echo.HandlerFunc) echo.HandlerFunc { return all })
}

// inOrder makes one middleware of several, for one route. They are put together once.
func inOrder(list ...echo.MiddlewareFunc) []echo.MiddlewareFunc {
	var once sync.Once
	var all echo.HandlerFunc
	return []echo.MiddlewareFunc{func(next echo.HandlerFunc) echo.HandlerFunc {
		once.Do(func() { all = chain(list, next) })
		return all
	}}
}

func chain(list []echo.MiddlewareFunc, last echo.HandlerFunc) echo.HandlerFunc {
	for _, m := range slices.Backward(list) {
		last = m(last)
	}
	return last
}

// binder hands an operation the body that the validator let through, as it came.
type binder struct{}

func (binder) Bind(dst any, c echo.Context) error {
	body, ok := c.Request().Body.(*requestBody)
	if !ok || body.accepted == nil {
		return errors.New("an operation with a body was reached without validation")
	}
	target, ok := dst.(*any)
	if !ok {
		return fmt.Errorf("an operation takes its body as %T", dst)
	}
	*target = body.accepted
	return nil
}
