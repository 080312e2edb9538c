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
	strangerSite  = "site"  // a page of another site has a browser send it
)

// Strangers lists what Metrics.Stranger is called with.
func Strangers() []string { return []string{strangerToken, strangerHost, strangerSite} }

// stranger says why a request is not an operator's; "" for one that is. want is the hash of the token.
func (s *Server) stranger(r *http.Request, want [32]byte) string {
	switch {
	case s.options.OpsToken != "":
	case local(r) && !loopback(r.Host):
		return strangerHost
	case !ownSite(r.Header):
		return strangerSite
	default:
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

// loopback reports whether a Host is an address of loopback, or localhost. A page of a browser's can have any other name
// lead here, and read then what is served. The zone of an address may be such a name too.
func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	at, err := netip.ParseAddr(name)
	return err == nil && at.IsLoopback() && at.Zone() == "" || strings.EqualFold(name, "localhost")
}

// ownSite reports whether no page of another site sent a request, as browsers tell. Such a page cannot read the answer,
// but a profile is work all the same.
func ownSite(h http.Header) bool {
	switch first(h, headerSite) {
	case "", "none", "same-origin":
		return true
	default:
		return false
	}
}

// turnAway refuses what is not an operator's. It is counted, and the log tells it now and then.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, why string) {
	s.options.Metrics.Stranger(why)
	if s.strangers.now(time.Now()) {
		s.options.Logger.LogAttrs(r.Context(), slog.LevelWarn, "request for operations refused", slog.String("reason", why), slog.String("from", r.RemoteAddr))
	}
	switch why {
	case strangerHost:
		http.Error(w, "Without a token, the operations listener answers on loopback to its addresses and localhost alone.", http.StatusForbidden)
	case strangerSite:
		http.Error(w, "Without a token, the operations listener answers no pages of other sites.", http.StatusForbidden)
	default:
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "The operations listener asks for its bearer token.", http.StatusUnauthorized)
	}
}
