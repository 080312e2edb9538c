// Asking the gateway: a request goes out, and what comes back is told piece by piece.
import { path } from './request.js';
import { events } from './sse.js';

// Failure is an answer that is an error.
export class Failure extends Error {
  constructor(response, body) {
    super(body?.error?.message ?? `The answer is ${response.status} and no JSON.`);
    this.status = response.status;
    this.headers = response.headers;
    this.error = body?.error ?? {};
    this.detail = body?.detail ?? [];
  }
}

// Broken is an answer that began and did not end well: what came of it is not whole.
export class Broken extends Error {}

const common = (token) => ({ Authorization: `Bearer ${token}` });

// models lists the ids that a token may ask for.
export async function models(token, headers) {
  const response = await fetch('/v1/models', { headers: { ...common(token), ...headers }, credentials: 'omit', cache: 'no-store' });
  if (!response.ok) throw await failureOf(response);
  return (await response.json()).data.map((model) => model.id);
}

// ask sends a request. begun is told of the answer's headers, piece of each chunk, or of the whole as of one.
export async function ask(request, token, { signal, begun, piece }) {
  const response = await fetch(path, {
    method: 'POST', signal, credentials: 'omit', cache: 'no-store', body: request.body,
    headers: { ...common(token), 'Content-Type': 'application/json', ...request.headers },
  });
  if (!response.ok) throw await failureOf(response);
  begun(response.headers);
  if (response.headers.get('Content-Type').startsWith('text/event-stream')) await pieces(response.body, piece, signal);
  else piece(await whole(response, signal));
}

async function failureOf(response) {
  return new Failure(response, await response.json().catch(() => null));
}

// whole reads an answer that is not streamed.
async function whole(response, signal) {
  try {
    return await response.json();
  } catch (error) {
    throw cut(error, signal, 'The answer broke off, or is not JSON.');
  }
}

// pieces reads a stream up to [DONE], without which it is not whole.
async function pieces(stream, piece, signal) {
  try {
    for await (const data of events(stream)) {
      if (data === '[DONE]') return;
      piece(chunkOf(data));
    }
  } catch (error) {
    throw cut(error, signal, 'The connection was lost in the middle of the stream. Text that came last may be missing: a browser drops what it has not handed to the page by then.');
  }
  throw new Broken('The stream ended without [DONE].');
}

function chunkOf(data) {
  let chunk;
  try {
    chunk = JSON.parse(data);
  } catch {
    throw new Broken('The stream has an event that is not JSON.');
  }
  if (chunk.error) throw new Broken(chunk.error.message);
  return chunk;
}

function cut(error, signal, message) {
  return error instanceof Broken || signal.aborted ? error : new Broken(message);
}
