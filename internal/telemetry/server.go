package telemetry

// Flight is what a server holds at present. It is asked at each scrape.
type Flight interface {
	InFlight() int
	BodyBytes() int
}

// WatchServer registers the gauges of a server, and of the streams that are open.
func (m *Metrics) WatchServer(f Flight, streams func() int) error {
	return m.register(
		gauge{"inflight_requests", "Requests of callers who are known that run at present.", f.InFlight},
		gauge{"inflight_body_bytes", "Bytes of the bodies of requests that are held at present.", f.BodyBytes},
		gauge{"open_streams", "Streams that callers are sent at present.", streams},
	)
}
