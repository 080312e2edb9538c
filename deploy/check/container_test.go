package check

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const dockerfile = "../container/Dockerfile"

// newImage builds the image in a tree, with roots as the certificates of its base.
func newImage(t *testing.T, roots string) *image {
	t.Helper()
	base, folder := t.TempDir(), t.TempDir()
	write(t, filepath.Join(base, "etc/ssl/certs/ca-certificates.crt"), roots)
	if err := os.MkdirAll(filepath.Join(base, "var/empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(folder, "linux/amd64/specgate")
	write(t, target, read(t, binary(t)))
	if err := os.Chmod(target, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"../../LICENSE", licences} {
		write(t, filepath.Join(folder, filepath.Base(file)), read(t, file))
	}
	return build(t, dockerfile, map[string]string{"base": base, "": folder})
}

// enter runs a command as a container would: in the tree and nothing else, which is read-only, but for the
// volume where there is one; as the user of the image, who gets no rights that he has not.
const enter = `set -eu
tree=$1 volume=$2 user=$3 group=$4 folder=$5; shift 5
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
if [ -n "$volume" ]; then mount --bind "$volume" "$tree/var/lib/specgate"; fi
exec setpriv --no-new-privs unshare --root="$tree" --wd="$folder" --setgid="$group" --setuid="$user" "$@"`

// command is one in a container of the image. It needs root, or a sudo that asks nothing.
func (i *image) command(t *testing.T, volume string, env map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	all := []string{"env", "-i"}
	user, group, _ := strings.Cut(i.user, ":")
	for name, value := range i.env {
		if _, ok := env[name]; !ok {
			all = append(all, name+"="+value)
		}
	}
	all = append(all, pairs(env)...)
	all = append(all, "PATH="+os.Getenv("PATH"), "unshare", "--mount", "sh", "-c", enter, "enter", i.root, volume, user, group, i.folder)
	all = append(all, args...)
	if os.Getuid() != 0 {
		all = append([]string{"sudo", "-n"}, all...)
	}
	return exec.CommandContext(t.Context(), all[0], all[1:]...)
}

// rooted skips a test where nobody can change the root of a process, other than in CI.
func rooted(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 || exec.CommandContext(t.Context(), "sudo", "-n", "true").Run() == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("needs root, or a sudo that asks nothing")
	}
	t.Skip("needs root")
}

// serve runs the image with its own command until the test ends, and returns where it answers.
func (i *image) serve(t *testing.T, volume string, env map[string]string) string {
	t.Helper()
	port := freePort(t)
	env["SPECGATE_LISTEN"] = "0.0.0.0:" + port
	env["SPECGATE_OPS_LISTEN"] = "127.0.0.1:" + freePort(t)
	cmd := i.command(t, volume, env, append(i.entrypoint, i.cmd...)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the gateway said:\n%s", log.String())
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		said, err := i.command(t, "", env, i.healthy...).CombinedOutput()
		if err == nil {
			return "http://127.0.0.1:" + port
		}
		if time.Now().After(deadline) {
			t.Fatalf("the health check says: %v\n%s", err, said)
		}
		time.Sleep(100 * time.Millisecond) // nothing tells from outside that a process listens
	}
}

// ask is the status and the body of a completion.
func ask(t *testing.T, base, token string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/completions", strings.NewReader(`{"model":"specgate-1","prompt":"Hello World"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestContainerAnswers(t *testing.T) {
	rooted(t)
	i := newImage(t, "")
	base := i.serve(t, "", map[string]string{"SPECGATE_API_KEY": "sg-container"})
	if status, body := ask(t, base, "sg-container"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if err := i.command(t, "", map[string]string{"SPECGATE_LISTEN": "0.0.0.0:" + freePort(t)}, i.healthy...).Run(); err == nil {
		t.Error("the health check finds a gateway where none is")
	}
	if said, err := i.command(t, "", nil, append(i.entrypoint, i.cmd...)...).CombinedOutput(); err == nil || !strings.Contains(string(said), "SPECGATE_API_KEY") {
		t.Errorf("without a token it says %v: %s", err, said)
	}
	for _, label := range []string{"source", "licenses", "version", "revision"} {
		if !strings.Contains(i.labels, "org.opencontainers.image."+label+"=") {
			t.Errorf("there is no label %s", label)
		}
	}
}

func TestContainerKeepsKeysInAVolume(t *testing.T) {
	rooted(t)
	i := newImage(t, "")
	create := append(i.entrypoint, "keys", "create", "--name", "search", "--format", "json")
	if said, err := i.command(t, "", nil, create...).CombinedOutput(); err == nil {
		t.Fatalf("without a volume it wrote into the image: %s", said)
	}
	// A volume that is new gets the owner that the folder has in the image.
	volume, info := t.TempDir(), &syscall.Stat_t{}
	if err := syscall.Stat(filepath.Join(i.root, "var/lib/specgate"), info); err != nil || info.Uid == 0 {
		t.Fatalf("the folder of the volume is root's: %v", err)
	}
	if err := exec.CommandContext(t.Context(), "sh", "-c", `test "$(id -u)" = 0 || sudo=sudo; $sudo chown `+i.user+` "$0"`, volume).Run(); err != nil {
		t.Fatal(err)
	}
	said, err := i.command(t, volume, nil, create...).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var key struct{ Token string }
	if err := json.Unmarshal(said, &key); err != nil {
		t.Fatal(err)
	}
	base := i.serve(t, volume, map[string]string{"SPECGATE_AUTH_MODE": "keys"})
	if status, body := ask(t, base, key.Token); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := ask(t, base, "sg-another"); status != http.StatusUnauthorized {
		t.Errorf("another token: %d", status)
	}
}

func TestContainerKnowsTheRootsInIt(t *testing.T) {
	rooted(t)
	backend := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"x","finish_reason":"stop","logprobs":null}]}`)
	}))
	t.Cleanup(backend.Close)
	root := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: backend.Certificate().Raw}))
	// A folder of one's own, as SSL_CERT_DIR names it, comes beside those of the image.
	own := t.TempDir()
	write(t, filepath.Join(own, "ca.crt"), root)
	if err := os.Chmod(own, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		roots, volume string
		want          int
	}{{root, "", http.StatusOK}, {"", "", http.StatusBadGateway}, {"", own, http.StatusOK}, {root, t.TempDir(), http.StatusOK}} {
		env := map[string]string{"SPECGATE_API_KEY": "sg-container", "OPENAI_BASE_URL": backend.URL + "/v1"}
		if test.volume != "" {
			env["SSL_CERT_DIR"] = "/var/lib/specgate"
		}
		base := newImage(t, test.roots).serve(t, test.volume, env)
		if status, body := ask(t, base, "sg-container"); status != test.want {
			t.Errorf("%d %s; want %d", status, body, test.want)
		}
	}
}
