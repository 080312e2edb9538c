package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

const wantRedis = "must be memory, or an address such as redis://127.0.0.1:6379/0"

// redisAddress says what is wrong with the address of a Redis: what its client would refuse, would panic over, or would
// leave out. Nothing of it is repeated but the names of options that there are: it may hold a password, and where that
// is not escaped, anywhere.
func redisAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "redis" && u.Scheme != "rediss" {
		return wantRedis
	}
	if port, err := strconv.ParseUint(cmp.Or(u.Port(), "6379"), 10, 16); err != nil || port == 0 {
		return "has a port that is none: it must be 1 to 65535, as in redis://127.0.0.1:6379/0"
	}
	if wrong := redisOptions(u); wrong != "" {
		return wrong
	}
	o, err := redis.ParseURL(address)
	if err != nil || o.DB < 0 {
		return "has no number of a database behind the host: write it as in redis://127.0.0.1:6379/0, or leave it out"
	}
	return ""
}

// redisOptions says what is wrong with what stands behind the database.
func redisOptions(u *url.URL) string {
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" {
		return "has behind ? what is no option, or a #: in a password write %3F for ?, %23 for #, and %2F for /"
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if _, err := redisOption(u.Scheme, name, ""); err != nil { // none has to have a value
			return "has an option behind ? that there is not for " + u.Scheme + "://"
		}
		value := options[name][len(options[name])-1] // the one that counts
		if o, err := redisOption(u.Scheme, name, value); err != nil || !bearable(o) {
			return fmt.Sprintf("has for the option %s what is no value of it", name)
		}
	}
	return ""
}

// redisOption is what an address with nothing but an option says.
func redisOption(scheme, name, value string) (*redis.Options, error) {
	return redis.ParseURL(scheme + "://h?" + url.Values{name: {value}}.Encode())
}

// mostConnections is more than any one process has use for; the client would take memory for as many at once.
const mostConnections = 100_000

// bearable reports whether a client can be made with some options.
func bearable(o *redis.Options) bool {
	for _, n := range []int{o.PoolSize, o.MinIdleConns, o.MaxIdleConns, o.MaxActiveConns, o.DB} {
		if n < 0 || n > mostConnections {
			return false
		}
	}
	return o.PipelinePoolSize <= mostConnections
}
