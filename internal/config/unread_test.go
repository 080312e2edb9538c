package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/config"
)

func TestVariablesThatNobodyReads(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(file, []byte("auth: {tokens: [{token: \"${SPECGATE_ALICE}\"}, {token: \"${SPECGATE_BOB}\"}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, nil, func(name string) string {
		return map[string]string{"SPECGATE_ALICE": "a", "SPECGATE_BOB": "b"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.Unread([]string{
		"SPECGATE_AUTHMODE=keys", "SPECGATE_COLOUR=secret", "SPECGATE_APIKEY=secret", "SPECGATE_PORT=8080", "SPECGATE_STOER_FILE=/x",
		"SPECGATE_LISTEN_FILE=/x", "SPECGATE_OPENAI_BASE_URL=http://x", "SPECGATE_SERVICE_HOSTS=10.0.0.1", "SPECGATE_WEB_PORT=http://10.0.0.1",
		"SPECGATE_EMPTY=", "PATH=/bin", "OPENAI_API_KEYS=x",
		"SPECGATE_AUTH_MODE=keys", "SPECGATE_STORE_FILE=/x", "SPECGATE_CONFIG=x", "SPECGATE_API_KEY=x", "SPECGATE_API_KEY_FILE=x", "SPECGATE_LOG_LEVEL=x",
		"SPECGATE_ALICE=a", "SPECGATE_BOB_FILE=b",
		"SPECGATE_SERVICE_HOST=10.0.0.1", "SPECGATE_SERVICE_PORT=8420", "SPECGATE_SERVICE_PORT_HTTP=8420", "SPECGATE_PORT=tcp://10.0.0.1:8420",
		"SPECGATE_PORT_8420_TCP=tcp://10.0.0.1:8420", "SPECGATE_PORT_8420_TCP_PROTO=tcp", "SPECGATE_PORT_8420_TCP_PORT=8420", "SPECGATE_PORT_8420_TCP_ADDR=10.0.0.1",
		"SPECGATE_OPS_SERVICE_HOST=10.0.0.1", "SPECGATE_OPS_PORT=tcp://10.0.0.1:8421",
		"SPECGATE_DNS_PORT=udp://10.0.0.1:53", "SPECGATE_DNS_PORT_53_UDP=udp://10.0.0.1:53", "SPECGATE_S_PORT=sctp://10.0.0.1:9", "SPECGATE_S_PORT_9_SCTP_ADDR=10.0.0.1",
	})
	want := []string{
		"SPECGATE_APIKEY is set, and no setting is called so; did you mean SPECGATE_API_KEY?",
		"SPECGATE_AUTHMODE is set, and no setting is called so; did you mean SPECGATE_AUTH_MODE?",
		"SPECGATE_COLOUR is set, and no setting is called so",
		"SPECGATE_LISTEN_FILE is set, and no setting is called so",
		"SPECGATE_OPENAI_BASE_URL is set, and no setting is called so",
		"SPECGATE_PORT is set, and no setting is called so",
		"SPECGATE_SERVICE_HOSTS is set, and no setting is called so",
		"SPECGATE_STOER_FILE is set, and no setting is called so; did you mean SPECGATE_STORE_FILE?",
		"SPECGATE_WEB_PORT is set, and no setting is called so",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
