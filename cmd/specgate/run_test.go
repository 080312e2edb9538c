package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/config"
)

// result is what a run leaves behind.
type result struct {
	code           int
	stdout, stderr string
}

// invoke runs the program with a command line, split at spaces, and an environment.
func invoke(t *testing.T, line string, env map[string]string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), strings.Fields(line), terminal{
		stdout: &stdout, stderr: &stderr, getenv: func(name string) string { return env[name] },
	})
	return result{code, stdout.String(), stderr.String()}
}

// embedded is the notice of a gateway without a backend.
const embedded = "specgate: note: no upstream is set, so the embedded test model specgate-1 answers: " +
	"OPENAI_BASE_URL (with /v1), or base_url under upstreams.NAME in the file, puts a backend in its place\n"

func TestRunExits(t *testing.T) {
	backend := map[string]string{"OPENAI_BASE_URL": "http://gpu/v1"}
	tests := []struct {
		line   string
		env    map[string]string
		code   int
		stderr string
	}{
		{"version", nil, 0, ""},
		{"--help", nil, 0, ""},
		{"config", nil, 0, ""},
		{"completion bash", nil, 0, ""},
		{"config check", backend, 0, ""},
		{"config check", nil, 0, embedded},
		{"config check", map[string]string{"OPENAI_BASE_URL": "gpu"}, 1, "specgate: OPENAI_BASE_URL: upstreams.default.base_url must be an http or https URL, such as http://127.0.0.1:8000/v1\n"},
		{"config check --listen 8420 --log-level loud", backend, 1, `specgate: --listen: listen is "8420": it must be host:port, such as 127.0.0.1:8420, or :8420 for every address
specgate: --log-level: log.level is "loud": it must be debug, info, warn or error
`},
		{"serve --listen :8420", backend, 1, "specgate: --listen: listen is :8420, which others can reach, and there is no token: set SPECGATE_API_KEY or auth.tokens, or listen on 127.0.0.1\n"},
		{"config check --config none.yaml", nil, 1, "specgate: the configuration file cannot be read: open none.yaml: no such file or directory\n"},
		{"healthcheck --listen 127.0.0.1:0", nil, 1, "specgate: listen \"127.0.0.1:0\" leaves the port to the system: name it with --url\n"},
		{"sreve", nil, 2, "specgate: there is no command \"specgate sreve\"; did you mean specgate serve?\nspecgate: see specgate --help\n"},
		{"config chekc", nil, 2, "specgate: there is no command \"specgate config chekc\"; did you mean specgate config check?\nspecgate: see specgate config --help\n"},
		{"nothing", nil, 2, "specgate: there is no command \"specgate nothing\"\nspecgate: see specgate --help\n"},
		{"serve --no-such", nil, 2, "specgate: unknown flag: --no-such\nspecgate: see specgate serve --help\n"},
		{"serve file.yaml", nil, 2, "specgate: specgate serve takes no argument, such as \"file.yaml\"\nspecgate: see specgate serve --help\n"},
		{"spec --format xml", nil, 2, "specgate: --format is \"xml\": it must be yaml or json\nspecgate: see specgate spec --help\n"},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			got := invoke(t, test.line, test.env)
			if got.code != test.code {
				t.Errorf("exit code %d; want %d", got.code, test.code)
			}
			if diff := cmp.Diff(test.stderr, got.stderr); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
			if (got.stdout == "") != (test.code != exitOK) {
				t.Errorf("standard output: %q", got.stdout)
			}
		})
	}
}

// Whoever asks for help learns how a command is used.
func TestRunHelpsWithEveryCommand(t *testing.T) {
	for _, line := range []string{
		"", "serve", "config check", "config print", "config schema", "spec", "conformance", "version", "healthcheck",
	} {
		got := invoke(t, line+" --help", nil)
		if got.code != exitOK || !strings.Contains(got.stdout, "Examples:") || !strings.Contains(got.stdout, "specgate "+line) {
			t.Errorf("%s --help exits %d with\n%s", line, got.code, got.stdout)
		}
	}
	if help := invoke(t, "--help", nil).stdout; !strings.Contains(help, "Exit codes:") {
		t.Errorf("no exit codes in\n%s", help)
	}
}

// What was printed to begin with is read without a word about what is in it.
func TestConfigPrintIsAFileToBeginWith(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(file, []byte(invoke(t, "config print", nil).stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := invoke(t, "config check --config "+file, nil); got.code != exitOK || got.stderr != embedded {
		t.Errorf("%d %s", got.code, got.stderr)
	}
}

// Whoever has the binary alone finds the pages that its help names.
func TestHelpNamesPagesByTheirAddress(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"serve", "config", "keys", "orgs", "projects", "usage", "conformance"} {
		help := invoke(t, line+" --help", nil).stdout
		if bare := strings.ReplaceAll(help, "https://github.com/specgate/specgate/blob/main/docs/", ""); bare == help || strings.Contains(bare, "docs/") {
			t.Errorf("%s --help has\n%s", line, help)
		}
		prose, _, _ := strings.Cut(help, "\nUsage:")
		for one := range strings.Lines(prose) {
			if text := strings.TrimSuffix(one, "\n"); len(text) > 100 || strings.TrimRight(text, " ") != text {
				t.Errorf("%s --help has a line that no terminal shows as one: %q", line, text)
			}
		}
	}
}

func TestConfigPrintShowsWhatIsInForce(t *testing.T) {
	got := invoke(t, "config print --listen 127.0.0.1:1", map[string]string{
		"OPENAI_BASE_URL": "http://gpu/v1", "OPENAI_API_KEY": "sk-secret", "SPECGATE_API_KEY": "sg-secret",
	})
	if got.code != exitOK || strings.Contains(got.stdout+got.stderr, "secret") {
		t.Errorf("exit code %d with\n%s%s", got.code, got.stdout, got.stderr)
	}
	for _, line := range []string{
		"listen: 127.0.0.1:1 # --listen\n", "base_url: http://gpu/v1 # OPENAI_BASE_URL\n", "api_key: '[redacted]' # OPENAI_API_KEY\n",
	} {
		if !strings.Contains(got.stdout, line) {
			t.Errorf("no %q in\n%s", line, got.stdout)
		}
	}
}

// A flag that is given and empty is not a flag that is not given.
func TestConfigPrintTakesAnEmptyFlag(t *testing.T) {
	got := invoke(t, "config print --ops-listen=", map[string]string{"OPENAI_BASE_URL": "http://gpu/v1", "SPECGATE_OPS_LISTEN": "127.0.0.1:1"})
	if got.code != exitOK || !strings.Contains(got.stdout, "ops_listen: \"\" # --ops-listen\n") {
		t.Errorf("exit code %d with\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestConfigPrintShowsWhatIsRefused(t *testing.T) {
	got := invoke(t, "config print --log-format xml", nil)
	if got.code != exitFailure || !strings.Contains(got.stdout, "listen: 127.0.0.1:8420\n") || !strings.Contains(got.stderr, "log.format is \"xml\"") {
		t.Errorf("exit code %d with\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestConfigCheckShowsNotices(t *testing.T) {
	file := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(file, []byte("upstreams: {gpu: {base_url: http://gpu/v1}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := invoke(t, "config check", map[string]string{"SPECGATE_CONFIG": file, "OPENAI_API_KEY": "sk-secret"})
	want := result{0, "The configuration is valid.\n", "specgate: note: OPENAI_API_KEY is ignored: the upstreams are those in " + file + ", which does not refer to it\n"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("config check (-want +got):\n%s", diff)
	}
}

func TestConfigSchemaIsThePublishedOne(t *testing.T) {
	want, err := os.ReadFile("../../docs/config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), invoke(t, "config schema", nil).stdout); diff != "" {
		t.Errorf("schema (-published +printed):\n%s", diff)
	}
}

func TestSpecIsTheContract(t *testing.T) {
	if got := invoke(t, "spec", nil).stdout; got != string(gen.Spec) {
		t.Error("spec does not print the file byte for byte")
	}
	var document struct {
		OpenAPI string                     `json:"openapi"`
		Paths   map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(invoke(t, "spec --format json", nil).stdout), &document); err != nil {
		t.Fatal(err)
	}
	if document.OpenAPI != "3.0.3" || document.Paths["/v1/completions"] == nil {
		t.Errorf("spec --format json prints %+v", document)
	}
}

func TestVersionIsThatOfTheLinker(t *testing.T) {
	version = "1.2.3"
	t.Cleanup(func() { version = "" })
	for _, line := range []string{"version", "--version"} {
		if got := invoke(t, line, nil).stdout; !regexp.MustCompile(`^specgate 1\.2\.3 \(commit .+, go1\..+, .+/.+\)\n$`).MatchString(got) {
			t.Errorf("%s prints %q", line, got)
		}
	}
}

func TestHealthcheckGoesByTheStatus(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/moved", http.RedirectHandler("/healthz", http.StatusFound))
	server := httptest.NewServer(mux)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	_, port, _ := strings.Cut(address, ":")
	tests := []struct {
		line string
		env  map[string]string
		code int
	}{
		{"healthcheck --listen " + address, nil, 0},
		{"healthcheck --listen 0.0.0.0:" + port, nil, 0},
		{"healthcheck --listen :" + port, nil, 0},
		{"healthcheck", map[string]string{"SPECGATE_LISTEN": address}, 0},
		{"healthcheck --url " + server.URL + "/healthz", nil, 0},
		{"healthcheck --url " + server.URL + "/none", nil, 1},
		{"healthcheck --url " + server.URL + "/moved", nil, 1},
		{"healthcheck --listen 127.0.0.1:1", nil, 1},
	}
	for _, test := range tests {
		if got := invoke(t, test.line, test.env); got.code != test.code {
			t.Errorf("%s exits %d; want %d: %s", test.line, got.code, test.code, got.stderr)
		}
	}
}

func TestLocalURLReachesAListener(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8420": "http://127.0.0.1:8420",
		"0.0.0.0:8420":   "http://127.0.0.1:8420",
		":8420":          "http://127.0.0.1:8420",
		"[::]:8420":      "http://[::1]:8420",
		"[::1]:8420":     "http://[::1]:8420",
		"gateway:8420":   "http://gateway:8420",
	} {
		if got, err := localURL(listen); err != nil || got != want {
			t.Errorf("%s is reached at %s, %v; want %s", listen, got, err, want)
		}
	}
}

func TestAdmitOneMakesATokenWhereThereIsNone(t *testing.T) {
	cfg := config.Default()
	token := admitOne(&cfg)
	if !regexp.MustCompile(`^sg-[A-Za-z0-9_-]{43}$`).MatchString(token) || cfg.Auth.Tokens[0].Token.Reveal() != token {
		t.Errorf("token %q for %+v", token, cfg.Auth.Tokens)
	}
	if again := admitOne(&cfg); again != "" || len(cfg.Auth.Tokens) != 1 {
		t.Errorf("beside a token another was made: %q", again)
	}
	if other := admitOne(new(config.Default())); other == token {
		t.Error("one token was made twice")
	}
}

// What is printed is pasted into a shell, and the request looked at.
func TestGreetPrintsACurlThatWorks(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	bodies := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- strings.Join([]string{r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}, "\n")
	}))
	defer server.Close()
	var stdout bytes.Buffer
	if err := greet(&stdout, server.URL, "sg-1", "specgate-1"); err != nil {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(stdout.String(), "\n\n")
	shell := exec.CommandContext(t.Context(), "sh", "-c", command)
	shell.Env = append(os.Environ(), "no_proxy=*")
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	want := "POST\n/v1/completions\nBearer sg-1\napplication/json\n{\n\"model\": \"specgate-1\",\n\"prompt\": \"Hello World\",\n\"stream\": false\n}"
	if diff := cmp.Diff(want, <-bodies); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestInterruptibleEndsAtTheSecondSignal(t *testing.T) {
	signals, ended := make(chan os.Signal), make(chan struct{})
	ctx := interruptible(context.Background(), signals, func() { close(ended) })
	if ctx.Err() != nil {
		t.Fatal("done before any signal")
	}
	signals <- syscall.SIGTERM
	<-ctx.Done()
	select {
	case <-ended:
		t.Fatal("ended at the first signal")
	default:
	}
	signals <- os.Interrupt
	<-ended
}

// A key alone chooses no backend, and whoever set it is told so.
func TestServeWithAKeyAlone(t *testing.T) {
	got := invoke(t, "serve --log-format xml", map[string]string{"OPENAI_API_KEY": "sk-secret"})
	if got.code != exitFailure || !strings.Contains(got.stderr, "OPENAI_API_KEY is ignored") || !strings.Contains(got.stderr, embedded) {
		t.Errorf("got %+v", got)
	}
}

// What is wrong with the settings and what is wrong with the script of faults is told in one go.
func TestConfigCheckTellsAll(t *testing.T) {
	got := invoke(t, "config check", map[string]string{"SPECGATE_FAULTS": "/nonexistent/faults.yaml", "SPECGATE_LOG_LEVEL": "loud"})
	if got.code != exitFailure || !strings.Contains(got.stderr, "faults.file cannot be read") || !strings.Contains(got.stderr, "SPECGATE_LOG_LEVEL") {
		t.Errorf("got %+v", got)
	}
}

// A file of certificates that has no end, or nobody at its other end, is refused at once.
func TestCertificatesArePlainFiles(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := certificate(t)
	pipe, large := filepath.Join(t.TempDir(), "pipe"), filepath.Join(t.TempDir(), "large")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(large, nil, 0o600), os.Truncate(large, 1<<40)); err != nil {
		t.Fatal(err)
	}
	for setting, sound := range map[string]map[string]string{
		"OTEL_EXPORTER_OTLP_CERTIFICATE":        {"OTEL_TRACES_EXPORTER": "otlp"},
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_CLIENT_KEY": keyFile},
		"OTEL_EXPORTER_OTLP_CLIENT_KEY":         {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": certFile},
		"SPECGATE_TLS_CERT_FILE":                {"SPECGATE_TLS_KEY_FILE": keyFile},
		"SPECGATE_TLS_KEY_FILE":                 {"SPECGATE_TLS_CERT_FILE": certFile},
	} {
		for file, want := range map[string]string{pipe: pipe + " is no plain file", "/dev/zero": "/dev/zero is no plain file", large: large + " is larger than 4MiB"} {
			for _, command := range []string{"config check", "serve --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0"} {
				env := maps.Clone(sound)
				env[setting] = file
				ended := make(chan result, 1)
				go func() { ended <- invoke(t, command, env) }()
				select {
				case got := <-ended:
					if got.code != 1 || !strings.Contains(got.stderr, want) {
						t.Errorf("%s with %s=%s: %+v", command, setting, file, got)
					}
				case <-time.After(bounded):
					t.Fatalf("%s with %s=%s does not end", command, setting, file)
				}
			}
		}
	}
}
