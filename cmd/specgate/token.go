package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/localmodel"
)

// newToken is a token of 256 random bits, in letters that a shell, a URL and a header take as they are.
func newToken() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // ends the process rather than fail
	return "sg-" + base64.RawURLEncoding.EncodeToString(random[:])
}

// admitOne makes a token where the configuration has none, and returns it; empty where there was one.
func admitOne(cfg *config.Config) string {
	if len(cfg.Auth.Tokens) > 0 {
		return ""
	}
	token := newToken()
	cfg.Auth.Tokens = []config.Token{{Name: "made-at-start", Token: config.NewSecret(token)}}
	return token
}

// greet prints a token that was made, with a curl that uses it, on standard output: the log is on
// standard error, and a log is kept. The curl asks for a model that is there.
func greet(stdout io.Writer, listen, token, model string) error {
	base, err := localURL(listen)
	if err != nil { // the port is not known yet, so this much cannot be pasted
		base = "http://" + listen
	}
	_, err = fmt.Fprintf(stdout, welcome, base, token, model)
	return err
}

// tryModel is what somebody who only wants to try may ask for. With a backend of their own nobody knows
// here; it is the model of the contract's examples.
func tryModel(cfg config.Config) string {
	if len(cfg.Upstreams) == 0 {
		return localmodel.ID
	}
	return "llama3.1:8b"
}

const welcome = `No token is configured, so this one was made. It is shown once and ends with the process;
set SPECGATE_API_KEY or auth.tokens to choose your own. To try it:

curl -X POST "%s/v1/completions" \
-H "Authorization: Bearer %s" \
-H "Content-Type: application/json" \
-d '{
"model": "%s",
"prompt": "Hello World",
"stream": false
}'

`
