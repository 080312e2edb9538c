package check

import (
	"strings"
	"testing"
)

func TestChartRefuses(t *testing.T) {
	for _, test := range []struct{ set, want string }{
		{"replicas=2,config.auth.mode=keys,persistence.enabled=true", "cannot share keys in SQLite"},
		{"autoscaling.enabled=true,config.auth.mode=keys,config.store=sqlite:///x", "cannot share keys in SQLite"},
		{"replicas=2,config.auth.mode=keys,config.store=postgres://h/d", "would each grant the limits"},
		{"replicas=2,secret.T=t,config.auth.tokens[0].token=${T},config.auth.tokens[0].limits.requests_per_minute=1", "would each grant the limits"},
		{"config.auth.mode=keys", "would be lost with the pod"},
		{"replicas=2,persistence.enabled=true", "persistence is of one replica"},
		{"existingSecret=a,secret.B=c,config.auth.mode=tokens", "both set"},
		{"replicas=3,secret.SPECGATE_AUTH_MODE=keys", "cannot share keys in SQLite"},
		{"existingSecret=a", "set config.auth.mode"},
		{"extraEnv[0].name=SPECGATE_AUTH_MODE,extraEnv[0].valueFrom.secretKeyRef.name=a", "set config.auth.mode"},
		{"config.shutdown.drain=30s", "a stream may take 3600s"},
		{"config.upstreams.a.timeouts.total=2h,config.shutdown.drain=1h30m", "a stream may take 7200s"},
		{"config.upstreams.a.timeouts.total=0s", "without end"},
		{"config.upstreams.a.timeouts.total=0", "without end"},
		{"config.upstreams.a.timeouts.total=0s,config.shutdown.drain=0", "without end"},
		{"config.upstreams.a.timeouts.total=0s,config.upstreams.b.timeouts.total=2h,config.shutdown.drain=1h", "a stream may take 7200s"},
		{"config.shutdown.delay=soon", "/config/shutdown/delay"},
		{"config.shutdown.delay=${DELAY}", "is not a duration"},
		{"serviceMonitor.enabled=true,config.ops.token=${TOKEN},secret.TOKEN=0123456789abcdef", "cannot read it"},
		{"service.type=LoadBalancer,networkPolicy.from[0].namespaceSelector.matchLabels.a=b", "add an ipBlock"},
		{"autoscaling.enabled=true,autoscaling.minReplicas=10,autoscaling.maxReplicas=2", "minReplicas is 10"},
		{"replicas=2,podDisruptionBudget.maxUnavailable=0", "no node could be drained"},
		{"replicas=2,podDisruptionBudget.maxUnavailable=0%", "no node could be drained"},
		{"config.listen=0.0.0.0:80", "config.listen is the chart's own"},
		{"config.ops_listen=", "config.ops_listen is the chart's own"},
		{"extraEnv[0].name=SPECGATE_CONFIG,extraEnv[0].value=/a", "SPECGATE_CONFIG is the chart's own"},
		{"secret.SPECGATE_LISTEN=:80", "SPECGATE_LISTEN is the chart's own"},
		{"tls.secretName=a,config.tls.cert_file=/a", "both name a certificate"},
		{"config.contract.overlay=/etc/overlay/o.yaml", "config.contract.overlay is /etc/overlay/o.yaml, which nothing mounts"},
		{"config.contract.overlay=/etc/overlays/o.yaml,extraVolumeMounts[0].name=o,extraVolumeMounts[0].mountPath=/etc/overlay", "which nothing mounts"},
		{"config.faults.file=faults.yaml", "which nothing mounts"},
		{"config.upstreamz.a.base_url=http://a/v1", "upstreamz"},
		{"config.upstreams.a.kind=vlm", "/config/upstreams/a/kind"},
		{"config.limits.body=much", "/config/limits/body"},
		{"config.limits.body_timeout=0s", "/config/limits/body_timeout"},
		{"config.retry.attempts=99", "/config/retry/attempts"},
		{"config.retry.budget=-1", "/config/retry/budget"},
		{"config.limits.max_concurrent=0", "/config/limits/max_concurrent"},
		{"ingress.enabled=true", "ingress.hosts is empty"},
		{"image.digest=abc", "/image/digest"},
		{"image.repositry=x", "image"},
		{"service.port=0", "port"},
	} {
		mustRefuse(t, test.set, test.want)
	}
}

// mustRefuse fails the test where the chart takes values, or refuses them for another reason.
func mustRefuse(t *testing.T, set, want string) {
	t.Helper()
	if said, err := render(t, "--set", set); err == nil || !strings.Contains(said, want) {
		t.Errorf("%s: %v, and says nothing of %q:\n%.400s", set, err, want, said)
	}
}

// What would be read by more than may read Secrets is refused, with where it belongs, and is not repeated.
func TestChartRefusesSecretsInTheConfigMap(t *testing.T) {
	for _, set := range []string{
		"config.upstreams.a.base_url=http://a/v1,config.upstreams.a.api_key=sk-literal",
		"config.auth.tokens[0].token=sg-literal",
		"config.auth.tokens[0].token=$${literal}",
		"config.ops.token=ops-literal-0123456789",
		"config.store=postgres://u:pw-literal@h/d",
		"config.store=postgres://h/d?sslmode=require&password=literal",
		"config.store=postgres://${USER}:pw-literal@h/d,secret.USER=u",
		"config.limits.backend=redis://:literal@h",
		"config.limits.backend=literal",
	} {
		said, err := render(t, "--set", set)
		if err == nil || !strings.Contains(said, "ConfigMap") || !strings.Contains(said, "${") || strings.Contains(said, "literal") {
			t.Errorf("%s: %v:\n%.400s", set, err, said)
		}
	}
	backend := ",config.upstreams.a.base_url=http://a/v1,config.upstreams.a.api_key=${MY_SECRET}"
	for _, variable := range []string{"SPECGATE_API_KEY", "SPECGATE_OPS_TOKEN", "SPECGATE_STORE", "SPECGATE_LIMITS", "OPENAI_API_KEY", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "MY_SECRET" + backend} {
		name, more, _ := strings.Cut(variable, ",")
		said, err := render(t, "--set", "extraEnv[0].value=literal-0123456789,extraEnv[0].name="+name+","+more)
		if err == nil || !strings.Contains(said, "valueFrom") || strings.Contains(said, "literal") {
			t.Errorf("%s: %v:\n%.400s", variable, err, said)
		}
	}
}

// What could not start as the chart has it listen and hands it variables is refused as well.
func TestChartRefusesWhatCannotStart(t *testing.T) {
	for _, test := range []struct{ set, want string }{
		{"config.ops.open=true,config.ops.pprof=true", "config.ops.pprof"},
		{"config.faults.file=/f/f.yaml,extraVolumeMounts[0].name=f,extraVolumeMounts[0].mountPath=/f", "config.faults.allow"},
		{"config.auth.mode=passthrough", "no upstream"},
		{"config.auth.mode=passthrough,config.upstreams.a.base_url=http://a/v1,config.usage.records=always", "config.usage.records"},
		{"config.auth.mode=${MODE},secret.MODE=tokens", "config.auth.mode"},
		{"config.tls.cert_file=/t/c,extraVolumeMounts[0].name=t,extraVolumeMounts[0].mountPath=/t", "config.tls.key_file"},
		{"config.tls.key_file=/t/c,extraVolumeMounts[0].name=t,extraVolumeMounts[0].mountPath=/t", "config.tls.cert_file"},
		{"config.tls.cert_file=/t/c,config.tls.key_file=/k/k,extraVolumeMounts[0].name=t,extraVolumeMounts[0].mountPath=/t", "config.tls.key_file is /k/k, which nothing mounts"},
		{"secret.SPECGATE_OPS_TOKEN=short", "16 characters"},
		{"secret.SPECGATE_OPS_TOKEN=0123456789abcdef,secret.SPECGATE_API_KEY=0123456789abcdef", "a caller's token too"},
		{"secret.SPECGATE_API_KEY=a,secret.SPECGATE_API_KEY_FILE=/a", "SPECGATE_API_KEY_FILE"},
		{"config.log.level=${LEVEL}", "${LEVEL}"},
		{"config.log.level=${LEVEL},secret.LEVEL=", "${LEVEL}"},
		{"config.upstreams.a.kind=vllm", "config.upstreams.a.base_url"},
		{"config.upstreams.a.base_url=http://a/v1,config.upstreams.b.base_url=http://b/v1", "config.models"},
		{"config.models.m.targets[0].upstream=a", "no upstream"},
		{"config.models.m.targets[0].upstream=b,config.upstreams.a.base_url=http://a/v1", "config.models.m"},
		{"config.upstreams.a.base_url=http://a/v1,secret.OPENAI_BASE_URL=http://b/v1", "OPENAI_BASE_URL"},
		{"config.auth.tokens[0].name=a", "config.auth.tokens[0]"},
	} {
		mustRefuse(t, test.set, test.want)
	}
}

// What the chart does not refuse starts: the gateway itself looks at the settings that come of it.
func TestChartMakesWhatStarts(t *testing.T) {
	for _, set := range []string{
		"replicas=2,config.auth.mode=keys,config.store=postgres://h/d,config.limits.backend=redis://h",
		"replicas=2,config.auth.mode=keys,secret.SPECGATE_STORE=postgres://h/d,secret.SPECGATE_LIMITS=redis://h",
		"existingSecret=a,extraEnv[0].name=SPECGATE_AUTH_MODE,extraEnv[0].value=keys,persistence.enabled=true",
		"existingSecret=a,config.auth.mode=keys,persistence.enabled=true,serviceMonitor.enabled=true",
		"secret.SPECGATE_OPS_TOKEN=0123456789abcdef,serviceMonitor.enabled=true",
		"secret.SPECGATE_OPS_TOKEN=",
		"secret.SPECGATE_API_KEY=",
		"extraEnv[0].name=SPECGATE_API_KEY_FILE,extraEnv[0].value=/a",
		"extraEnv[0].name=SPECGATE_OPS_TOKEN_FILE,extraEnv[0].value=/a,config.ops.pprof=true",
		"extraEnv[0].name=SPECGATE_OPS_TOKEN,extraEnv[0].valueFrom.secretKeyRef.name=a,extraEnv[0].valueFrom.secretKeyRef.key=b",
		"serviceMonitor.enabled=true,serviceMonitor.tokenSecret.name=a",
		"serviceMonitor.enabled=true,config.ops.open=true",
		"config.ops.token=${TOKEN},secret.TOKEN=0123456789abcdef",
		"config.ops.open=true",
		"config.ops.open=false",
		"config.ops.pprof=true",
		"service.type=LoadBalancer",
		"tls.secretName=a,config.tls.min_version=1.3",
		"config.faults.allow=true",
		"config.upstreams.a.base_url=${A_URL},config.limits.body=${BODY},secret.A_URL=http://a/v1,secret.BODY=1MiB",
		"config.upstreams.a.base_url=${OPENAI_BASE_URL},secret.OPENAI_BASE_URL=http://a/v1,config.upstreams.a.api_key=${K},secret.K=sk-a",
		"config.upstreams.a.base_url=http://${HOSTNAME}/v1",
		"config.auth.mode=passthrough,secret.OPENAI_BASE_URL=http://a/v1",
		"config.auth.mode=passthrough,config.upstreams.a.base_url=http://a/v1",
		"config.auth.tokens[0].token=${T},secret.T=sg-a,config.auth.tokens[0].limits.requests_per_minute=1",
		"config.auth.tokens[0].sha256=ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
		"config.auth.mode=keys,config.store=postgres://u:${PW}@h:5432/d,secret.PW=pw",
		"config.limits.backend=memory",
		"config.limits.backend=redis://h:6379/0",
		"config.auth.mode=keys,config.store=sqlite:///var/lib/specgate/a.db,persistence.enabled=true",
		"config.models.m.targets[0].upstream=default,secret.OPENAI_BASE_URL=http://a/v1",
		"config.upstreams=null,config.models=null",
		"config.log.format=text,config.reload.watch=false,config.health.interval=0,config.stream.keepalive=0s",
		"reload=true,config.usage.records=always",
	} {
		made, err := render(t, "--set", set)
		if err != nil {
			t.Errorf("%s: %s", set, made)
			continue
		}
		t.Run(set, func(t *testing.T) { holds(t, decode(t, made)) })
	}
	// The file of this one is in a ConfigMap that is not the chart's.
	overlay := "config.contract.overlay=/etc/overlay/o.yaml,extraVolumeMounts[0].name=o,extraVolumeMounts[0].mountPath=/etc/overlay"
	if said, err := render(t, "--set", overlay); err != nil {
		t.Error(said)
	}
}
