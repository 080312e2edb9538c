package check

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the network does, metrics are shown to nobody without a token, unless the values say so.
func TestChartAsksForAnOperationsToken(t *testing.T) {
	for set, open := range map[string]bool{
		"replicas=1":                  false,
		"networkPolicy.enabled=false": false,
		"networkPolicy.enabled=false,config.ops.pprof=true":                                     false,
		"secret.SPECGATE_OPS_TOKEN=ops-0123456789abcdef":                                        false,
		"existingSecret=a,config.auth.mode=passthrough,config.upstreams.a.base_url=http://a/v1": false,
		"config.ops.open=true": true,
	} {
		made, err := render(t, "--set", set)
		if err != nil {
			t.Errorf("%s: %s", set, made)
			continue
		}
		o := decode(t, made)
		c := o.deployment.Spec.Template.Spec.Containers[0]
		if got := o.settings(t, c).Ops.Open; got != open || (len(o.environment(t, c)["SPECGATE_OPS_TOKEN"]) < 16) != open {
			t.Errorf("%s: open: %v, and the environment has %v", set, got, o.environment(t, c))
		}
	}
}

// The tokens that the chart has made are found in the cluster again, and are those of the next revision too.
func TestChartKeepsItsTokens(t *testing.T) {
	there := map[string]string{"gate-specgate": "SPECGATE_API_KEY", "gate-specgate-ops": "SPECGATE_OPS_TOKEN"}
	config := filepath.Join(t.TempDir(), "config")
	write(t, config, fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u}], clusters: [{name: c, cluster: {server: %q}}]}", cluster(t, there)))
	made, err := render(t, "--dry-run=server", "--disable-openapi-validation", "--kubeconfig", config)
	if err != nil {
		t.Fatal(made)
	}
	o := decode(t, made)
	for name, key := range there {
		if got := string(o.secrets[name][key]); got != "kept-0123456789-"+name {
			t.Errorf("%s of %s is %q", key, name, got)
		}
	}
}

// cluster is the address of one that has Secrets, each with a key, and as much of Kubernetes as it takes to read them.
func cluster(t *testing.T, secrets map[string]string) string {
	t.Helper()
	answers := map[string]any{
		"/version": map[string]string{"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
		"/api":     map[string]any{"kind": "APIVersions", "versions": []string{"v1"}},
		"/apis": map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": []any{
			group("apps"), group("networking.k8s.io"),
		}},
		"/api/v1":                    resources("v1", "Secret", "ConfigMap", "Service", "ServiceAccount"),
		"/apis/apps/v1":              resources("apps/v1", "Deployment"),
		"/apis/networking.k8s.io/v1": resources("networking.k8s.io/v1", "NetworkPolicy"),
	}
	for name, key := range secrets {
		answers["/api/v1/namespaces/llm/secrets/"+name] = map[string]any{
			"apiVersion": "v1", "kind": "Secret",
			"metadata": map[string]any{
				"name": name, "labels": map[string]string{"app.kubernetes.io/managed-by": "Helm"},
				"annotations": map[string]string{"meta.helm.sh/release-name": "gate", "meta.helm.sh/release-namespace": "llm"},
			},
			"data": map[string][]byte{key: []byte("kept-0123456789-" + name)},
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
		}
		_ = json.NewEncoder(w).Encode(answer) // whoever left is no part of it
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func group(name string) any {
	version := map[string]string{"groupVersion": name + "/v1", "version": "v1"}
	return map[string]any{"name": name, "versions": []any{version}, "preferredVersion": version}
}

func resources(version string, kinds ...string) any {
	all := []any{}
	for _, kind := range kinds {
		plural := strings.Replace(strings.ToLower(kind)+"s", "ys", "ies", 1)
		all = append(all, map[string]any{"name": plural, "namespaced": true, "kind": kind, "verbs": []string{"get"}})
	}
	return map[string]any{"kind": "APIResourceList", "groupVersion": version, "resources": all}
}
