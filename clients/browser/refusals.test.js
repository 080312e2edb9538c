// Requests that are refused, and answers that are not whole.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { prepare } from './setup.js';

const { open, file } = prepare();

test('a 422 is shown at the fields that it names', async () => {
  const it = await open();
  await it.field('temperature').fill('3');
  await it.field('n').fill('2');
  await it.openGroups();
  await it.field('best_of').fill('1');
  await it.field('stop').fill('["a", 1]');
  await it.field('logit_bias').fill('{"x": 1}');
  await it.field('OpenAI-Organization').fill('nobody');
  await it.field('Further fields').fill('{"Model": "other"}');
  await it.page.locator('details[open] > summary').first().click(); // where logit_bias is
  assert.equal(await it.send(), 'Failed.');
  const wrong = {
    temperature: /^✕ Input should be less than or equal to 2$/, best_of: /best_of must be greater than n$/, stop: /1: Input should be a valid string$/,
    logit_bias: /x: String should match pattern/,
  };
  for (const [name, message] of Object.entries(wrong)) {
    assert.match(await it.of(name).locator('.fault').evaluate((one) => getComputedStyle(one, '::before').content.slice(1, 3) + one.textContent), message, name);
    const described = await it.field(name).evaluate((one) => [one.getAttribute('aria-invalid'), document.getElementById(one.getAttribute('aria-describedby').split(' ')[0]).className]);
    assert.deepEqual(described, ['true', 'fault'], name);
  }
  assert.ok(await it.field('logit_bias').isVisible(), 'its group is open');
  const links = it.page.locator('.problem a');
  assert.deepEqual((await links.allInnerTexts()).filter((name) => name in wrong).sort(), Object.keys(wrong).sort());
  assert.equal(await it.page.evaluate(() => document.activeElement.closest('[data-field]').dataset.field), await it.page.evaluate(() => {
    const [first] = document.querySelectorAll('.problem a');
    return first.textContent === 'Further fields' ? '' : first.textContent;
  }), 'the first has the focus');
  await it.accessible('422');
  await links.filter({ hasText: 'temperature' }).click();
  assert.ok(await it.field('temperature').evaluate((one) => one === document.activeElement));

  await it.field('temperature').fill('1');
  for (const name of ['best_of', 'n', 'stop', 'logit_bias', 'OpenAI-Organization', 'Further fields']) await it.field(name).fill('');
  assert.equal(await it.send(), 'Done.');
  assert.equal(await it.page.locator('.problem, .wrong, [aria-invalid]').count(), 0);
  await it.close();
});

test('a malformed header is shown at its field', async () => {
  const it = await open();
  await it.openGroups();
  await it.field('OpenAI-Organization').fill('nobody');
  assert.equal(await it.send(), 'Failed.');
  assert.match(await it.of('OpenAI-Organization').locator('.fault').textContent(), /String should match pattern/);
  await it.close();
});

test('a violation that no field has is told all the same', async () => {
  const it = await open();
  await it.openGroups();
  await it.field('Further fields').fill('{"stream": true, "stream": false}');
  assert.equal(await it.send('Stream'), 'Failed.');
  assert.match(await it.page.locator('.problem').innerText(), /stream/);
  await it.close();
});

test('what is no value is told before it is sent', async () => {
  const it = await open();
  await it.openGroups();
  await it.field('logit_bias').fill('{"1": }');
  await it.field('Further fields').fill('[1]');
  await it.field('OpenAI-Project').fill('proj_ä');
  const before = it.asked.length;
  assert.equal(await it.send(), 'Not sent.');
  assert.equal(it.asked.length, before);
  assert.match(await it.of('logit_bias').locator('.fault').textContent(), /not JSON/);
  assert.match(await it.of('').locator('.fault').textContent(), /object/);
  assert.match(await it.of('OpenAI-Project').locator('.fault').textContent(), /ASCII/);
  await it.close();
});

test('a wrong token is told at its field', async () => {
  const it = await open([], { as: 'sg-wrong' });
  assert.match(await it.of('token').locator('.fault').textContent(), /API key/);
  assert.equal(await it.send(), 'Failed.');
  assert.match(await it.page.locator('.problem').innerText(), /not accepted[\s\S]*401[\s\S]*x-request-id req_/);
  assert.ok(await it.field('Token').evaluate((one) => one === document.activeElement));
  await it.accessible('401');
  await it.close({ as: 'sg-wrong' });
});

test('who has no token is told where to find one', async () => {
  const it = await open([], { as: '' });
  assert.equal(await it.send(), 'Failed.');
  const said = await it.page.locator('.problem').innerText();
  assert.match(said, /A token is needed[\s\S]*make run/);
  assert.doesNotMatch(said, /not accepted|No API key/);
  assert.match(await it.of('token').locator('.fault').textContent(), /make run/);
  await it.close();
});

test('a model that is not there is told at its field', async () => {
  const it = await open();
  await it.field('Model').selectOption('another id …');
  await it.field('Model id').fill('nobody');
  assert.equal(await it.send(), 'Failed.');
  assert.match(await it.of('model').locator('.fault').textContent(), /nobody|model/);
  await it.close();
});

const script = `rules:
  - {nth: 1, between_events: 100ms}
  - {nth: 2, cut_after: 3, between_events: 50ms}
  - {nth: 3, malformed_after: 2}
  - {nth: 4, no_done: true}
  - {nth: 5, status: 429, retry_after: 7s}
  - {nth: 6, status: 500}
  - {nth: 7, byte_by_byte: true}
  - {nth: 8, cut_after: 1}
`;

test('stopped, broken and refused answers look like that', async () => {
  const it = await open(['--faults', file('faults.yaml', script)]);
  const looks = () => it.button('Stop').evaluate((one) => getComputedStyle(one).borderTopStyle);
  assert.equal(await looks(), 'dashed', 'there is nothing to stop');
  await it.button('Stream').click();
  await it.page.locator('.choice .plain').waitFor();
  assert.equal(await looks(), 'solid');
  await it.button('Stop').click();
  assert.equal(await it.ended(), 'Stopped.');
  assert.equal(await it.page.locator('.reason').innerText(), 'stopped');
  assert.ok(await it.button('Stop').isDisabled());
  assert.equal(await it.page.locator('.problem').count(), 0);

  for (const told of [/connection was lost/, /not JSON/, /without \[DONE\]/]) {
    assert.equal(await it.send('Stream'), 'Failed.');
    assert.match(await it.page.locator('.problem').innerText(), told);
    assert.match(await it.page.locator('.problem').innerText(), /not whole/);
    assert.ok((await it.text()).trim(), 'what came stays');
  }
  await it.accessible('a broken stream');
  assert.equal(await it.send(), 'Failed.');
  assert.match(await it.page.locator('.problem').innerText(), /limit[\s\S]*429[\s\S]*try again in 7 s/);
  assert.equal(await it.send(), 'Failed.');
  assert.match(await it.page.locator('.problem').innerText(), /failed[\s\S]*500 server_error[\s\S]*x-request-id req_/);
  assert.equal(await it.send('Stream'), 'Done.');
  assert.equal(await it.send('Stream'), 'Failed.');
  assert.match(await it.page.locator('.problem').innerText(), /may be missing/, 'what a browser may drop');
  it.complaints = it.complaints.filter((said) => !said.includes('ERR_INCOMPLETE_CHUNKED_ENCODING'));
  await it.close();
});

test('streams are read however they are written', async () => {
  const it = await open();
  const chunk = (text) => JSON.stringify({ id: 'x', object: 'text_completion', created: 1, model: 'm', choices: [{ index: 0, text, logprobs: null, finish_reason: null }] });
  let body;
  await it.page.route('**/v1/completions', (route) => route.fulfill({ contentType: 'text/event-stream; charset=utf-8', body }));
  body = `: ping\n\ndata:${chunk('a')}\r\n\r\nevent: x\ndata: ${chunk('é😀')}\n\ndata: [DONE]\n\n`;
  assert.equal(await it.send('Stream'), 'Done.');
  assert.equal(await it.text(), 'aé😀');
  body = `data: ${chunk('a')}\n\ndata: {"error":{"message":"It fell over.","type":"server_error","param":null,"code":"upstream_error"}}\n\n`;
  assert.equal(await it.send('Stream'), 'Failed.');
  assert.match(await it.page.locator('.problem').innerText(), /not whole\s+It fell over\./);
  assert.equal(await it.page.locator('.reason').innerText(), 'broken off');

  const read = await it.page.evaluate(async () => {
    const { events } = await import('/playground/sse.js');
    const bytes = new TextEncoder().encode('data: é😀\r\n\r\ndata: 1\rdata:2\r\r: no\n\ndata: 3\n\ndata: cut');
    const all = [];
    const stream = new ReadableStream({ start(to) { bytes.forEach((byte) => to.enqueue(new Uint8Array([byte]))); to.close(); } });
    for await (const event of events(stream)) all.push(event);
    return all;
  });
  assert.deepEqual(read, ['é😀', '1\n2', '3']);
  await it.close();
});
