package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// completionBody is an answer of some 600 bytes, as vLLM writes them.
const completionBody = `{"id":"cmpl-0f8fad5b7d9e4c3ab1e2c3d4e5f60718","object":"text_completion","created":1795353600,` +
	`"model":"llama3.1:8b","choices":[{"index":0,"text":" Paris. It lies on the Seine, and has been the capital of the ` +
	`country for most of its history. Some two million people live within its bounds, and ten million around it.",` +
	`"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null,"prompt_logprobs":null,` +
	`"prompt_token_ids":null}],"service_tier":null,"system_fingerprint":null,"usage":{"prompt_tokens":251,` +
	`"total_tokens":291,"completion_tokens":40,"prompt_tokens_details":null},"kv_transfer_params":null}`

func chunk(text, finish string) string {
	return `data: {"id":"cmpl-0f8fad5b7d9e4c3ab1e2c3d4e5f60718","object":"text_completion","created":1795353600,` +
		`"model":"llama3.1:8b","choices":[{"index":0,"text":"` + text + `","logprobs":null,"finish_reason":` + finish + `,` +
		`"stop_reason":null}],"usage":null}` + "\n\n"
}

// sevenEvents are the events of a short stream: six chunks and [DONE].
func sevenEvents() []string {
	return []string{
		chunk(" Paris", "null"), chunk(".", "null"), chunk(" It", "null"), chunk(" lies", "null"), chunk(" on", "null"),
		chunk(" it", `"length"`), "data: [DONE]\n\n",
	}
}

// serveUpstream answers completions as fast as a small program can, without net/http in it. A request
// with "stream":true has seven events, each written by itself; one whose user is idle is sent a chunk
// and then nothing; one whose user is clock is sent the time, over and over.
func serveUpstream(address string) error {
	l, err := net.Listen("tcp", address) //nolint:noctx // as long as the process
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go serveConn(conn)
	}
}

func serveConn(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReaderSize(conn, 4<<10)
	var body []byte
	for {
		length, err := readHead(in)
		if err != nil {
			return
		}
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		if err := answer(conn, body); err != nil {
			return
		}
		if cap(body) > 64<<10 {
			body = nil
		}
	}
}

// readHead reads the head of a request, and gives the length of its body.
func readHead(in *bufio.Reader) (length int, err error) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			return length, nil
		}
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.EqualFold(name, "content-length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return 0, err
			}
		}
	}
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

func answer(conn net.Conn, body []byte) error {
	switch {
	case !bytes.Contains(body, []byte(`"stream":true`)):
		_, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(completionBody), completionBody)
		return err
	case bytes.Contains(body, []byte(`"user":"idle"`)):
		return idle(conn)
	case bytes.Contains(body, []byte(`"user":"clock"`)):
		return clock(conn)
	}
	out := streamHead
	for _, event := range sevenEvents() {
		if _, err := io.WriteString(conn, out+framed(event)); err != nil {
			return err
		}
		out = ""
	}
	_, err := io.WriteString(conn, "0\r\n\r\n")
	return err
}

func framed(event string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(event), event) }

// idle sends one event, and waits for the other side to leave.
func idle(conn net.Conn) error {
	if _, err := io.WriteString(conn, streamHead+framed(chunk(" on", "null"))); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	return err
}

// clock sends events that say when they were sent, in nanoseconds, twenty times a second.
func clock(conn net.Conn) error {
	out := streamHead
	for range clockEvents {
		event := chunk(strconv.FormatInt(time.Now().UnixNano(), 10), "null")
		if _, err := io.WriteString(conn, out+framed(event)); err != nil {
			return err
		}
		out = ""
		time.Sleep(clockPause)
	}
	_, err := io.WriteString(conn, framed("data: [DONE]\n\n")+"0\r\n\r\n")
	return err
}

const (
	clockEvents = 100
	clockPause  = 50 * time.Millisecond
)

// listening waits until something answers at an address.
func listening(address string) error {
	for range 200 {
		conn, err := net.DialTimeout("tcp", address, time.Second) //nolint:noctx // bounded by its timeout
		if err == nil {
			return conn.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("nothing listens at %s: %w", address, os.ErrDeadlineExceeded)
}
