// Server-sent events, read as they arrive: from bytes that the network may split anywhere.

// events yields the data of each event. Comments and other fields are passed over.
export async function* events(stream) {
  let data = [];
  for await (const line of lines(stream)) {
    if (line === '') {
      if (data.length) yield data.join('\n');
      data = [];
    } else if (line.startsWith('data:')) {
      data.push(line.slice(line[5] === ' ' ? 6 : 5));
    }
  }
}

// lines yields what ends in LF, CRLF or CR. A last line without an end is no line: its event is not whole.
async function* lines(stream) {
  let rest = '';
  for await (const text of texts(stream)) {
    rest += text;
    const parts = rest.split(/\r\n|\n|\r(?!$)/); // a CR at the end may be half of a CRLF
    rest = parts.pop();
    yield* parts;
  }
  if (rest.endsWith('\r')) yield rest.slice(0, -1);
}

// texts decodes the bytes; not by a for await over the stream, which Safari lacks.
async function* texts(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    reader.cancel().catch(() => {}); // nobody reads on
  }
}
