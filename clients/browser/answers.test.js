// Requests that are answered: whole, as a stream, with log probabilities, as curl.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { token } from './gateway.js';
import { prepare } from './setup.js';

const { open } = prepare();
const hostile = `It's "so" $HOME \`id\` \\n !! é 😀\n  and <b>bold</b>`;

test('a completion, whole', async () => {
  const it = await open();
  await it.field('max_tokens').fill('8');
  await it.field('temperature').fill('0');
  assert.equal(await it.send(), 'Done.');
  assert.ok((await it.text()).trim());
  const figures = await it.figures();
  assert.equal(figures['completion tokens'], '8');
  assert.equal(Number(figures['total tokens']), Number(figures['prompt tokens']) + 8);
  assert.match(figures['total time'], /^\d/);
  assert.equal(figures['first token'], undefined);
  assert.match(await it.page.locator('#figures').innerText(), /x-request-id req_/);
  assert.equal(await it.page.locator('.reason').innerText(), 'length');
  await it.close();
});

test('a stream gives the same text, its usage, and the time of its first token', async () => {
  const it = await open();
  await it.field('temperature').fill('0');
  await it.send();
  const whole = await it.text();
  assert.equal(await it.send('Stream'), 'Done.');
  assert.equal(await it.text(), whole);
  const figures = await it.figures();
  assert.equal(figures['completion tokens'], '16');
  assert.match(figures['first token'], /^\d/);
  await it.close();
});

test('what is shown is what is sent, and only what is set', async () => {
  const it = await open();
  await it.openGroups();
  await it.field('Prompt').fill(hostile);
  await it.field('seed').fill('9223372036854775807');
  await it.field('stop').fill('END');
  await it.field('Further fields').fill('{"top_k": 12345678901234567890}');
  await it.page.getByLabel('Send user as null').click();
  const shown = await it.request('JSON');
  const sent = it.page.waitForRequest('**/v1/completions');
  assert.equal(await it.send(), 'Done.');
  assert.equal((await sent).postData(), shown);
  for (const part of ['"seed": 9223372036854775807', '"stop": "END"', '"top_k": 12345678901234567890', '"user": null']) {
    assert.ok(shown.includes(part), `${part} in ${shown}`);
  }
  const body = JSON.parse(shown);
  assert.deepEqual(Object.keys(body), ['model', 'prompt', 'seed', 'stop', 'user', 'top_k']);
  assert.equal(body.prompt, hostile);
  await it.close();
});

test('an empty text and null can be sent', async () => {
  const it = await open();
  await it.openGroups();
  const press = (name) => it.page.getByLabel(`Send ${name}`, { exact: true }).click();
  await it.field('suffix').fill('typed before');
  await press('suffix as an empty text');
  assert.ok(await it.field('suffix').isDisabled());
  await press('stream_options as null');
  assert.ok(await it.field('include_usage').isDisabled());
  const plain = { model: 'specgate-1', prompt: 'Once upon a time' };
  assert.deepEqual(await it.body(), { ...plain, suffix: '', stream_options: null });
  await it.accessible('constants');
  await press('suffix as null');
  assert.equal(await it.page.getByLabel('Send suffix as an empty text').getAttribute('aria-pressed'), 'false', 'one at a time');
  assert.deepEqual(await it.body(), { ...plain, suffix: null, stream_options: null });
  assert.equal(await it.send('Stream'), 'Done.');
  await press('suffix as null');
  await press('stream_options as null');
  assert.deepEqual(await it.body(), { ...plain, suffix: 'typed before', stream_options: { include_usage: true }, stream: true });
  assert.equal(await it.page.getByLabel('Send OpenAI-Project as an empty text').count(), 0);
  await it.close();
});

test('a prompt may be empty', async () => {
  const it = await open();
  await it.field('Prompt').fill('');
  assert.deepEqual(await it.body(), { model: 'specgate-1', prompt: '' });
  assert.equal(await it.send(), 'Done.');
  await it.close();
});

test('the Tab key comes to a field before it comes to what sends a constant in its place', async () => {
  const it = await open([], { as: '' });
  await it.openGroups();
  const early = await it.page.locator('button.null').evaluateAll((all) => all.filter((button) => {
    const field = button.closest('[data-field]').querySelector('input, select, textarea');
    return !(field.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING);
  }).map((button) => button.getAttribute('aria-label')));
  assert.deepEqual(early, []);
  const below = await it.page.locator('button.null').evaluateAll((all) => all.filter((button) => {
    const box = button.closest('[data-field]').getBoundingClientRect();
    const { top, right } = button.getBoundingClientRect();
    return Math.abs(top - box.top) > 8 || right > box.right + 1;
  }).map((button) => button.getAttribute('aria-label')));
  assert.deepEqual(below, [], 'beside the label');
  await it.close();
});

test('the curl works in a shell, and does not hold the token', async () => {
  const it = await open();
  await it.field('Prompt').fill(hostile);
  await it.field('temperature').fill('0');
  await it.openGroups();
  await it.field('OpenAI-Project').fill("proj_a'b"); // as it is typed, quoted all the same
  assert.match(await it.request('curl'), /proj_a'\\''b/);
  await it.field('OpenAI-Project').fill('proj_ab');
  await it.send();
  const text = await it.page.locator('.choice .plain').textContent();
  const command = await it.request('curl');
  assert.ok(!command.includes(token));
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { env: { ...process.env, TOKEN: token, NO_PROXY: '*' } });
  assert.equal(JSON.parse(stdout).choices[0].text, text);
  await it.send('Stream');
  const streamed = await promisify(execFile)('bash', ['-c', await it.request('curl')], { env: { ...process.env, TOKEN: token, NO_PROXY: '*' } });
  assert.match(streamed.stdout, /^data: \{[\s\S]*data: \[DONE\]\s*$/);
  await it.close();
});

test('several prompts and choices have a section each', async () => {
  const it = await open();
  await it.page.getByText('JSON', { exact: true }).first().click();
  assert.equal(await it.field('Prompt').inputValue(), '"Once upon a time"');
  await it.field('Prompt').fill('["One", "Two"]');
  await it.field('n').fill('2');
  for (const button of ['Run', 'Stream']) {
    assert.equal(await it.send(button), 'Done.');
    assert.deepEqual(await it.page.locator('.choice h3').allInnerTexts(), ['Choice 0prompt 0', 'Choice 1prompt 0', 'Choice 2prompt 1', 'Choice 3prompt 1']);
  }
  await it.field('Prompt').fill('[9906, 4435]');
  await it.field('n').fill('');
  assert.equal(await it.send(), 'Done.');
  assert.equal((await it.figures())['prompt tokens'], '2');
  await it.close();
});

test('tokens have their probability, and alternatives for the pointer and the keyboard', async () => {
  const it = await open();
  await it.field('logprobs').fill('3');
  await it.field('temperature').fill('0');
  for (const button of ['Run', 'Stream']) {
    await it.send(button);
    assert.equal(await it.tokens().count(), 16);
    assert.equal(await it.page.locator('.legend li').count(), 5);
    const looks = await it.tokens().evaluateAll((all) => all.map((one) => getComputedStyle(one).borderBottomStyle));
    assert.ok(new Set(looks).size > 1, 'underlines tell them apart');
  }
  const tip = it.page.locator('#tip');
  await it.tokens().nth(3).hover();
  assert.equal(await tip.locator('tr').count(), 3);
  assert.equal(await tip.locator('.chosen').count(), 1);
  assert.equal(await it.tokens().nth(3).getAttribute('aria-describedby'), 'tip');
  await it.page.mouse.move(2, 2);
  await tip.waitFor({ state: 'hidden' });

  await it.tokens().first().focus();
  assert.ok(await tip.isVisible());
  const focused = () => it.page.evaluate(() => [...document.querySelectorAll('[role=option]')].indexOf(document.activeElement));
  for (const [key, at] of [['ArrowRight', 1], ['ArrowDown', 2], ['ArrowLeft', 1], ['End', 15], ['ArrowRight', 15], ['Home', 0], ['ArrowUp', 0]]) {
    await it.page.keyboard.press(key);
    assert.equal(await focused(), at, key);
    assert.ok(await tip.isVisible(), key);
  }
  await it.accessible('alternatives');
  await it.page.keyboard.press('Escape');
  assert.ok(await tip.isHidden());
  assert.equal(await it.page.locator('[role=option][tabindex="0"]').count(), 1);
  await it.close();
});

test('each class of tokens begins where the legend says', async () => {
  const it = await open([], { as: '' });
  const classes = await it.page.evaluate(async () => {
    const { tokensOf } = await import('/playground/tokens.js');
    const shares = [0.049, 0.051, 0.199, 0.201, 0.499, 0.501, 0.749, 0.751, 1];
    return tokensOf({ tokens: shares.map(() => 'x'), token_logprobs: shares.map(Math.log) }).map((one) => one.className.slice(-2));
  });
  assert.deepEqual(classes, ['p0', 'p1', 'p1', 'p2', 'p2', 'p3', 'p3', 'p4', 'p4']);
  await it.close();
});

test('a scored prompt has its tokens, and one without a probability', async () => {
  const it = await open();
  await it.openGroups();
  await it.field('Prompt').fill('The sky is blue\nand 😀');
  await it.field('logprobs').fill('1');
  await it.field('max_tokens').fill('0');
  await it.field('echo').selectOption('true');
  assert.equal(await it.send(), 'Done.');
  assert.match(await it.tokens().first().getAttribute('class'), /unknown/);
  assert.match(await it.text(), /The sky is blue↵\nand/);
  await it.tokens().first().hover();
  assert.match(await it.page.locator('#tip').innerText(), /no log probability/);
  await it.close();
});

test('everything can be done by keyboard', async () => {
  const it = await open([], { as: '' });
  const tabTo = async (label) => {
    for (let i = 0; i < 60; i++) {
      await it.page.keyboard.press('Tab');
      const at = await it.page.evaluate(() => {
        const now = document.activeElement;
        return now.labels?.[0]?.textContent || now.getAttribute('aria-label') || now.textContent;
      });
      if (at === label) return;
    }
    throw new Error(`no way by Tab to ${label}`);
  };
  await tabTo('Token');
  await it.page.keyboard.type(token);
  await it.page.keyboard.press('Enter');
  await it.page.waitForFunction(() => document.querySelector('#status').textContent === 'Models listed.');
  await tabTo('Model');
  await tabTo('Prompt');
  await it.page.keyboard.press('Control+a');
  await it.page.keyboard.type('The mill');
  await tabTo('logprobs');
  await it.page.keyboard.type('2');
  await tabTo('Sampling');
  await it.page.keyboard.press('Enter');
  await tabTo('seed');
  await it.page.keyboard.type('7');
  await it.page.keyboard.press('Control+Enter');
  assert.equal(await it.ended(), 'Done.');
  assert.deepEqual(await it.body(), { model: 'specgate-1', prompt: 'The mill', logprobs: 2, seed: 7 });
  await it.close();
});
