// The client that openapi-typescript and openapi-fetch make of openapi.yaml, against a running specgate.
//
// SPECGATE_URL (without /v1) and TOKEN say which; MODEL is specgate-1 where it is not set.
// Exits with 1 where a scenario fails.
import assert from 'node:assert/strict';

import createClient from 'openapi-fetch';

import type { components, paths } from './specgate.js';

type Schemas = components['schemas'];
type Request = Schemas['CompletionRequest'];

const baseUrl = process.env['SPECGATE_URL'] ?? 'http://127.0.0.1:8420';
const token = process.env['TOKEN'] ?? '';
const model = process.env['MODEL'] ?? 'specgate-1';
const prompt = 'The capital of France is';

// With the media type named, the answer is a Completion and not a Completion or an event of a stream.
const client = createClient<paths, 'application/json'>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

async function complete(body: Request): Promise<Schemas['Completion']> {
  const { data, error } = await client.POST('/v1/completions', { body });
  if (!data) throw new Error(`refused: ${error.error.message}`);
  return data;
}

async function completion() {
  const answer = await complete({ model, prompt, max_tokens: 8, seed: 1 });
  const [choice] = answer.choices;
  assert.ok(choice?.text);
  assert.equal(answer.object, 'text_completion');
  assert.equal(answer.model, model);
  assert.equal(choice.logprobs, null);
  assert.ok(['stop', 'length'].includes(choice.finish_reason));
  const usage = answer.usage;
  assert.ok(usage && usage.completion_tokens > 0 && usage.completion_tokens <= 8);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
}

async function batch() {
  const answer = await complete({ model, prompt: ['one', 'two'], max_tokens: 2, echo: true });
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1]);
  assert.deepEqual(answer.choices.map((choice) => choice.text.slice(0, 3)), ['one', 'two']);
}

async function tokens() {
  const one = await complete({ model, prompt: [9906, 4435], max_tokens: 2 });
  assert.equal(one.choices.length, 1);
  assert.equal(one.usage?.prompt_tokens, 2);
  const two = await complete({ model, prompt: [[9906, 4435], [9906]], max_tokens: 2 });
  assert.equal(two.choices.length, 2);
  assert.equal(two.usage?.prompt_tokens, 3);
}

async function choices() {
  const answer = await complete({ model, prompt, max_tokens: 2, n: 2 });
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1]);
}

async function logprobs() {
  const answer = await complete({ model, prompt, max_tokens: 4, logprobs: 2, temperature: 0 });
  const [choice] = answer.choices;
  const found = choice?.logprobs;
  assert.ok(choice && found?.tokens && found.token_logprobs && found.top_logprobs);
  assert.equal(found.tokens.join(''), choice.text);
  assert.equal(found.token_logprobs.length, found.tokens.length);
  assert.ok(found.token_logprobs.every((logprob) => typeof logprob === 'number' && logprob <= 0));
  assert.ok(found.top_logprobs.every((top) => top && Object.keys(top).length === 2));
}

/** The data of the events of a stream, up to [DONE]; fails where the stream ends without it. */
async function* events(body: Request): AsyncGenerator<string> {
  const { data, error } = await client.POST('/v1/completions', { body: { ...body, stream: true }, parseAs: 'stream' });
  if (!data) throw new Error(`refused: ${error?.error.message}`);
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of data) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data:')) continue; // a blank line, or the comment that keeps the connection
      const event = line.slice('data:'.length).trim();
      if (event === '[DONE]') return;
      yield event;
    }
  }
  throw new Error('the stream broke off before [DONE]');
}

async function* chunks(body: Request): AsyncGenerator<Schemas['CompletionChunk']> {
  for await (const event of events(body)) {
    const data: Schemas['CompletionChunk'] | Schemas['Error'] = JSON.parse(event);
    if (!isChunk(data)) throw new Error(`the generation broke off: ${data.error.message}`);
    yield data;
  }
}

const isChunk = (data: Schemas['CompletionChunk'] | Schemas['Error']): data is Schemas['CompletionChunk'] => 'choices' in data;

async function stream() {
  const asked: Request = { model, prompt, max_tokens: 8, seed: 1, temperature: 0 };
  const reasons: string[] = [];
  let text = '';
  let count = 0;
  let usage: Schemas['CompletionUsage'] | null = null;
  for await (const chunk of chunks({ ...asked, stream_options: { include_usage: true } })) {
    count++;
    for (const choice of chunk.choices) {
      text += choice.text;
      if (choice.finish_reason) reasons.push(choice.finish_reason);
    }
    usage = chunk.usage ?? usage;
  }
  const whole = await complete(asked);
  assert.ok(count > 2);
  assert.equal(text, whole.choices[0]?.text);
  assert.deepEqual(reasons, [whole.choices[0]?.finish_reason]);
  assert.deepEqual(usage, whole.usage);
}

async function violations() {
  const { error, response } = await client.POST('/v1/completions', { body: { model, prompt: [9906, -1], n: 0, temperature: 3 } });
  assert.equal(response.status, 422);
  assert.ok(error && isValidationError(error));
  assert.deepEqual(error.detail.map(({ loc, type }) => [loc, type]), [
    [['body', 'prompt', 1], 'greater_than_equal'],
    [['body', 'n'], 'greater_than_equal'],
    [['body', 'temperature'], 'less_than_equal'],
  ]);
  assert.equal(error.error.param, 'prompt.1');
}

// The types of all errors share one name: what tells them apart is the list.
function isValidationError(error: Schemas['Error'] | Schemas['ValidationError']): error is Schemas['ValidationError'] {
  return Array.isArray(error['detail']);
}

async function unauthorized() {
  const { error, response } = await client.POST('/v1/completions', {
    body: { model, prompt },
    headers: { Authorization: 'Bearer sg-wrong' },
  });
  assert.equal(response.status, 401);
  assert.equal(error?.error.code, 'invalid_api_key');
}

async function models() {
  const { data } = await client.GET('/v1/models');
  assert.ok(data?.data.some((entry) => entry.id === model));
  const one = await client.GET('/v1/models/{model}', { params: { path: { model } } });
  assert.equal(one.data?.id, model);
}

for (const scenario of [completion, batch, tokens, choices, logprobs, stream, violations, unauthorized, models]) {
  try {
    await scenario();
    console.log(`ok   typescript ${scenario.name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL typescript ${scenario.name}`);
    console.error(error);
  }
}
