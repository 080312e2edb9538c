package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// streams measures open streams: the memory of idle ones, the delay of an event, and how many there
// may be.
func streams(ctx context.Context, f *field, o options) error {
	gate := f.contestant("specgate")
	if o.streams > 0 {
		if err := memory(ctx, gate, o.streams, "resident memory of each"); err != nil {
			return err
		}
		if err := delays(ctx, f, gate); err != nil {
			return err
		}
	}
	if o.most > 0 {
		return memory(ctx, gate, o.most, "all opened, resident memory of each")
	}
	return nil
}

// memory opens streams, leaves them idle, and divides what the gateway grew by.
func memory(ctx context.Context, gate *contestant, n int, what string) error {
	before, err := gate.resident()
	if err != nil {
		return err
	}
	open, err := openIdle(ctx, gate, n)
	defer leave(open)
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	after, err := gate.resident()
	if err != nil {
		return err
	}
	fmt.Printf("\n%d idle streams: %s %.1f KB\n", n, what, float64(after-before)/float64(n)/1024)
	return nil
}

// openIdle opens streams, each of which is sent one event and then nothing.
func openIdle(ctx context.Context, gate *contestant, n int) ([]net.Conn, error) {
	open := make([]net.Conn, 0, n)
	for i := range n {
		// One loopback address has some 28,000 ports to offer.
		conn, _, err := openStream(ctx, gate, "idle")
		if err != nil {
			return open, fmt.Errorf("stream %d of %d: %w", i+1, n, err)
		}
		open = append(open, conn)
	}
	return open, nil
}

func leave(open []net.Conn) {
	for _, conn := range open {
		_ = conn.Close()
	}
	time.Sleep(time.Second) // for the gateway to see it
}

// openStream asks for a stream and returns once its first event is there.
func openStream(ctx context.Context, to *contestant, user string) (net.Conn, *bufio.Reader, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", to.address)
	if err != nil {
		return nil, nil, err
	}
	body := `{"model":"llama3.1:8b","prompt":"Hello","stream":true,"user":"` + user + `"}`
	_, err = fmt.Fprintf(conn, "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"Authorization: Bearer "+to.token+"\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	in := bufio.NewReaderSize(conn, 512)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for {
		line, err := in.ReadString('\n')
		if strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 200 ") {
			err = errors.New(strings.TrimSpace(line))
		}
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("before the first event: %w", err), conn.Close())
		}
		if strings.HasPrefix(line, "data: ") {
			return conn, in, conn.SetReadDeadline(time.Time{})
		}
	}
}

// patience is how long a stream may take to begin.
const patience = 10 * time.Second

// clocks is how many streams tell the time at once.
const clocks = 20

// delays compares how old an event is when it has come through the gateway with how old one is that
// has come directly.
func delays(ctx context.Context, f *field, gate *contestant) error {
	var direct, through []time.Duration
	for range 2 {
		for _, at := range []struct {
			address string
			ages    *[]time.Duration
		}{{f.upstream, &direct}, {gate.address, &through}} {
			ages, err := ages(ctx, at.address)
			if err != nil {
				return err
			}
			*at.ages = append(*at.ages, ages...)
		}
	}
	slices.Sort(direct)
	slices.Sort(through)
	at := func(ages []time.Duration, percent int) time.Duration { return ages[len(ages)*percent/100] }
	fmt.Printf("\n%d streams of 20 events a second: the gateway adds %.3f ms at p50 (%.3f directly), %.3f ms at p99 (%.3f directly)\n", clocks,
		ms(at(through, 50)-at(direct, 50)), ms(at(direct, 50)), ms(at(through, 99)-at(direct, 99)), ms(at(direct, 99)))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// ages reads some streams that tell the time, and says how old each event was when it came.
func ages(ctx context.Context, address string) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var errs []error
	var readers sync.WaitGroup
	for range clocks {
		readers.Go(func() {
			ages, err := readClock(ctx, address)
			mu.Lock()
			defer mu.Unlock()
			all, errs = append(all, ages...), append(errs, err)
		})
	}
	readers.Wait()
	return all, errors.Join(errs...)
}

func readClock(ctx context.Context, address string) ([]time.Duration, error) {
	conn, in, err := openStream(ctx, &contestant{address: address, token: token}, "clock")
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	var ages []time.Duration
	for {
		line, err := in.ReadString('\n')
		now := time.Now()
		if errors.Is(err, io.EOF) || strings.HasPrefix(line, "data: [DONE]") {
			return ages, nil
		}
		if err != nil {
			return nil, err
		}
		if _, after, ok := strings.Cut(line, `"text":"`); ok {
			sent, _, _ := strings.Cut(after, `"`)
			at, err := strconv.ParseInt(sent, 10, 64)
			if err != nil {
				return nil, err
			}
			ages = append(ages, now.Sub(time.Unix(0, at)))
		}
	}
}
