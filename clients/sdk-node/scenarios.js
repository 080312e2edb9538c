// OpenAI's SDK for Node against a running specgate.
//
// OPENAI_BASE_URL (with /v1) and OPENAI_API_KEY say which, as the SDK reads them itself; MODEL is
// specgate-1 where it is not set. Exits with 1 where a scenario fails.
import assert from 'node:assert/strict';

import OpenAI from 'openai';

const model = process.env.MODEL ?? 'specgate-1';
const prompt = 'The capital of France is';

const client = new OpenAI({ maxRetries: 0, timeout: 30_000 });

async function completion() {
  const answer = await client.completions.create({ model, prompt, max_tokens: 8, seed: 1 });
  const [choice] = answer.choices;
  assert.equal(answer.object, 'text_completion');
  assert.equal(answer.model, model);
  assert.ok(choice.text);
  assert.ok(['stop', 'length'].includes(choice.finish_reason));
  const { usage } = answer;
  assert.ok(usage.completion_tokens > 0 && usage.completion_tokens <= 8);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
}

async function stream() {
  const asked = { model, prompt, max_tokens: 8, seed: 1, temperature: 0 };
  let text = '';
  let usage = null;
  let chunks = 0;
  const reasons = [];
  for await (const chunk of await client.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })) {
    chunks++;
    for (const choice of chunk.choices) {
      text += choice.text;
      if (choice.finish_reason) reasons.push(choice.finish_reason);
    }
    usage = chunk.usage ?? usage;
  }
  const whole = await client.completions.create(asked);
  assert.ok(chunks > 2);
  assert.equal(text, whole.choices[0].text);
  assert.deepEqual(reasons, [whole.choices[0].finish_reason]);
  assert.deepEqual(usage, whole.usage);
}

async function logprobs() {
  const answer = await client.completions.create({ model, prompt, max_tokens: 5, logprobs: 3, temperature: 0 });
  const [choice] = answer.choices;
  const found = choice.logprobs;
  assert.equal(found.tokens.join(''), choice.text);
  assert.equal(found.text_offset[0], [...prompt].length);
  for (const array of [found.token_logprobs, found.top_logprobs, found.text_offset]) {
    assert.equal(array.length, found.tokens.length);
  }
  found.tokens.forEach((token, i) => {
    const logprob = found.token_logprobs[i];
    const top = found.top_logprobs[i];
    assert.ok(Number.isFinite(logprob) && logprob <= 0);
    // The likeliest token is the one that temperature 0 takes.
    assert.equal(Object.keys(top).length, 3);
    assert.equal(top[token], logprob);
    assert.equal(Math.max(...Object.values(top)), logprob);
  });
}

async function unprocessable() {
  await assert.rejects(client.completions.create({ model, prompt, temperature: 3 }), (error) => {
    assert.ok(error instanceof OpenAI.UnprocessableEntityError);
    assert.equal(error.status, 422);
    assert.match(error.message, /temperature/);
    assert.equal(error.param, 'temperature');
    assert.equal(error.code, 'less_than_equal');
    assert.ok(error.requestID);
    return true;
  });
}

async function unauthorized() {
  const stranger = client.withOptions({ apiKey: 'sg-wrong' });
  await assert.rejects(stranger.completions.create({ model, prompt }), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.status, 401);
    assert.equal(error.code, 'invalid_api_key');
    assert.match(error.message, /API key/);
    return true;
  });
}

for (const scenario of [completion, stream, logprobs, unprocessable, unauthorized]) {
  try {
    await scenario();
    console.log(`ok   node ${scenario.name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL node ${scenario.name}`);
    console.error(error);
  }
}
