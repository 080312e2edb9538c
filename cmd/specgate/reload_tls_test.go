package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// issued is a certificate in the folder of a process, under a name.
func (g *changing) issued(name string) *x509.CertPool {
	g.t.Helper()
	certFile, keyFile, roots := certificate(g.t)
	for from, to := range map[string]string{certFile: ".crt", keyFile: ".key"} {
		g.write(name+to, string(contents(g.t, from)))
	}
	return roots
}

// shows reports whether a caller who trusts roots alone gets an answer over a connection of his own.
func (g *changing) shows(roots *x509.CertPool) bool {
	g.t.Helper()
	caller, _ := g.through(&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}})
	resp, err := caller.client.Do(caller.request(g.t.Context(), "GET", "/healthz", nil))
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// awaitShown waits until the certificate is in use.
func (g *changing) awaitShown(roots *x509.CertPool) {
	g.t.Helper()
	for end := time.Now().Add(bounded); !g.shows(roots); {
		if time.Now().After(end) {
			g.t.Fatal("the certificate is not in use")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A certificate that is renewed together with the settings is taken as well; connections from before go on.
func TestReloadBesideARenewedCertificate(t *testing.T) {
	t.Parallel()
	const settings = "tls: {cert_file: $dir/a.crt, key_file: $dir/a.key}\nreload: {watch: false}\n"
	g := unstarted(t)
	before := g.issued("a")
	g.begin(settings)
	kept, dialled := g.through(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: before}})
	kept.mustAnswer(of("specgate-1"))
	after := g.issued("a")
	g.change(settings + "upstream: {expose: true}\n")
	g.awaitShown(after)
	if got := kept.complete(of("specgate-1")); from(got) != "embedded" || dialled.Load() != 1 {
		t.Errorf("%d by %q over %d connections", got.status, from(got), dialled.Load())
	}
	if g.shows(before) {
		t.Error("the old certificate is in use")
	}
}

// Another certificate waits for the restart, and is looked at at once: one that would keep the gateway from starting again
// is refused with all else, and taken once it is mended.
func TestReloadNamesAnotherCertificate(t *testing.T) {
	t.Parallel()
	const settings = "tls: {cert_file: $dir/a.crt, key_file: $dir/a.key}\n"
	const another = "tls: {cert_file: $dir/b.crt, key_file: $dir/b.key}\nretry: {attempts: 3}\n"
	g := unstarted(t)
	before := g.issued("a")
	g.begin(settings)
	g.set(another)
	g.reload("refused")
	g.log.await(t, "setting refused", "tls.cert_file and tls.key_file cannot be used", "b.crt: no such file")
	g.issued("b")
	g.write("b.key", string(contents(t, filepath.Join(g.dir, "a.key"))))
	g.reload("refused")
	g.log.await(t, "setting refused", "private key does not match public key")
	g.mustCount("specgate_config_last_reload_successful", "0")
	after := g.issued("b")
	g.awaitRead("taken") // with no signal
	g.log.await(t, "setting waits for a restart", "setting=tls.cert_file ")
	g.log.await(t, "setting changed", "setting=retry.attempts ")
	g.mustCount("specgate_config_restart_pending", "2")
	if !g.shows(before) || g.shows(after) {
		t.Error("the certificate in use is not that of before")
	}
	if err := os.Remove(filepath.Join(g.dir, "a.key")); err != nil { // which is none of what settings name
		t.Fatal(err)
	}
	g.set(settings)
	g.reload("taken")
	g.mustCount("specgate_config_restart_pending", "0")
	if !g.shows(before) {
		t.Error("the certificate that was in use is not any more")
	}
}
