//go:build race

package main

// The documentation starts many gateways, one after the other, which the race detector makes minutes of. Other tests
// let it see as much.
const slowed = true
