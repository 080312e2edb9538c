package sse

const doneData = "[DONE]"

// AppendData appends an event that holds data, which must have no line end in it.
func AppendData(dst, data []byte) []byte {
	dst = append(dst, "data: "...)
	dst = append(dst, data...)
	return append(dst, "\n\n"...)
}

// AppendDone appends the event with which the stream of a completion ends.
func AppendDone(dst []byte) []byte {
	return append(dst, "data: "+doneData+"\n\n"...)
}

// AppendPing appends a comment that keeps a silent connection open. It has one newline: some clients
// take the empty line that a second would make for an event without data, and break on it.
func AppendPing(dst []byte) []byte {
	return append(dst, ": ping\n"...)
}

// IsDone reports whether an event's data say that the stream is whole.
func IsDone(data []byte) bool { return string(data) == doneData }
