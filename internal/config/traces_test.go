package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/config"
)

func tracesOf(t *testing.T, env map[string]string) (config.Traces, string) {
	t.Helper()
	c, err := config.Load("", nil, func(name string) string { return env[name] })
	if err != nil {
		return c.Traces, err.Error()
	}
	return c.Traces, ""
}

// Where nobody says where traces go, there are none, and what else is set of them does not matter.
func TestTracesAreOff(t *testing.T) {
	t.Parallel()
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for _, env := range []map[string]string{
		{},
		{"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "nonsense"},
		{endpoint: "http://x", "OTEL_SDK_DISABLED": "True"},
		{endpoint: "http://x", "OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
		{endpoint: " "},
		{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"},
		{endpoint: "http://x", "OTEL_TRACES_EXPORTER": "None"},
	} {
		if got, refused := tracesOf(t, env); got.On || refused != "" {
			t.Errorf("%v: %+v, %s", env, got, refused)
		}
	}
}

// The defaults are those of OpenTelemetry, and so are the rules for the two addresses.
func TestTracesAreReadFromTheStandardVariables(t *testing.T) {
	t.Parallel()
	plain := config.Traces{
		On: true, Endpoint: "http://localhost:4318/v1/traces", Headers: map[string]config.Secret{}, Timeout: 10 * time.Second,
		Resource: map[string]string{}, Sampler: "parentbased_always_on", Queue: 2048, Batch: 512, Delay: 5 * time.Second, Patience: 30 * time.Second, Context: true,
	}
	for endpoint, want := range map[string]string{
		"http://c:4318": "http://c:4318/v1/traces", "http://c:4318/": "http://c:4318/v1/traces", "https://c/otlp/": "https://c/otlp/v1/traces",
	} {
		p := plain
		p.Endpoint = want
		got, refused := tracesOf(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
		if diff := cmp.Diff(p, got); diff != "" || refused != "" {
			t.Errorf("%s: %s (-want +got)\n%s", endpoint, refused, diff)
		}
	}
	if got, refused := tracesOf(t, map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}); cmp.Diff(plain, got) != "" || refused != "" {
		t.Errorf("without an address: %s\n%s", refused, cmp.Diff(plain, got))
	}
	got, refused := tracesOf(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://ignored", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/in?tenant=a",
		"OTEL_EXPORTER_OTLP_HEADERS": "a=ignored", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=Bearer%20x, X-Tenant = a%2Cb",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "2000", "OTEL_EXPORTER_OTLP_COMPRESSION": "none", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem",
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "c.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "k.pem",
		"OTEL_RESOURCE_ATTRIBUTES": "service.name=by-attribute,deployment.environment.name=a%20b", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25",
		"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_EXPORT_TIMEOUT": "3000", "OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_PROPAGATORS": "tracecontext, baggage",
	})
	want := config.Traces{
		On: true, Endpoint: "https://c/in?tenant=a", Headers: map[string]config.Secret{"authorization": config.NewSecret("Bearer x"), "X-Tenant": config.NewSecret("a,b")},
		Timeout: 2 * time.Second, Gzip: true, Certificate: "ca.pem", ClientCertificate: "c.pem", ClientKey: "k.pem",
		Service: "by-attribute", Resource: map[string]string{"deployment.environment.name": "a b"}, Sampler: "traceidratio", Ratio: 0.25,
		Queue: 100, Batch: 100, Delay: 100 * time.Millisecond, Patience: 3 * time.Second, Context: true, Baggage: true,
	}
	if diff := cmp.Diff(want, got); diff != "" || refused != "" {
		t.Errorf("%s (-want +got)\n%s", refused, diff)
	}
}

// What is one of some words is so in any letter case.
func TestTracesInAnyLetterCase(t *testing.T) {
	t.Parallel()
	got, refused := tracesOf(t, map[string]string{
		"OTEL_TRACES_EXPORTER": "OTLP", "OTEL_EXPORTER_OTLP_PROTOCOL": "HTTP/Protobuf", "OTEL_EXPORTER_OTLP_COMPRESSION": "GZip",
		"OTEL_TRACES_SAMPLER": "TraceIDRatio", "OTEL_TRACES_SAMPLER_ARG": "0.5", "OTEL_PROPAGATORS": "TraceContext,Baggage",
	})
	if refused != "" || !got.On || !got.Gzip || got.Sampler != config.SamplerRatio || got.Ratio != 0.5 || !got.Context || !got.Baggage {
		t.Errorf("%+v, %s", got, refused)
	}
}

// Headers that the transport or the body decides are none of the variables'.
func TestTraceHeadersThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Host", "content-length", "Transfer-Encoding", "Trailer", "User-Agent", "Content-Type", "Content-Encoding", "Connection"} {
		_, refused := tracesOf(t, map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_HEADERS": "a=b," + name + "=hush"})
		if !strings.HasPrefix(refused, "OTEL_EXPORTER_OTLP_HEADERS: ") || strings.Contains(refused, "hush") {
			t.Errorf("%s: %q", name, refused)
		}
	}
}

// As many spans can be held as memory is for, and no more.
func TestLongestQueueOfSpans(t *testing.T) {
	t.Parallel()
	for text, well := range map[string]bool{"100000": true, "100001": false, "2147483647": false} {
		_, refused := tracesOf(t, map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_BSP_MAX_QUEUE_SIZE": text})
		if well != (refused == "") || !well && !strings.HasPrefix(refused, "OTEL_BSP_MAX_QUEUE_SIZE: ") {
			t.Errorf("%s: %q", text, refused)
		}
	}
}

// Headers, which may hold a token, may be in a file.
func TestTraceHeadersFromAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(path, []byte("a=b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS_FILE", "OTEL_EXPORTER_OTLP_TRACES_HEADERS_FILE"} {
		got, refused := tracesOf(t, map[string]string{"OTEL_TRACES_EXPORTER": "otlp", name: path})
		if diff := cmp.Diff(map[string]config.Secret{"a": config.NewSecret("b")}, got.Headers); diff != "" || refused != "" {
			t.Errorf("%s: %s (-want +got)\n%s", name, refused, diff)
		}
	}
}

// What cannot be kept to is refused by its name, and not repeated.
func TestTracesAreRefused(t *testing.T) {
	t.Parallel()
	const hidden = "hush"
	for name, value := range map[string]string{
		"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:" + hidden + "@c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "c:4317/" + hidden, "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "10s", "OTEL_EXPORTER_OTLP_HEADERS": "a=b," + hidden, "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a b=" + hidden,
		"OTEL_EXPORTER_OTLP_CLIENT_KEY": "k.pem", "OTEL_RESOURCE_ATTRIBUTES": "a=%zz" + hidden, "OTEL_TRACES_SAMPLER": "sometimes",
		"OTEL_BSP_MAX_QUEUE_SIZE": "0", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096", "OTEL_BSP_SCHEDULE_DELAY": "soon", "OTEL_BSP_EXPORT_TIMEOUT": "-1", "OTEL_PROPAGATORS": "b3",
	} {
		env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}
		env[name] = value
		named := name
		if name == "OTEL_EXPORTER_OTLP_CLIENT_KEY" {
			named = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
		}
		if _, refused := tracesOf(t, env); !strings.HasPrefix(refused, named+": ") || strings.Contains(refused, hidden) {
			t.Errorf("%s=%s: %q", name, value, refused)
		}
	}
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "NaN"}
	if _, refused := tracesOf(t, env); !strings.HasPrefix(refused, "OTEL_TRACES_SAMPLER_ARG: ") {
		t.Error(refused)
	}
}
