package check

import (
	"flag"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

var update = flag.Bool("update", false, "write what the chart makes into testdata")

const (
	chart    = "../helm/specgate"
	testdata = "../helm/testdata"
)

// made is a token that the chart makes, which is another each time.
var made = regexp.MustCompile(`SPECGATE_API_KEY: "[A-Za-z0-9+/=]{68}"`)

// render is what helm makes of the chart, or what it says where it makes nothing. It also says that it follows the
// links to the alerts and the dashboard, which is no part of either.
func render(t *testing.T, args ...string) (string, error) {
	t.Helper()
	args = append([]string{"template", "gate", chart, "--namespace", "llm"}, args...)
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), tool(t, "HELM", "../../bin/helm"), args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return said.String(), err
	}
	return made.ReplaceAllString(string(out), `SPECGATE_API_KEY: "c2ctbWFkZQ=="`), nil
}

func TestChart(t *testing.T) {
	files, err := filepath.Glob(testdata + "/*.values.yaml")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d files of values: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".values.yaml")
		t.Run(name, func(t *testing.T) {
			got, err := render(t, "--values", file)
			if err != nil {
				t.Fatal(got)
			}
			golden := filepath.Join(testdata, name+".golden.yaml")
			if *update {
				write(t, golden, got)
			}
			if got != read(t, golden) {
				t.Errorf("the chart makes something other than %s: look at what make golden changes", golden)
			}
			holds(t, decode(t, got))
		})
	}
}

func TestChartRefuses(t *testing.T) {
	for _, test := range []struct{ set, want string }{
		{"replicas=2,config.auth.mode=keys,persistence.enabled=true", "cannot share keys in SQLite"},
		{"autoscaling.enabled=true,config.auth.mode=keys,config.store=sqlite:///x", "cannot share keys in SQLite"},
		{"replicas=2,config.auth.mode=keys,config.store=postgres://h/d", "would each grant the limits"},
		{"replicas=2,config.auth.tokens[0].token=t,config.auth.tokens[0].limits.requests=1", "would each grant the limits"},
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
		{"networkPolicy.enabled=false", "open to the whole cluster"},
		{"serviceMonitor.enabled=true,config.ops.token=${TOKEN}", "cannot read it"},
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
		{"ingress.enabled=true", "ingress.hosts is empty"},
		{"image.digest=abc", "/image/digest"},
		{"image.repositry=x", "image"},
		{"service.port=0", "port"},
	} {
		if said, err := render(t, "--set", test.set); err == nil || !strings.Contains(said, test.want) {
			t.Errorf("%s: %v, and says nothing of %q:\n%.400s", test.set, err, test.want, said)
		}
	}
	for _, set := range []string{
		"replicas=2,config.auth.mode=keys,config.store=postgres://h/d,config.limits.backend=redis://h",
		"replicas=2,config.auth.mode=keys,secret.SPECGATE_STORE=postgres://h/d,secret.SPECGATE_LIMITS=redis://h",
		"existingSecret=a,extraEnv[0].name=SPECGATE_AUTH_MODE,extraEnv[0].value=tokens",
		"networkPolicy.enabled=false,secret.SPECGATE_OPS_TOKEN=0123456789abcdef",
		"networkPolicy.enabled=false,config.ops.open=true",
		"service.type=LoadBalancer",
		"config.contract.overlay=/etc/overlay/o.yaml,extraVolumeMounts[0].name=o,extraVolumeMounts[0].mountPath=/etc/overlay",
		"config.upstreams.a.base_url=${A_URL},config.limits.body=${BODY}",
	} {
		if said, err := render(t, "--set", set); err != nil {
			t.Errorf("%s: %s", set, said)
		}
	}
}

// holds checks the rules that hold for every set of values.
func holds(t *testing.T, o objects) {
	t.Helper()
	pod := o.deployment.Spec.Template
	c := pod.Spec.Containers[0]
	restricted(t, pod.Spec)
	grace := float64(*pod.Spec.TerminationGracePeriodSeconds)
	settings := o.settings(t, c)
	delay, drain, longest := settings.Shutdown.Delay, settings.Shutdown.Drain, 0.0
	for _, u := range settings.Upstreams {
		longest = max(longest, seconds(t, u.Timeouts.Total))
	}
	if cancel := 5.0; grace <= seconds(t, delay)+seconds(t, drain)+cancel || seconds(t, drain) <= longest {
		t.Errorf("grace %vs, delay %s, drain %s, the longest stream %vs", grace, delay, drain, longest)
	}
	env := o.environment(t, c)
	if token := env["SPECGATE_OPS_TOKEN"] != ""; settings.Ops.Open == token {
		t.Errorf("the operations listener has a token: %v, and is open: %v", token, settings.Ops.Open)
	}
	if o.monitor != nil {
		o.scraped(t, env)
	}
	if settings.Listen != "0.0.0.0:8420" || settings.OpsListen != "0.0.0.0:8421" {
		t.Errorf("it listens on %s and %s", settings.Listen, settings.OpsListen)
	}
	ports := map[string]bool{}
	for _, p := range c.Ports {
		ports[p.Name] = true
	}
	for _, p := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if !ports[p.HTTPGet.Port.StrVal] {
			t.Errorf("a probe asks at %s", p.HTTPGet.Port.StrVal)
		}
	}
	o.selected(t, ports)
	o.mounts(t, c)
	o.leadsIn(t)
}

// scraped looks whether Prometheus shows what the operations listener asks for, and knows the job by a name that
// the alerts know too.
func (o objects) scraped(t *testing.T, env map[string]string) {
	t.Helper()
	if label := o.monitor.Spec.JobLabel; o.services[0].Labels[label] != "specgate" {
		t.Errorf("the job is called by the label %s", label)
	}
	shown := o.monitor.Spec.Endpoints[0].Authorization
	if (shown != nil) != (env["SPECGATE_OPS_TOKEN"] != "") {
		t.Errorf("it shows %v", shown)
	}
	if shown == nil || o.secret == nil {
		return
	}
	if key := shown.Credentials; key.Name != o.secret.Name || len(o.secret.Data[key.Key]) == 0 {
		t.Errorf("there is no %s in the Secret %s", key.Key, key.Name)
	}
}

// restricted holds the pod to what the restricted profile of Kubernetes asks, and to a file system that is
// read-only.
func restricted(t *testing.T, pod corev1.PodSpec) {
	t.Helper()
	s, c := pod.SecurityContext, pod.Containers[0].SecurityContext
	for rule, kept := range map[string]bool{
		"one container":     len(pod.Containers) == 1 && len(pod.InitContainers) == 0,
		"not root":          *s.RunAsNonRoot && (s.RunAsUser == nil || *s.RunAsUser > 0) && *c.RunAsNonRoot,
		"seccomp":           s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
		"read-only":         *c.ReadOnlyRootFilesystem,
		"no escalation":     !*c.AllowPrivilegeEscalation && c.Privileged == nil,
		"no capabilities":   slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(c.Capabilities.Add) == 0,
		"no host":           !pod.HostNetwork && !pod.HostPID && !pod.HostIPC,
		"no token":          !*pod.AutomountServiceAccountToken,
		"memory is bounded": !pod.Containers[0].Resources.Limits.Memory().IsZero(),
	} {
		if !kept {
			t.Errorf("the pod breaks the rule: %s", rule)
		}
	}
	for _, v := range pod.Volumes {
		if v.HostPath != nil {
			t.Errorf("volume %s is of the host", v.Name)
		}
	}
}

// selected looks whether all that selects pods finds those of the deployment, and names ports that they have.
func (o objects) selected(t *testing.T, ports map[string]bool) {
	t.Helper()
	labels := o.deployment.Spec.Template.Labels
	selectors := map[string]map[string]string{
		"deployment":    o.deployment.Spec.Selector.MatchLabels,
		"networkpolicy": o.policy.Spec.PodSelector.MatchLabels,
	}
	for _, s := range o.services {
		selectors["service "+s.Name] = s.Spec.Selector
		for _, p := range s.Spec.Ports {
			if !ports[p.TargetPort.StrVal] {
				t.Errorf("service %s leads to %s", s.Name, p.TargetPort.StrVal)
			}
		}
	}
	if o.budget != nil {
		selectors["budget"] = o.budget.Spec.Selector.MatchLabels
	}
	for name, selector := range selectors {
		if len(selector) == 0 || !subset(selector, labels) {
			t.Errorf("%s selects %v, the pods have %v", name, selector, labels)
		}
	}
	several := o.scaler != nil || o.deployment.Spec.Replicas != nil && *o.deployment.Spec.Replicas > 1
	if several != (o.budget != nil) {
		t.Errorf("a budget: %v, several replicas: %v", o.budget != nil, several)
	}
	if o.scaler != nil && (o.scaler.Spec.ScaleTargetRef.Name != o.deployment.Name || o.deployment.Spec.Replicas != nil) {
		t.Error("the scaler and the deployment are at odds")
	}
	if o.monitor != nil {
		found := slices.ContainsFunc(o.services, func(s corev1.Service) bool {
			return subset(o.monitor.Spec.Selector.MatchLabels, s.Labels) && s.Spec.Ports[0].Name == o.monitor.Spec.Endpoints[0].Port
		})
		if !found {
			t.Error("the monitor finds no service")
		}
	}
}

func subset(of, all map[string]string) bool {
	for key, value := range maps.All(of) {
		if all[key] != value {
			return false
		}
	}
	return true
}
