package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// serveProxy is httputil.ReverseProxy as it comes, from listen,upstream, but for one setting: at its
// default of two idle connections it would spend its time on connecting.
func serveProxy(addresses string) error {
	listen, to, _ := strings.Cut(addresses, ",")
	target := &url.URL{Scheme: "http", Host: to}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 1024
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport,
	}
	server := http.Server{Addr: listen, Handler: proxy, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}
