// Package tracecheck holds the traces of a gateway to what a real receiver makes of them: that of the OpenTelemetry
// Collector, which shares no code with the gateway's exporter. It has tests alone, and must never know the gateway
// but as a program, by what it is set to and what it sends.
//
// It is a module of its own: the Collector and its gRPC are not to come near the gateway's go.mod.
package tracecheck
