package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	toxics "github.com/Shopify/toxiproxy/v2/client"
	"github.com/rs/zerolog"
)

// asToxiproxy, in its environment, makes the test binary a Toxiproxy. It has a process of its own, for
// it leaves goroutines behind on every connection that it cuts off.
const asToxiproxy = "SPECGATE_TEST_AS_TOXIPROXY"

func init() {
	if os.Getenv(asToxiproxy) != "" {
		serveToxics()
	}
}

// serveToxics says on standard output where it listens, and ends with its standard input.
func serveToxics() {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(exitFailure)
	}
	fmt.Println(listener.Addr())
	routes := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()).Routes()
	go func() { _ = (&http.Server{Handler: routes}).Serve(listener) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(exitOK)
}

// startToxiproxy returns a client of a Toxiproxy that runs until the test ends.
func startToxiproxy(t *testing.T) *toxics.Client {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = []string{asToxiproxy + "=1"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		_ = in.Close()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return toxics.NewClient(strings.TrimSpace(address))
}

// toxic is something that is wrong with the network between the gateway and a backend.
type toxic struct {
	kind       string
	stream     string // upstream is what the gateway sends, downstream what the backend does
	attributes toxics.Attributes
	idle       bool // it is there, and does nothing
}

func toBackend(kind string, attributes ...any) toxic {
	return toxic{kind: kind, stream: "upstream", attributes: pairs(attributes)}
}

func fromBackend(kind string, attributes ...any) toxic {
	return toxic{kind: kind, stream: "downstream", attributes: pairs(attributes)}
}

func pairs(all []any) toxics.Attributes {
	attributes := toxics.Attributes{}
	for i := 0; i < len(all); i += 2 {
		attributes[all[i].(string)] = all[i+1]
	}
	return attributes
}

// resetAfter cuts the backend off with an RST once so many bytes have come from it. A reset_peer gives
// its connections that way to close even where it does nothing, and the limit closes them.
func resetAfter(bytes int) []toxic {
	mark := fromBackend("reset_peer")
	mark.idle = true
	return []toxic{mark, fromBackend("limit_data", "bytes", bytes)}
}

// trial is a backend behind a network of its own.
type trial struct {
	backend  string // http://host:port
	model    string // what it is asked for; "" for the name of the trial
	tls      bool   // whether the gateway speaks TLS to it
	timeouts string // YAML
	toxics   []toxic
}

// trials is a gateway with an upstream for each of some trials, and a model of its name.
type trials struct {
	*running
	networks map[string]*toxics.Proxy
}

func tryAll(t *testing.T, client *toxics.Client, all map[string]trial) trials {
	t.Helper()
	begun := trials{networks: map[string]*toxics.Proxy{}}
	upstreams, models := "upstreams:\n", "models:\n"
	for name, one := range all {
		begun.networks[name] = disturb(t, client, name, one)
		scheme := "http"
		if one.tls {
			scheme = "https"
		}
		upstreams += fmt.Sprintf("  %s: {base_url: '%s://%s/v1', api_key: sg-process, timeouts: {%s}}\n", idOf(name), scheme, begun.networks[name].Listen, one.timeouts)
		models += fmt.Sprintf("  %s: {targets: [{upstream: %[1]s, model: '%s'}]}\n", idOf(name), one.model)
	}
	begun.running = startWith(t, upstreams+models+"health: {interval: 0}\nbreaker: {failures: 0}\nretry: {attempts: 1}\n")
	return begun
}

// in is the trials for a subtest.
func (b trials) in(t *testing.T) trials {
	t.Helper()
	return trials{b.running.in(t), b.networks}
}

// try makes a request of a trial.
func (b trials) try(name, request string) answer {
	b.t.Helper()
	return b.complete(forTrial(name, request))
}

func forTrial(name, request string) string {
	return strings.Replace(request, `"model":"m"`, `"model":"`+idOf(name)+`"`, 1)
}

// disturb puts a backend behind a proxy.
func disturb(t *testing.T, client *toxics.Client, name string, one trial) *toxics.Proxy {
	t.Helper()
	proxy, err := client.CreateProxy(idOf(strings.ReplaceAll(t.Name(), "/", "-")+" "+name), "127.0.0.1:0", strings.TrimPrefix(one.backend, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Delete(); err != nil {
			t.Errorf("delete the proxy: %v", err)
		}
	})
	intoxicate(t, proxy, one.toxics)
	return proxy
}

// intoxicate adds toxics, which work on connections that there are already as well.
func intoxicate(t *testing.T, proxy *toxics.Proxy, all []toxic) {
	t.Helper()
	for _, one := range all {
		toxicity := float32(1)
		if one.idle {
			toxicity = 0
		}
		if _, err := proxy.AddToxic(one.kind+"_"+one.stream, one.kind, one.stream, toxicity, one.attributes); err != nil {
			t.Fatalf("%s: %v", one.kind, err)
		}
	}
}
