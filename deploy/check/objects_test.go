package check

import (
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

// objects are what the chart makes, by kind.
type objects struct {
	deployment *appsv1.Deployment
	config     *corev1.ConfigMap
	secrets    map[string]map[string][]byte // what each holds
	account    *corev1.ServiceAccount
	claim      *corev1.PersistentVolumeClaim
	policy     *networkingv1.NetworkPolicy
	scaler     *autoscalingv2.HorizontalPodAutoscaler
	budget     *policyv1.PodDisruptionBudget
	monitor    *monitoringv1.ServiceMonitor
	rules      *monitoringv1.PrometheusRule
	dashboard  *corev1.ConfigMap
	ingress    *networkingv1.Ingress
	services   []corev1.Service
}

// decode reads every object as its kind's type, in which an unknown field, or one that is there twice, is an
// error.
func decode(t *testing.T, text string) (o objects) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, corev1.AddToScheme,
		networkingv1.AddToScheme, policyv1.AddToScheme, monitoringv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for part := range strings.SplitSeq(text, "\n---\n") {
		if strings.TrimSpace(strings.TrimPrefix(part, "---")) == "" {
			continue
		}
		object, kind, err := decoder.Decode([]byte(part), nil, nil)
		if err != nil {
			t.Fatalf("%v of\n%s", err, part)
		}
		if !o.take(object) {
			t.Errorf("%s is nothing that the chart is known to make", kind)
		}
	}
	if o.deployment == nil || o.config == nil || (o.account == nil && o.deployment.Spec.Template.Spec.ServiceAccountName != "inference") || len(o.services) == 0 {
		t.Fatalf("there should be more than %+v", o)
	}
	return o
}

func (o *objects) take(object runtime.Object) bool {
	switch v := object.(type) {
	case *appsv1.Deployment:
		o.deployment = v
	case *corev1.ConfigMap:
		if v.Data["specgate.yaml"] != "" {
			o.config = v
		} else {
			o.dashboard = v
		}
	case *corev1.Secret:
		if o.secrets == nil {
			o.secrets = map[string]map[string][]byte{}
		}
		o.secrets[v.Name] = v.Data
	case *corev1.ServiceAccount:
		o.account = v
	case *corev1.PersistentVolumeClaim:
		o.claim = v
	case *networkingv1.NetworkPolicy:
		o.policy = v
	case *autoscalingv2.HorizontalPodAutoscaler:
		o.scaler = v
	case *policyv1.PodDisruptionBudget:
		o.budget = v
	case *monitoringv1.ServiceMonitor:
		o.monitor = v
	case *monitoringv1.PrometheusRule:
		o.rules = v
	case *networkingv1.Ingress:
		o.ingress = v
	case *corev1.Service:
		o.services = append(o.services, *v)
	default:
		return false
	}
	return true
}

// settings are those that are in force, as far as the rules here need them.
type settings struct {
	Listen    string `json:"listen"`
	OpsListen string `json:"ops_listen"`
	Ops       struct {
		Open bool `json:"open"`
	} `json:"ops"`
	Shutdown struct {
		Delay string `json:"delay"`
		Drain string `json:"drain"`
	} `json:"shutdown"`
	Upstreams map[string]struct {
		Timeouts struct {
			Total string `json:"total"`
		} `json:"timeouts"`
	} `json:"upstreams"`
}

// settings has the gateway itself read the file of the ConfigMap.
func (o objects) settings(t *testing.T, c corev1.Container) settings {
	t.Helper()
	return inForce(t, accepted(t, o.mounted(t), o.environment(t, c)))
}

func inForce(t *testing.T, printed string) (s settings) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(printed), &s); err != nil {
		t.Fatal(err)
	}
	return s
}
