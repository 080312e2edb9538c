package check

import (
	"encoding/base64"
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

// made are the tokens that the chart makes, which are others each time.
var made = regexp.MustCompile(`SPECGATE_(?:API_KEY|OPS_TOKEN): "[A-Za-z0-9+/=]{68,72}"`)

// render is what helm makes of the chart, or what it says where it makes nothing. Where it makes something, it has
// nothing to say.
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
	if said.Len() > 0 {
		t.Errorf("helm says %s", said.String())
	}
	return made.ReplaceAllStringFunc(string(out), func(found string) string {
		name, _, _ := strings.Cut(found, ":")
		return name + `: "` + base64.StdEncoding.EncodeToString([]byte("made-"+name)) + `"`
	}), nil
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
	if shown == nil {
		return
	}
	key := shown.Credentials
	if ref := reference(o.deployment.Spec.Template.Spec.Containers[0], "SPECGATE_OPS_TOKEN"); ref != nil {
		if *ref != *key {
			t.Errorf("the token is of %v, and shown is that of %v", ref, key)
		}
		return
	}
	if got := string(o.secrets[key.Name][key.Key]); got != env["SPECGATE_OPS_TOKEN"] {
		t.Errorf("%s of the Secret %s is not what is asked for", key.Key, key.Name)
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
		"deployment": o.deployment.Spec.Selector.MatchLabels,
	}
	if o.policy != nil {
		selectors["networkpolicy"] = o.policy.Spec.PodSelector.MatchLabels
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
