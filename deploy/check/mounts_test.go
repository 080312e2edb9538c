package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// mounts looks whether each mount has its volume and each volume its mount, whether a variable is there once, and
// whether the settings are mounted so that what is said of their change is true: a folder is changed while a pod
// runs, a single file is not, and a pod whose settings are in a checksum is replaced by a change of them.
func (o objects) mounts(t *testing.T, c corev1.Container) {
	t.Helper()
	pod := o.deployment.Spec.Template
	named := map[string]int{}
	for _, v := range pod.Spec.Volumes {
		named[v.Name]++
	}
	for _, m := range c.VolumeMounts {
		if named[m.Name] == 0 {
			t.Errorf("%s is mounted at %s, and is no volume", m.Name, m.MountPath)
		}
	}
	if len(named) != len(pod.Spec.Volumes) || len(named) != len(c.VolumeMounts) {
		t.Errorf("%d volumes of %d names, %d mounts", len(pod.Spec.Volumes), len(named), len(c.VolumeMounts))
	}
	env := map[string]string{}
	for _, e := range c.Env {
		if _, twice := env[e.Name]; twice {
			t.Errorf("%s is there twice", e.Name)
		}
		env[e.Name] = e.Value
	}
	settings := c.VolumeMounts[0]
	at := strings.TrimSuffix(env["SPECGATE_CONFIG"], "/specgate.yaml")
	reloads := settings.SubPath == "" && settings.MountPath == at
	rolls := settings.SubPath == "specgate.yaml" && settings.MountPath == env["SPECGATE_CONFIG"]
	if checksum := pod.Annotations["checksum/config"] != ""; settings.Name != "config" || reloads == rolls || rolls != checksum {
		t.Errorf("the settings %+v are for %s; a checksum: %v", settings, env["SPECGATE_CONFIG"], checksum)
	}
}

// leadsIn looks whether the Ingress leads to a port that the service has.
func (o objects) leadsIn(t *testing.T) {
	t.Helper()
	if o.ingress == nil {
		return
	}
	for _, rule := range o.ingress.Spec.Rules {
		to := rule.HTTP.Paths[0].Backend.Service
		if s := o.services[0]; to.Name != s.Name || to.Port.Name != s.Spec.Ports[0].Name {
			t.Errorf("%s leads to %s %s", rule.Host, to.Name, to.Port.Name)
		}
	}
}

// unseen is what stands for a secret that is in none of the chart's objects.
const unseen = "0123456789abcdef"

// environment is that of the container, in which what comes later counts.
func (o objects) environment(t *testing.T, c corev1.Container) map[string]string {
	t.Helper()
	env := map[string]string{"SPECGATE_LISTEN": "0.0.0.0:8420", "HOSTNAME": "gate-specgate-0"} // of the image, and of the pod
	for _, from := range c.EnvFrom {
		for name, value := range o.secrets[from.SecretRef.Name] {
			env[name] = string(value)
		}
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
		if reference(c, e.Name) != nil {
			env[e.Name] = unseen
		}
		if strings.HasSuffix(e.Name, "_FILE") {
			env[e.Name] = filepath.Join(t.TempDir(), "secret")
			write(t, env[e.Name], unseen)
		}
	}
	return env
}

// reference is the key of a Secret that a variable is taken from, nil where it is not.
func reference(c corev1.Container, variable string) *corev1.SecretKeySelector {
	for _, e := range c.Env {
		if e.Name == variable && e.ValueFrom != nil {
			return e.ValueFrom.SecretKeyRef
		}
	}
	return nil
}

// mounted is the file of settings, with those that are mounted beside it.
func (o objects) mounted(t *testing.T) string {
	t.Helper()
	text := strings.ReplaceAll(o.config.Data["specgate.yaml"], "/etc/specgate/overlay/overlay.yaml", absolute(t, "../../docs/overlays/editors.yaml"))
	if strings.Contains(text, "/etc/specgate/tls/") {
		dir := t.TempDir()
		out, err := exec.CommandContext(t.Context(), "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
			"-nodes", "-subj", "/CN=gate", "-keyout", dir+"/tls.key", "-out", dir+"/tls.crt").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text = strings.ReplaceAll(text, "/etc/specgate/tls/", dir+"/")
	}
	file := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
