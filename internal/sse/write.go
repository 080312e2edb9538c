package sse

const doneData = "[DONE]"

// Done is the event with which the stream of a completion ends, as it is sent.
const Done = "data: " + doneData + "\n\n"

// Ping is a comment that keeps a silent connection open, as it is sent. It has one newline: some
// clients take the empty line that a second would make for an event without data, and break on it.
const Ping = ": ping\n"

// AppendData appends an event that holds data, which must have no line end in it.
func AppendData(dst, data []byte) []byte {
	dst = append(dst, "data: "...)
	dst = append(dst, data...)
	return append(dst, "\n\n"...)
}

// IsDone reports whether an event's data say that the stream is whole.
func IsDone(data []byte) bool { return string(data) == doneData }
