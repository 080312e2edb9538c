package server

import (
	"context"
	"crypto/subtle"
	"net/http"

	"github.com/specgate/specgate/internal/auth"
)

// operate answers a request to the operations listener.
func (s *Server) operate(w http.ResponseWriter, r *http.Request) { s.operations.ServeHTTP(w, r) }

// newOperations is what the operations listener serves. Health checks are for everybody, as they are for callers:
// what asks for them has seldom a token to show.
func (s *Server) newOperations() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(pageHealth, s)
	mux.HandleFunc(pageReady, func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), toOperators{}, true)))
	})
	if s.options.Operations != nil {
		mux.Handle("/", s.onlyOperators(s.options.Operations))
	}
	return mux
}

// toOperators is the key of a context whose request came to the operations listener.
type toOperators struct{}

// onlyOperators asks for the token, where there is one.
func (s *Server) onlyOperators(next http.Handler) http.Handler {
	if s.options.OpsToken == "" {
		return next
	}
	want := auth.Hash(s.options.OpsToken)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := bearer(r.Header)
		got := auth.Hash(token)
		if err != nil || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "The operations listener asks for its bearer token.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
