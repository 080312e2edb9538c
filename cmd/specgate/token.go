package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/specgate/specgate/handlers"
	"github.com/specgate/specgate/internal/config"
)

// newToken is a token of 256 random bits, in letters that a shell, a URL and a header take as they are.
func newToken() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // ends the process rather than fail
	return "sg-" + base64.RawURLEncoding.EncodeToString(random[:])
}

// admitOne makes a token where the configuration needs one and has none, and returns it; otherwise it is
// empty.
func admitOne(cfg *config.Config) string {
	if cfg.Auth.Mode != config.AuthTokens || len(cfg.Auth.Tokens) > 0 {
		return ""
	}
	token := newToken()
	cfg.Auth.Tokens = []config.Token{{Name: "made-at-start", Token: config.NewSecret(token)}}
	return token
}

// greet prints a token that was made, with a curl that uses it, on standard output: the log is on
// standard error, and a log is kept. The curl asks for a model that is there.
func greet(stdout io.Writer, base, token, model string) error {
	_, err := fmt.Fprintf(stdout, welcome, base, token, model)
	return err
}

// tryModel is the first model that the backend lists. One that lists none, or not at once, is asked for the
// model of the contract's examples.
func tryModel(ctx context.Context, backend handlers.Backend) string {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	list, err := backend.Models(ctx)
	if err != nil || len(list.Data) == 0 {
		return "llama3.1:8b"
	}
	return list.Data[0].Id
}

// listTime is how long the start waits for a list of models.
const listTime = 2 * time.Second

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
