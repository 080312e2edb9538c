// The reference: all of the contract, as it is served, in light and dark, wide and narrow.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openPage } from './browser.js';
import { violations } from './playground.js';
import { prepare } from './setup.js';

const { gateway, context } = prepare();

// read opens the reference, at a place in it.
async function read(place = '', ...args) {
  const it = await openPage(context(), (await gateway(...args)).origin, `/docs${place}`);
  await it.page.waitForSelector('body[data-ready]');
  return it;
}

const unfold = (it) => it.page.evaluate(() => document.querySelectorAll('details').forEach((one) => { one.open = true; }));

// done looks at what holds for every test: the policy was kept, and nothing came from elsewhere.
async function done(it) {
  assert.deepEqual(it.complaints, [], 'the console');
  assert.deepEqual(it.asked.filter((url) => !url.startsWith(`${it.origin}/`)), [], 'requests to elsewhere');
  await it.page.close();
}

const accessible = async (it, state) => assert.deepEqual(await violations(it.page), [], `axe, ${state}`);

test('light and dark, wide and narrow, folded and not', async () => {
  const it = await read();
  await accessible(it, 'folded');
  await unfold(it);
  const grounds = new Set();
  for (const colorScheme of ['light', 'dark']) {
    await it.page.emulateMedia({ colorScheme });
    grounds.add(await it.page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    await accessible(it, colorScheme);
  }
  assert.equal(grounds.size, 2, 'dark is dark');
  await it.page.setViewportSize({ width: 360, height: 780 });
  assert.equal(await it.page.evaluate(() => document.scrollingElement.scrollWidth), 360, 'it is not wider than the screen');
  await it.page.setViewportSize({ width: 1280, height: 900 });
  await done(it);
});

test('all of the contract is there', async () => {
  const it = await read();
  await unfold(it);
  const doc = await (await fetch(`${it.origin}/openapi.json`)).json();
  for (const [path, item] of Object.entries(doc.paths)) {
    for (const [method, { operationId, parameters = [], responses }] of Object.entries(item)) {
      const section = it.page.locator(`#${operationId}`);
      assert.equal(await section.locator('h3').innerText(), `${method.toUpperCase()} ${path}`);
      assert.deepEqual(await section.locator('.status').allInnerTexts(), Object.keys(responses));
      assert.equal(await section.locator(':scope > dl > dt').count(), parameters.length);
    }
  }
  for (const [name, schema] of Object.entries(doc.components.schemas)) {
    const section = it.page.locator(`#${name}`);
    const shown = await section.locator(':scope > dl > dt > .name').allInnerTexts();
    assert.deepEqual(shown.sort(), Object.keys(schema.properties ?? {}).sort(), name);
    assert.equal(await section.locator(':scope > dl > dt > .required').count(), (schema.required ?? []).length, name);
  }
  const lost = await it.page.evaluate(() => [...document.querySelectorAll('main a[href^="#"]')].map((one) => one.getAttribute('href').slice(1)).filter((id) => !document.getElementById(id)));
  assert.deepEqual(lost, [], 'links that lead nowhere');
  await done(it);
});

test('an overlay is in it, and a link leads to its place', async () => {
  const it = await read('#CompletionRequest', '--contract-overlay', 'docs/overlays/evaluation.yaml');
  const section = it.page.locator('#CompletionRequest');
  assert.ok(await section.evaluate((one) => Math.abs(one.getBoundingClientRect().top) < 100), 'it is in view');
  assert.match(await section.locator('dt', { hasText: /^logprobs\b/ }).locator('+ dd').innerText(), /0 to 20/);
  await done(it);
});

test('an address that names nothing, or is no text, shows the reference', async () => {
  for (const place of ['#nothing', '#%', '#%E0%A4']) {
    const it = await read(place);
    assert.ok(await it.page.locator('#CompletionRequest').count(), place);
    await done(it);
  }
});

test('what goes wrong is said, however late', async () => {
  const { origin } = await gateway();
  const it = await openPage(context(), origin, '/playground/icon.svg');
  await it.page.addInitScript(() => { Element.prototype.scrollIntoView = () => { throw new Error('no way there'); }; });
  await it.page.goto(`${origin}/docs#CompletionRequest`);
  await it.page.getByText('no way there').waitFor();
  assert.equal(await it.page.getByRole('status').innerText(), 'The contract cannot be read: no way there');
  await done(it);
});
