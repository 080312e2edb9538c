package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is well under the 30 s that container runtimes allow, and long for a handler that
// asks nobody.
const healthTimeout = 3 * time.Second

func newHealthcheck(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a running gateway whether it is alive",
		Long: `Ask a running gateway for /healthz: exit 0 where it answers 200, otherwise 1. The
address is that of the configuration; what else may be wrong with the configuration
does not matter, for the gateway that runs may have started with an earlier one.`,
		Example: `  specgate healthcheck
  specgate healthcheck --url http://127.0.0.1:8420/readyz
  HEALTHCHECK CMD ["/specgate", "healthcheck"]   # in a Dockerfile: there is no curl in the image`,
		Args: arguments(),
	}
	url := cmd.Flags().String("url", "", "`URL` to ask instead")
	load := settings(cmd, term, everyFlag[:1])
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		target := *url
		if target == "" {
			cfg, _ := load() // what may be wrong with it does not matter here
			var err error
			if target, err = frontURL(cfg, cfg.Listen); err != nil {
				return err
			}
			target += "/healthz"
		}
		return healthy(cmd.Context(), target)
	}
	return cmd
}

// localURL is how this machine reaches a listener. One on every address is reached over loopback.
func localURL(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("listen %q: %w", listen, err)
	}
	if port == "0" {
		return "", fmt.Errorf("listen %q leaves the port to the system: name it with --url", listen)
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "", err == nil && ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && ip == netip.IPv6Unspecified():
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// healthy is nil where url answers 200. It goes straight there, past any proxy and no redirect. Over TLS it
// takes any certificate: the one of the gateway has the name that clients use, and nothing is told to it.
func healthy(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("healthcheck %s: %w", url, err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<10))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck %s: %s", url, response.Status)
	}
	return nil
}
