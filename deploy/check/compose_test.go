package check

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// project is the compose file, held to the specification's schema.
func project(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../compose/compose.yaml"}, cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompose(t *testing.T) {
	p := project(t)
	want := []string{"grafana", "ollama", "postgres", "prometheus", "redis", "specgate"}
	if got := p.ServiceNames(); !slices.Equal(got, want) {
		t.Fatalf("%v; want %v", got, want)
	}
	for name, s := range p.Services {
		for rule, kept := range map[string]bool{
			"read-only":       s.ReadOnly,
			"no capabilities": slices.Equal(s.CapDrop, []string{"ALL"}) && len(s.CapAdd) == 0 && !s.Privileged,
			"no privileges":   slices.Contains(s.SecurityOpt, "no-new-privileges:true"),
			"a health check":  name == "specgate" || s.HealthCheck != nil, // the image has one
			"a version":       pinned(s.Image),
			"a network":       len(s.Networks) > 0 && s.NetworkMode == "",
		} {
			if !kept {
				t.Errorf("%s breaks the rule: %s", name, rule)
			}
		}
		for _, port := range s.Ports {
			if name != "specgate" && port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s to others", name, port.Published)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && (!v.ReadOnly || !there(v.Source)) {
				t.Errorf("%s mounts %s, which is not there or not read-only", name, v.Source)
			}
		}
	}
	if !slices.Contains(p.Services["prometheus"].Command, "--enable-feature=exemplar-storage") {
		t.Error("Prometheus drops the exemplars, which the dashboard asks for")
	}
	for _, name := range []string{"data", "models", "metrics"} {
		if !p.Networks[name].Internal {
			t.Errorf("the network %s leads outside", name)
		}
	}
}

func pinned(image string) bool {
	_, tag, ok := strings.Cut(image, ":")
	return ok && tag != "latest" && strings.Count(strings.SplitN(tag, "-", 2)[0], ".") >= 1
}

func TestComposeSettings(t *testing.T) {
	p := project(t)
	s := p.Services["specgate"]
	secrets := t.TempDir()
	env := map[string]string{"SPECGATE_LISTEN": "0.0.0.0:8420"} // of the image
	for name, value := range s.Environment {
		env[name] = *value
		if file, ok := strings.CutPrefix(*value, "/run/secrets/"); ok {
			if !slices.ContainsFunc(s.Secrets, func(c types.ServiceSecretConfig) bool { return c.Source == file }) {
				t.Errorf("%s is no secret of the service", file)
			}
			env[name] = filepath.Join(secrets, file)
			write(t, env[name], "0123456789abcdef\n")
		}
	}
	name, ok := strings.CutPrefix(env["SPECGATE_CONFIG"], s.Volumes[0].Target+"/")
	file := filepath.Join(s.Volumes[0].Source, name)
	if info, err := os.Stat(s.Volumes[0].Source); !ok || err != nil || !info.IsDir() {
		t.Errorf("the settings are at %s, and mounted at %s, of which a change is not seen", env["SPECGATE_CONFIG"], s.Volumes[0].Target)
	}
	got := inForce(t, accepted(t, file, env))
	grace := seconds(t, s.StopGracePeriod.String())
	if cancel := 5.0; grace <= seconds(t, got.Shutdown.Delay)+seconds(t, got.Shutdown.Drain)+cancel {
		t.Errorf("it is ended after %vs, and drains for %s", grace, got.Shutdown.Drain)
	}
	token := env["SPECGATE_OPS_TOKEN_FILE"]
	if token == "" || got.Ops.Open {
		t.Errorf("all who share a network with it can read its metrics: the token %q, open %v", token, got.Ops.Open)
	}
	shown := func(c types.ServiceSecretConfig) bool { return c.Source == filepath.Base(token) }
	targets := read(t, "../prometheus/prometheus.yml")
	if !slices.ContainsFunc(p.Services["prometheus"].Secrets, shown) || !strings.Contains(targets, "credentials_file: /run/secrets/"+filepath.Base(token)+"}") {
		t.Error("Prometheus does not show the token")
	}
	_, port, _ := strings.Cut(got.OpsListen, ":")
	if !strings.Contains(targets, "specgate:"+port) {
		t.Error("Prometheus asks at another port")
	}
}
