// The form is that of the contract which is served.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { prepare } from './setup.js';

const { open, gateway, file } = prepare();
const overlaid = (path) => ['--contract-overlay', path];

test('every field of the contract is there, with its limits', async () => {
  const it = await open();
  const doc = await (await fetch(`${(await gateway()).origin}/openapi.json`)).json();
  await it.openGroups();
  const { properties } = doc.components.schemas.CompletionRequest;
  for (const [name, schema] of Object.entries(properties)) {
    if (name === 'stream') continue; // the button's
    assert.ok(await it.of(name).isVisible(), name);
    if (schema.maximum === undefined) continue;
    const input = it.field(name);
    assert.deepEqual([await input.getAttribute('min'), await input.getAttribute('max')], [String(schema.minimum), String(schema.maximum)], name);
  }
  assert.match(await it.of('temperature').locator('.hint').innerText(), /^0 to 2 · default 1$/);
  assert.match(await it.of('frequency_penalty').locator('.hint').innerText(), /^−2 to 2 · default 0$/);
  assert.match(await it.of('max_tokens').locator('.hint').innerText(), /^at least 0 · default 16$/);
  assert.match(await it.of('stop').locator('.hint').innerText(), /^1 to 4 items$/);
  assert.deepEqual(await it.body(), { model: 'specgate-1', prompt: 'Once upon a time' });
  await it.accessible('all groups open');
  await it.close();
});

test('the limits of an overlay are those of the form', async () => {
  const evaluation = await open(overlaid('docs/overlays/evaluation.yaml'));
  assert.equal(await evaluation.field('logprobs').getAttribute('max'), '20');
  assert.match(await evaluation.of('n').locator('.hint').innerText(), /1 to 200/);
  await evaluation.close();
  const editors = await open(overlaid('docs/overlays/editors.yaml'));
  await editors.openGroups();
  assert.match(await editors.of('stop').locator('.hint').innerText(), /1 to 16 items/);
  assert.equal(await editors.field('max_tokens').getAttribute('max'), '1024');
  await editors.close();
});

test('closed lists are closed', async () => {
  const it = await open(overlaid('docs/overlays/closed.yaml'));
  assert.deepEqual(await it.field('Model').locator('option').evaluateAll((all) => all.map((one) => one.value)), ['qwen2.5-coder', 'phi-4']);
  await it.openGroups();
  assert.equal(await it.field('Further fields').count(), 0);
  await it.close();
});

const further = `overlay: 1.0.0
info: {title: Further fields, version: 1.0.0}
actions:
  - target: $.components.schemas.CompletionRequest.properties
    update:
      top_k: {type: integer, minimum: 1, maximum: 100, description: How many of the likeliest tokens to sample among.}
      tone: {type: string, enum: [plain, grand]}
      guided: {type: boolean, nullable: true}
`;

test('further fields of an overlay come by themselves', async () => {
  const it = await open(overlaid(file('further.yaml', further)));
  await it.openGroups();
  assert.match(await it.of('top_k').locator('.hint').innerText(), /1 to 100/);
  await it.field('top_k').fill('101');
  await it.field('tone').selectOption('grand');
  await it.field('guided').selectOption('null');
  assert.deepEqual(await it.body(), { model: 'specgate-1', prompt: 'Once upon a time', guided: null, tone: 'grand', top_k: 101 });
  assert.equal(await it.send(), 'Failed.');
  assert.match(await it.of('top_k').locator('.fault').textContent(), /less than or equal to 100/);
  await it.close();
});
