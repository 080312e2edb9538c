package config_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsFromFiles(t *testing.T) {
	got := load(t, write(t, "upstreams: {gpu: {base_url: http://gpu/v1, api_key: \"${GPU_KEY}\"}}\n"), nil, env{
		"SPECGATE_API_KEY_FILE": write(t, "sg-one,sg-two\n"),
		"SPECGATE_STORE_FILE":   write(t, "postgres://u:p@h/d\r\n"),
		"GPU_KEY_FILE":          write(t, "sk-gpu"),
	})
	read := []string{got.Auth.Tokens[1].Token.Reveal(), got.StoreURL(), got.Upstreams["gpu"].APIKey.Reveal()}
	if diff := cmp.Diff([]string{"sg-two", "postgres://u:p@h/d", "sk-gpu"}, read); diff != "" {
		t.Error(diff)
	}
	got = load(t, "", nil, env{"OPENAI_BASE_URL": "http://b/v1", "OPENAI_API_KEY_FILE": write(t, "sk-env\n")})
	if key := got.Upstreams["default"].APIKey.Reveal(); key != "sk-env" {
		t.Errorf("OPENAI_API_KEY_FILE gave %q", key)
	}
}

func TestSecretFilesThatCannotBeUsed(t *testing.T) {
	empty, large := write(t, "\n"), write(t, strings.Repeat("x", 64<<10+1))
	dir := t.TempDir()
	for name, test := range map[string]struct {
		env  env
		want []string
	}{
		"missing": {
			env{"SPECGATE_API_KEY_FILE": "/nowhere"},
			[]string{"SPECGATE_API_KEY_FILE: auth.tokens cannot be read from its file: open /nowhere: no such file or directory"},
		},
		"empty": {
			env{"SPECGATE_STORE_FILE": empty},
			[]string{"SPECGATE_STORE_FILE: store has a file that is empty: " + empty},
		},
		"without an end": {
			env{"SPECGATE_API_KEY_FILE": "/dev/zero"},
			[]string{"SPECGATE_API_KEY_FILE: auth.tokens cannot be read from its file: /dev/zero is neither a plain file nor a pipe"},
		},
		"a folder": {
			env{"SPECGATE_API_KEY_FILE": dir},
			[]string{"SPECGATE_API_KEY_FILE: auth.tokens cannot be read from its file: " + dir + " is neither a plain file nor a pipe"},
		},
		"too large": {
			env{"SPECGATE_OPS_TOKEN_FILE": large},
			[]string{"SPECGATE_OPS_TOKEN_FILE: ops.token cannot be read from its file: " + large + " is larger than 64KiB, as no secret is"},
		},
		"both": {
			env{"SPECGATE_LIMITS": "memory", "SPECGATE_LIMITS_FILE": write(t, "memory")},
			[]string{"SPECGATE_LIMITS_FILE: limits.backend is given by SPECGATE_LIMITS too: unset one of them"},
		},
		"empty, and named by the settings": {
			env{"EVALS_TOKEN_FILE": empty},
			[]string{"EVALS_TOKEN_FILE: auth.tokens[0].token has a file that is empty: " + empty},
		},
		"missing, and named by the settings": {
			env{"EVALS_TOKEN_FILE": "/nowhere"},
			[]string{"EVALS_TOKEN_FILE: auth.tokens[0].token cannot be read from its file: open /nowhere: no such file or directory"},
		},
	} {
		settings := backend
		if strings.Contains(name, "named by the settings") {
			settings += "auth: {tokens: [{name: evals, token: \"${EVALS_TOKEN}\"}]}\n"
		}
		if diff := cmp.Diff(test.want, problems(t, settings, test.env)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A shell's <(command) is a pipe. It is read to its end.
func TestSecretFromAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := w.WriteString("sg-piped\n"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	got := load(t, "", nil, env{"SPECGATE_API_KEY_FILE": fmt.Sprintf("/dev/fd/%d", r.Fd())})
	if token := got.Auth.Tokens[0].Token.Reveal(); token != "sg-piped" {
		t.Errorf("%q", token)
	}
}
