package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Traces are where traces go, and which. They are set by OpenTelemetry's own variables alone, which other programs
// of a deployment have as well, and stand in no file.
type Traces struct {
	On       bool
	Endpoint string // the URL that they are posted to, path and all
	Headers  map[string]Secret
	Timeout  time.Duration // of one request there
	Gzip     bool

	Certificate                  string // a file of those that the endpoint's is to be signed by; empty for the system's
	ClientCertificate, ClientKey string // files; empty for none

	Service  string
	Resource map[string]string // what else is told of this process

	Sampler string  // as OTEL_TRACES_SAMPLER has it
	Ratio   float64 // for those samplers that take one

	Queue, Batch int           // spans that are held at most, and sent at one time
	Delay        time.Duration // how long a span waits for others at most
	Patience     time.Duration // how long a batch is tried for

	Context, Baggage bool // whether a caller's trace, and its baggage, are taken in and passed on
}

// The samplers.
const (
	SamplerAlwaysOn       = "always_on"
	SamplerAlwaysOff      = "always_off"
	SamplerRatio          = "traceidratio"
	SamplerParentAlwaysOn = "parentbased_always_on"
	SamplerParentOff      = "parentbased_always_off"
	SamplerParentRatio    = "parentbased_traceidratio"
)

// traces reads the variables. Those of what is off are not looked at.
func (l *loader) traces() {
	v := variables{l}
	if strings.EqualFold(v.get("OTEL_SDK_DISABLED"), "true") {
		return
	}
	endpoint, general := v.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), v.get("OTEL_EXPORTER_OTLP_ENDPOINT")
	exporter := v.oneOf("OTEL_TRACES_EXPORTER", "", "otlp", "none")
	if exporter == "none" || exporter+endpoint+general == "" {
		return
	}
	t := &l.config.Traces
	*t = Traces{On: true, Service: v.get("OTEL_SERVICE_NAME")}
	t.Endpoint = v.endpoint(endpoint, general)
	v.exporter(t)
	v.files(t)
	v.resource(t)
	v.sampling(t)
	v.batches(t)
	v.propagation(t)
}

// endpoint is the traces' own address as it is, or the path for traces below the one that all signals have.
func (v variables) endpoint(own, general string) string {
	if own != "" {
		return v.address("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", own)
	}
	const name, otherwise, path = "OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318", "v1/traces"
	if general == "" {
		general = otherwise
	}
	u, err := url.Parse(v.address(name, general))
	if err != nil {
		return ""
	}
	if u.RawQuery != "" {
		v.report(name, "holds a ?: remove what follows the path, or give the whole address in OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	}
	return u.JoinPath(path).String()
}

// address is a URL; what is wrong with one is told without repeating it.
func (v variables) address(name, text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		v.report(name, "must be an http or https URL, such as http://127.0.0.1:4318")
		return ""
	case u.User != nil:
		v.report(name, "holds a user or a password: remove them, and set OTEL_EXPORTER_OTLP_HEADERS")
	}
	return text
}

// exporter reads how the endpoint is spoken to.
func (v variables) exporter(t *Traces) {
	name, protocol := v.signal("PROTOCOL")
	if protocol != "" && !strings.EqualFold(protocol, "http/protobuf") {
		v.report(name, "is a protocol that is not spoken here: leave it out, or set http/protobuf, and an endpoint that takes it, mostly at port 4318")
	}
	name, _ = v.signal("COMPRESSION")
	t.Gzip = v.oneOf(name, "none", "gzip", "none") == "gzip"
	name, _ = v.signal("TIMEOUT")
	t.Timeout = v.millis(name, 10*time.Second)
	name, pairs := v.secretSignal(otlpHeaders)
	t.Headers = map[string]Secret{}
	for key, value := range v.pairs(name, pairs) {
		if !headerName.MatchString(key) || strings.ContainsFunc(value, isControl) {
			v.report(name, "holds a name or a value that no header can have")
		}
		if slices.Contains(reserved, strings.ToLower(key)) {
			v.report(name, "names a header that is not for it to set: leave out "+strings.Join(reserved, ", "))
		}
		t.Headers[key] = NewSecret(value)
	}
}

// reserved headers are those of the transport, which would leave some of them out, and those that are as the body is.
var reserved = []string{
	"connection", "content-encoding", "content-length", "content-type", "host", "keep-alive", "proxy-connection", "te", "trailer",
	"transfer-encoding", "upgrade", "user-agent",
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// files reads where certificates are. Whether they can be used is seen where they are read.
func (v variables) files(t *Traces) {
	_, t.Certificate = v.signal("CERTIFICATE")
	certificate, file := v.signal("CLIENT_CERTIFICATE")
	key, keyFile := v.signal("CLIENT_KEY")
	switch {
	case file != "" && keyFile == "":
		v.report(key, "is missing: give the file with the key of "+certificate)
	case file == "" && keyFile != "":
		v.report(certificate, "is missing: give the file with the certificate of "+key)
	default:
		t.ClientCertificate, t.ClientKey = file, keyFile
	}
}

// resource reads what is told of the process.
func (v variables) resource(t *Traces) {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	t.Resource = v.pairs(name, v.get(name))
	if t.Service == "" {
		t.Service = t.Resource["service.name"]
	}
	delete(t.Resource, "service.name")
}

// sampling reads which requests are traced.
func (v variables) sampling(t *Traces) {
	t.Sampler = v.oneOf("OTEL_TRACES_SAMPLER", SamplerParentAlwaysOn,
		SamplerAlwaysOn, SamplerAlwaysOff, SamplerRatio, SamplerParentAlwaysOn, SamplerParentOff, SamplerParentRatio)
	if t.Sampler == SamplerRatio || t.Sampler == SamplerParentRatio {
		t.Ratio = v.share("OTEL_TRACES_SAMPLER_ARG", 1)
	}
}

// longestQueue is how many spans may be held: about 100 MB of them.
const longestQueue = 100_000

// batches reads how spans are put together.
func (v variables) batches(t *Traces) {
	const queue, batch = "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
	t.Delay = v.millis("OTEL_BSP_SCHEDULE_DELAY", 5*time.Second)
	t.Patience = v.millis("OTEL_BSP_EXPORT_TIMEOUT", 30*time.Second)
	if t.Queue = v.count(queue, 2048); t.Queue > longestQueue {
		v.report(queue, fmt.Sprintf("must be %d at most: all of them are held in memory while nobody takes them", longestQueue))
	}
	t.Batch = v.count(batch, min(512, t.Queue))
	if t.Batch > t.Queue {
		v.report(batch, "is more than "+queue)
	}
}

// propagation reads what of a caller's is taken in. Baggage is what it likes, and goes to backends who may be
// another's: not unless it is asked for by its name.
func (v variables) propagation(t *Traces) {
	const name, otherwise = "OTEL_PROPAGATORS", "tracecontext"
	listed := v.get(name)
	if listed == "" {
		listed = otherwise
	}
	for one := range strings.SplitSeq(listed, ",") {
		switch strings.ToLower(strings.TrimSpace(one)) {
		case otherwise:
			t.Context = true
		case "baggage":
			t.Baggage = true
		case "none":
		default:
			v.report(name, "must list any of tracecontext and baggage, or be none")
		}
	}
}
