package server

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/specgate/specgate/internal/auth"
)

// operate answers a request to the operations listener.
func (s *Server) operate(w http.ResponseWriter, r *http.Request) { s.operations.ServeHTTP(w, r) }

// newOperations is what the operations listener serves. Health checks are for everybody, as they are for callers:
// what asks for them has seldom a token to show.
func (s *Server) newOperations() http.Handler {
	want := auth.Hash(s.options.OpsToken)
	mux := http.NewServeMux()
	mux.Handle(pageHealth, s)
	mux.HandleFunc(pageReady, func(w http.ResponseWriter, r *http.Request) {
		toWhom := toOperators(s.stranger(r, want) == "")
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), toOperatorsKey{}, toWhom)))
	})
	if s.options.Operations != nil {
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			if why := s.stranger(r, want); why != "" {
				s.turnAway(w, r, why)
				return
			}
			s.options.Operations.ServeHTTP(w, r)
		})
	}
	return mux
}

// toOperators, in a context by its key, is whether a request is an operator's.
type (
	toOperators    bool
	toOperatorsKey struct{}
)

// Why the operations listener refuses a request.
const (
	strangerToken = "token" // it lacks the token
	strangerHost  = "host"  // it came to this machine alone by a name that anybody may have made
)

// Strangers lists what Metrics.Stranger is called with.
func Strangers() []string { return []string{strangerToken, strangerHost} }

// stranger says why a request is not an operator's; "" for one that is. want is the hash of the token.
func (s *Server) stranger(r *http.Request, want [32]byte) string {
	if s.options.OpsToken == "" {
		if local(r) && !literal(r.Host) {
			return strangerHost
		}
		return ""
	}
	token, err := bearer(r.Header)
	got := auth.Hash(token)
	if err != nil || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return strangerToken
	}
	return ""
}

// local reports whether a request came over loopback.
func local(r *http.Request) bool {
	at, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// literal reports whether a Host is an address, or localhost. A page of a browser's can have any other name lead
// here, and read then what is served.
func literal(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	_, err = netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil || name == "" || strings.EqualFold(name, "localhost")
}

// turnAway refuses what is not an operator's. It is counted, and the log tells it now and then.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, why string) {
	s.options.Metrics.Stranger(why)
	if s.strangers.now(time.Now()) {
		s.options.Logger.LogAttrs(r.Context(), slog.LevelWarn, "request for operations refused", slog.String("reason", why), slog.String("from", r.RemoteAddr))
	}
	if why == strangerHost {
		http.Error(w, "Without a token, the operations listener answers to an IP address or localhost alone.", http.StatusForbidden)
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, "The operations listener asks for its bearer token.", http.StatusUnauthorized)
}
