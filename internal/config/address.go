package config

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (k *checks) addresses(c Config) {
	okay := k.address("listen", c.Listen)
	ops := c.OpsListen != "" && k.address("ops_listen", c.OpsListen)
	if ops {
		k.operations(c)
	}
	if ops && okay && collide(c.Listen, c.OpsListen) {
		k.add("ops_listen", "takes the port of listen (%s): give it another, or make it empty to turn it off", c.Listen)
	}
	if okay && !loopback(c.Listen) && c.Auth.Mode != AuthKeys && c.Auth.Mode != AuthPassthrough && len(c.Auth.Tokens) == 0 {
		k.add("listen", "is %s, which others can reach, and there is no token: set SPECGATE_API_KEY or auth.tokens, or listen on 127.0.0.1", c.Listen)
	}
}

// operations keeps what tells of the gateway away from those who may only call it.
func (k *checks) operations(c Config) {
	if !c.Ops.Token.IsZero() {
		k.opsToken(c.Ops.Token.Reveal(), c.Auth.Tokens)
		return
	}
	if loopback(c.OpsListen) {
		return
	}
	if !c.Ops.Open {
		k.add("ops_listen", "is %s, which others can reach: set SPECGATE_OPS_TOKEN or ops.token, listen on 127.0.0.1, or set ops.open to true where the network keeps others away", c.OpsListen)
	}
	if c.Ops.Pprof {
		k.add("ops.pprof", "is set, and others can reach ops_listen (%s): set SPECGATE_OPS_TOKEN or ops.token, or listen on 127.0.0.1", c.OpsListen)
	}
}

// leastToken is how many characters a token has at least that cannot be guessed: strangers may try as fast as they can.
const leastToken = 16

// opsToken refuses a token that could be guessed, or that callers have.
func (k *checks) opsToken(token string, callers []Token) {
	const setting = "ops.token"
	sum := sha256.Sum256([]byte(token))
	callersToo := slices.ContainsFunc(callers, func(t Token) bool {
		return t.Token.Reveal() == token || strings.EqualFold(t.SHA256.Reveal(), hex.EncodeToString(sum[:]))
	})
	switch {
	case token == redacted: // which is reported already
	case !headerSafe.MatchString(token):
		k.add(setting, "holds a space or a character beyond ASCII, which no client can send in a header")
	case callersToo:
		k.add(setting, "is a caller's token too (auth.tokens): give operators one of their own")
	case len(token) < leastToken:
		k.add(setting, "has fewer than %d characters: make one with openssl rand -hex 32", leastToken)
	}
}

// tls wants both files or none. Whether they are a pair is seen where they are read.
func (k *checks) tls(t TLS) {
	if t.CertFile != "" && t.KeyFile == "" {
		k.add("tls.key_file", "is missing: give the file with the key of tls.cert_file")
	}
	if t.CertFile == "" && t.KeyFile != "" {
		k.add("tls.cert_file", "is missing: give the file with the certificate of tls.key_file")
	}
}

func (k *checks) address(setting, address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		k.add(setting, "is %q: it must be host:port, such as 127.0.0.1:8420, or :8420 for every address", address)
	}
	return err == nil
}

// loopback reports whether only this machine can reach an address. Of names, localhost alone is
// known to be: others would have to be looked up.
func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// collide reports whether two listeners could not have both addresses.
func collide(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	return portA == portB && portA != "0" && (hostA == hostB || wildcard(hostA) || wildcard(hostB))
}

func wildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// baseURL says what is wrong with a base_url, without repeating it: it may hold a password.
func baseURL(base, listen string) string {
	u, err := url.Parse(base)
	switch {
	case base == "":
		return "is missing: give the address of the server's API, such as http://127.0.0.1:8000/v1"
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "must be an http or https URL, such as http://127.0.0.1:8000/v1"
	case u.User != nil:
		return "holds a user or a password: remove them and set api_key"
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "holds a ? or a #: remove what follows the path"
	case itself(u, listen):
		return "is the address that specgate itself listens on: give that of the server behind it"
	}
	return ""
}

// Origin is the scheme and the host of a URL: some services have a key in the path. It is empty for what is no URL.
func Origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// itself reports whether a URL leads back to listen, as it does where OPENAI_BASE_URL was exported for
// a client of this very gateway.
func itself(u *url.URL, listen string) bool {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || u.Port() != port || port == "0" {
		return false
	}
	here := loopback(net.JoinHostPort(u.Hostname(), port))
	return strings.EqualFold(u.Hostname(), host) || here && (loopback(listen) || wildcard(host))
}
