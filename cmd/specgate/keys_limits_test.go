package main

import (
	"strconv"
	"strings"
	"testing"
)

// The limits of a key and those of its project hold together, and hold nobody else.
func TestLimitsOfManagedKeys(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		a := newAdmin(t)
		g := a.gatewayWith(more)
		a.run("projects", "create", "--name", "web", "--requests-per-minute", "3")
		a.run("projects", "create", "--name", "app")
		first := a.make("keys", "create", "--name", "first", "--project", "web", "--requests-per-minute", "2")
		second := a.make("keys", "create", "--name", "second", "--project", "web")
		other := a.make("keys", "create", "--name", "other", "--project", "app", "--requests-per-minute", "9", "--tokens-per-minute", "1000")
		free := a.make("keys", "create", "--name", "free", "--project", "app")

		g.with(first.Token).mustLeave(t, 200, "2 1")
		g.with(first.Token).mustLeave(t, 200, "2 0")
		g.with(first.Token).mustBeLimited(t, "2 0", "limit of 2 requests per minute of this key")
		g.with(second.Token).mustLeave(t, 200, "3 0") // two of the project's were the first key's
		g.with(second.Token).mustBeLimited(t, "3 0", "limit of 3 requests per minute of this project")
		g.with(other.Token).mustLeave(t, 200, "9 8 1000 983")
		g.with(free.Token).mustLeave(t, 200, "")
	})
}

// mustBeLimited fails the test where an answer does not refuse a request that is one too many.
func (a answer) mustBeLimited(t *testing.T, left, message string) {
	t.Helper()
	a.mustLeave(t, 429, left)
	e := a.error(t)
	after, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || after < 50 || after > 61 || a.header.Get("x-ratelimit-reset-requests") == "" {
		t.Errorf("again after %q: %v", a.header.Get("Retry-After"), a.header)
	}
	if e.Code == nil || *e.Code != "rate_limit_exceeded" || !strings.Contains(e.Message, message) {
		t.Errorf("refused with %+v", e)
	}
}

// Limits that a key is given hold while gateways run.
func TestLimitsThatAreGivenLater(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	key := a.make("keys", "create", "--name", "k")
	g.with(key.Token).mustLeave(t, 200, "")
	a.run("keys", "update", "k", "--requests-per-minute", "1")
	g.soon(429, key.Token)
	a.run("keys", "update", "k", "--requests-per-minute", "0")
	g.soon(200, key.Token)
}
